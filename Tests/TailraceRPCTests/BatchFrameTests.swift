import TailraceCore
import TailraceRPC
import TailraceWire
import Testing

/// A batch to a frame and back.
@Suite struct BatchFrameTests {
    let arena = WireArena()
    let compressor = Compressor()

    private func encoded(_ batch: EventBatch, _ compression: Compression = .none, call: UInt64 = 1) throws -> [UInt8] {
        var encoder = BatchEncoder()
        return flatten(
            try encoder.encode(
                batch, call: call, largestFrame: 64 << 20, compression: compression, compressor, arena
            ).pieces)
    }

    /// Identity, bodies and headers survive every form: gaps, runs, parts, empty batches, each compression.
    @Test(arguments: Compression.allCases, (0..<40).map { UInt64($0) })
    func roundTrip(compression: Compression, seed: UInt64) throws {
        var batches = RandomBatches(seed: seed)
        var encoder = BatchEncoder()
        for call in 0..<4 {
            let batch = batches.batch()
            let frame = try encoder.encode(
                batch, call: UInt64(call), largestFrame: 64 << 20, compression: compression, compressor, arena)
            let bytes = flatten(frame.pieces)
            let (frames, end) = try decodeFrames(bytes, cuts: (0..<5).map { _ in batches.number(0...bytes.count) })
            #expect(end == nil)
            #expect(frames.count == 1)
            #expect(frames[0].header.envelopeLength + frames[0].header.contentLength == frame.size)
            let received = try decodeBatch(frames[0], arena, compressor)
            #expect(received.call == UInt64(call))
            #expect(BatchContent(try received.batch.get()) == BatchContent(batch))
        }
    }

    /// The bodies of a frame are the memory of the batch, and those of the received batch the memory of the frame.
    @Test func nothingIsCopied() throws {
        let buffer = Bytes("one\ntwo\nthree\n").buffer
        let ranges: [(UInt32, UInt32)] = [(0, 3), (4, 7), (8, 13)]
        let batch = EventBatch(buffer, ranges.map { BodyRange(start: $0.0, end: $0.1) }).numbered(StreamID(value: 1), from: 5)
        var encoder = BatchEncoder()
        let frame = try encoder.encode(batch, call: 1, largestFrame: 1 << 20, compression: .none, compressor, arena)
        #expect(frame.pieces.count == 2)
        #expect(frame.pieces[1].buffer === buffer)
        #expect(frame.pieces[1].text == "one\ntwo\nthree")

        let decoded = try decodeFrames(flatten(frame.pieces)).frames[0]
        let received = try decodeBatch(decoded, arena, compressor).batch.get()
        #expect(received.storage.buffer === decoded.payload.buffer)
        #expect(received[1].body.text == "two")
    }

    /// What a filter dropped does not go over the wire, not even as a gap.
    @Test func droppedBodiesStayHere() throws {
        var builder = EventBatchBuilder()
        for text in ["keep", "SECRET", "keep too"] { builder.append(text.utf8) }
        let batch = builder.finish().numbered(StreamID(value: 1), from: 0).keeping([0..<1, 2..<3])
        let bytes = try encoded(batch)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("SECRET"))
        let received = try decodeBatch(try decodeFrames(bytes).frames[0], arena, compressor).batch.get()
        #expect(BatchContent(received) == BatchContent(batch))
        #expect(received.identity?.dropped == 1)
    }

    /// A batch whose events were all dropped on the way still answers for its numbers.
    @Test func aBatchWithoutEvents() throws {
        let identity = BatchIdentity(stream: StreamID(value: 9), span: 100..<200, sequences: [])
        let batch = EventBatch(.empty, []).identified(identity)
        let received = try decodeBatch(try decodeFrames(encoded(batch)).frames[0], arena, compressor).batch.get()
        #expect(received.identity == identity)
        #expect(received.count == 0)
    }

    /// Two frames one behind the other come out the same, wherever the bytes are cut.
    @Test func everyCut() throws {
        var batches = RandomBatches(seed: 3)
        let batch = batches.batch(maximumEvents: 8)
        let bytes = try encoded(batch) + encoded(batch, .zstd, call: 2) + Array(ControlMessage.ping(5).frame(arena))
        for cut in 1..<min(bytes.count, 1_500) {
            let (frames, end) = try decodeFrames(bytes, cuts: [cut])
            #expect(end == nil && frames.count == 3)
            #expect(BatchContent(try decodeBatch(frames[0], arena, compressor).batch.get()) == BatchContent(batch))
        }
        let single = try decodeFrames(bytes, cuts: Array(0..<bytes.count))
        #expect(single.frames.count == 3)
    }

    /// The peer's end within a frame is told with the numbers; between frames it is none.
    @Test func endWithinAFrame() throws {
        let bytes = try encoded(RandomBatches(seed: 8).firstBatch)
        for cut in 0..<bytes.count {
            let end = try decodeFrames(Array(bytes[..<cut])).end
            #expect((end == nil) == (cut == 0), "cut at \(cut)")
        }
        let end = try decodeFrames(Array(bytes[..<40])).end
        #expect(end?.code == "rpc.closed")
        #expect(end?.message == "the peer closed the connection after 8 of \(bytes.count - 32) bytes of a frame")
    }

    @Test func limitsOfTheSender() throws {
        var encoder = BatchEncoder()
        let batch = RandomBatches(seed: 8).firstBatch
        let tooLarge = error { () throws(TailraceError) in
            _ = try encoder.encode(batch, call: 1, largestFrame: 50, compression: .none, compressor, arena)
        }
        #expect(tooLarge?.code == "rpc.too-large")
        #expect(tooLarge?.message.hasSuffix("allowed are 50") == true)
        let runs = (0..<UInt64(Limits.runs + 1)).map { $0 * 2..<$0 * 2 + 1 }
        let many = EventBatch(.empty, Array(repeating: BodyRange(start: 0, end: 0), count: runs.count))
            .identified(BatchIdentity(stream: StreamID(value: 1), span: 0..<20_000, sequences: runs))
        let tooMany = error { () throws(TailraceError) in
            _ = try encoder.encode(many, call: 1, largestFrame: 1 << 20, compression: .none, compressor, arena)
        }
        #expect(tooMany?.code == "rpc.too-many")
        #expect(tooMany?.message == "4097 runs of numbers, allowed are 4096")
    }
}

extension RandomBatches {
    /// The first that has events.
    var firstBatch: EventBatch {
        var copy = self
        while true {
            let batch = copy.batch(maximumEvents: 12)
            if batch.count > 2 { return batch }
        }
    }
}
