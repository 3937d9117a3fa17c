import Glibc
import TailraceCore
import TailraceRPC
import TailraceWire
import Testing

/// The bytes in RPC.docc/Protocol.md are what the code writes, and it reads them as the article says.
@Suite struct ProtocolArticleTests {
    let arena = WireArena()

    static let batch: EventBatch = {
        var headers = BufferBuilder(capacity: 16)
        EventHeaderTable.append(Header("key", "7"), to: &headers)
        let size = UInt32(headers.count)
        let ranges = [BodyRange(start: 0, end: size), BodyRange(start: size, end: size)]
        let table = EventHeaderTable(bytes: headers.finish(), ranges: ranges)
        let bodies = [BodyRange(start: 0, end: 5), BodyRange(start: 6, end: 8)]
        let batch = EventBatch(Bytes("first\n2.\n").buffer, bodies, shared: [Header("host", "web-1")], eventHeaders: table)
        let identity = BatchIdentity(
            stream: StreamID(value: 0x0102_0304_0506_0708), span: 300..<303, sequences: [300..<301, 302..<303])
        return batch.identified(identity)
    }()

    /// What the blocks of the article are, in their order.
    private func frames() throws -> [[UInt8]] {
        var encoder = BatchEncoder()
        let window = SendWindow(batches: 16, size: BatchSize(events: 10_000, bytes: 1 << 20))
        let hello = Hello(agent: "edge.sinks.k1", compression: [.zstd], largestFrame: 65_536)
        let reply = HelloReply(agent: "aggregator.sources.r1", compression: .zstd, largestFrame: 1 << 26, window: window)
        let batch = try encoder.encode(
            Self.batch, call: 1, largestFrame: 1 << 20, compression: .none, Compressor(), arena)
        return [
            Array(ControlMessage.hello(hello).frame(arena)), Array(ControlMessage.helloReply(reply).frame(arena)),
            flatten(batch.pieces),
            Array(ControlMessage.batchReply(BatchReply(call: 1, status: .ok, window: window)).frame(arena)),
        ]
    }

    @Test func theExampleIsWhatTheCodeWrites() throws {
        let blocks = try Self.blocks()
        #expect(blocks.count == 4)
        for (block, frame) in zip(blocks, try frames()) { #expect(block == frame, "\(Self.hex(frame))") }
    }

    @Test func theExampleIsReadAsTheArticleSays() throws {
        let frames = try decodeFrames(try Self.blocks().flatMap { $0 }).frames
        #expect(frames.map(\.kind) == [.hello, .helloReply, .appendBatch, .batchReply])
        let received = try decodeBatch(frames[2], arena, Compressor())
        #expect(received.call == 1)
        #expect(BatchContent(try received.batch.get()) == BatchContent(Self.batch))
    }

    /// Every field of wire.proto stands in the article's tables of messages.
    @Test func everyMessageIsDescribed() throws {
        let article = try Self.text("Sources/TailraceRPC/RPC.docc/Protocol.md")
        for kind in MessageKind.allCases {
            let name = "\(kind)".prefix(1).uppercased() + "\(kind)".dropFirst()
            #expect(article.contains("| \(kind.rawValue) | `\(name)` |"), "\(name)")
        }
    }

    /// The fenced blocks marked `hex`; what stands behind a `#` is for people.
    private static func blocks() throws -> [[UInt8]] {
        var blocks: [[UInt8]] = [], isInside = false
        for line in try text("Sources/TailraceRPC/RPC.docc/Protocol.md").split(
            separator: "\n", omittingEmptySubsequences: false)
        {
            if line.hasPrefix("```") {
                isInside = line == "```hex"
                if isInside { blocks.append([]) }
                continue
            }
            guard isInside else { continue }
            let bytes = line.prefix { $0 != "#" }.split(separator: " ")
            for byte in bytes { blocks[blocks.count - 1].append(try #require(UInt8(byte, radix: 16), "\(line)")) }
        }
        return blocks
    }

    /// A file of the checkout.
    private static func text(_ path: String) throws -> String {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let file = try #require(fopen("\(root)/\(path)", "r"), "\(path) is missing")
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 256 << 10)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}
