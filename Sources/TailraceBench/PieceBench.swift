import Glibc
package import TailraceCore
import TailraceRdkafka
import TailraceSources
import TailraceWire

/// What one piece costs beside its floor, in turns.
package struct PieceResult: Codable, Sendable {
    package struct Row: Codable, Sendable {
        package var name: String
        /// User and system time per event, in nanoseconds: median, least, most.
        package var median: Double
        package var least: Double
        package var most: Double
        /// To the row that is the floor.
        package var ratio: Double
    }
    package var events: Int
    package var bytesPerEvent: Int
    package var rounds: Int
    /// The first one is the floor.
    package var rows: [Row] = []

    /// `times`: nanoseconds per event, by name, of each round.
    mutating func add(_ name: String, _ times: [Double]) {
        let median = ChainBench.Result.median(times)
        rows.append(
            Row(
                name: name, median: median, least: times.min()!, most: times.max()!,
                ratio: rows.isEmpty ? 1 : median / rows[0].median))
    }
}

/// `tailrace bench parse`: bytes of a file to lines, to a batch, to a frame and back, beside copying the bytes once. The input
/// is made from numbers, the same each time.
package enum ParseBench {
    private static let blockEvents = 1_800

    package static func run(events: Int, bytes: Int, rounds: Int) throws(TailraceError) -> PieceResult {
        let block = block(bytes), blocks = max(1, events / blockEvents)
        var result = PieceResult(events: blocks * blockEvents, bytesPerEvent: bytes, rounds: rounds)
        let splitter = LineSplitter(maximumLine: 1 << 20, maximumLines: Limits.batchEvents, maximumBytes: 64 << 20)
        let bodies = block.withUnsafeBytes { splitter.split($0, from: 0) }.bodies
        let batch = EventBatch(block.buffer, bodies).numbered(StreamID(value: 1), from: 0)
        var encoder = BatchEnvelopeEncoder()
        let encoded = try encoder.encode(batch, call: 1), arena = WireArena()
        var envelope = BufferBuilder(capacity: encoded.envelopeLength)
        encoder.pack(into: UnsafeMutableRawBufferPointer(rebasing: envelope.spare.prefix(encoded.envelopeLength)))
        envelope.filled(encoded.envelopeLength)
        let header = envelope.finish(), content = encoded.content[0]
        let space = UnsafeMutableRawBufferPointer.allocate(byteCount: block.count, alignment: 64)
        defer { space.deallocate() }

        var times: [[Double]] = Array(repeating: [], count: 5), failure: TailraceError?
        for _ in 0..<rounds {
            times[0].append(measured(blocks) { block.withUnsafeBytes { space.copyMemory(from: $0) } })
            times[1].append(measured(blocks) { _ = block.withUnsafeBytes { splitter.split($0, from: 0) } })
            times[2].append(
                measured(blocks) {
                    do throws(TailraceError) {
                        let encoded = try encoder.encode(batch, call: 1)
                        encoder.pack(into: UnsafeMutableRawBufferPointer(rebasing: space[..<encoded.envelopeLength]))
                    } catch { failure = error }
                })
            times[3].append(
                measured(blocks) {
                    do throws(TailraceError) {
                        _ = try header.withUnsafeBytes { (bytes) throws(TailraceError) in
                            try BatchDecoder.decode(bytes, content, arena)
                        }
                    } catch { failure = error }
                })
            times[4].append(measured(blocks) { _ = block.withUnsafeBytes { crc32c($0) } })
        }
        if let failure { throw failure }
        let names = ["copy of the bytes", "lines of a block", "batch to envelope", "envelope to batch", "checksum"]
        for (name, times) in zip(names, times) { result.add(name, times) }
        return result
    }

    private static func measured(_ count: Int, _ body: () -> Void) -> Double {
        let before = PlainProducer.processCPU()
        for _ in 0..<count { body() }
        return Double((PlainProducer.processCPU() - before).nanoseconds) / Double(count * blockEvents)
    }

    /// Lines of `bytes`, their ends included.
    private static func block(_ bytes: Int) -> Bytes {
        var builder = BufferBuilder(capacity: blockEvents * bytes)
        for number in 0..<blockEvents {
            let text = String(number)
            builder.append((text + String(repeating: "x", count: max(0, bytes - 1 - text.utf8.count))).utf8)
            builder.append(UInt8(0x0A))
        }
        return builder.finish()
    }
}
