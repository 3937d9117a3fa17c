import CProtobufC
import CWire
import TailraceCore
import TailraceRPC
import TailraceWire
import Testing

/// Envelopes of a peer with a fault: right checksums, wrong content. Some end the connection, others only their batch.
@Suite struct HostileBatchTests {
    let arena = WireArena()

    struct Envelope {
        var stream: UInt64 = 1
        var span: (start: UInt64, count: UInt64) = (10, 2)
        var runs: [UInt64] = [0, 2]
        var events: UInt32 = 2
        var lengths: [UInt64] = [1, 2]
        var gaps: [UInt64] = []
        var gap: UInt32 = 0
        var sharedBytes: UInt32 = 0
        var headerLengths: [UInt64] = []
    }

    private func decode(_ envelope: Envelope, body: [UInt8] = Array("abc".utf8)) throws(TailraceError) -> ReceivedBatch {
        func varints(_ values: [UInt64]) -> [UInt8] {
            var builder = BufferBuilder(capacity: 16)
            for value in values { builder.append(varint64: value) }
            return Array(builder.finish())
        }
        var bytes: [UInt8] = []
        func field(_ number: UInt8, varint: UInt64) { bytes += [number << 3] + varints([varint]) }
        func field(_ number: UInt8, _ values: [UInt64]) {
            let content = varints(values)
            bytes += [number << 3 | 2] + varints([UInt64(content.count)]) + content
        }
        field(1, varint: 42)
        bytes += [2 << 3 | 1] + withUnsafeBytes(of: envelope.stream.littleEndian) { Array($0) }
        field(3, varint: envelope.span.start)
        field(4, varint: envelope.span.count)
        field(5, envelope.runs)
        field(6, varint: UInt64(envelope.events))
        field(7, envelope.lengths)
        field(8, varint: UInt64(envelope.gap))
        field(9, envelope.gaps)
        field(10, varint: UInt64(envelope.sharedBytes))
        field(11, envelope.headerLengths)
        // A field of a later version, which is skipped.
        field(15, varint: 1)
        let content = Bytes(copying: body).buffer
        return try Bytes(copying: bytes).withUnsafeBytes { (raw) throws(TailraceError) in
            try BatchDecoder.decode(raw, content, at: 0, arena)
        }
    }

    @Test func theHonestOne() throws {
        let received = try decode(Envelope())
        let batch = try received.batch.get()
        #expect(received.call == 42)
        #expect(batch[0].body.text == "a" && batch[1].body.text == "bc")
        #expect(batch.identity == BatchIdentity(stream: StreamID(value: 1), span: 10..<12, sequences: [10..<12]))
    }

    @Test(arguments: [
        ("lengths beyond the body", Envelope(lengths: [1, 3])), ("a huge length", Envelope(lengths: [1, .max])),
        ("lengths short of the body", Envelope(lengths: [1, 1])), ("too few lengths", Envelope(lengths: [3])),
        ("too many lengths", Envelope(lengths: [1, 2, 0])), ("a gap beyond the body", Envelope(gap: 9)),
        ("a huge gap", Envelope(gaps: [.max])), ("too many gaps", Envelope(gaps: [0, 0])),
        ("fewer numbers than events", Envelope(runs: [0, 1])),
        ("more numbers than events", Envelope(span: (10, 9), runs: [0, 3])),
        ("a run beyond the span", Envelope(runs: [1, 2])), ("an empty run", Envelope(runs: [0, 0, 0, 2])),
        ("runs that touch", Envelope(runs: [0, 1, 0, 1])), ("a run without count", Envelope(runs: [0])),
        ("a huge run", Envelope(runs: [1, .max])), ("a span that overflows", Envelope(span: (.max, 2))),
        ("a huge span", Envelope(span: (0, 1 << 63))), ("shared headers beyond the body", Envelope(sharedBytes: 4)),
        ("shared headers that are none", Envelope(lengths: [1, 1], sharedBytes: 1)),
        ("headers beyond the body", Envelope(headerLengths: [0, 4])),
        ("headers that are none", Envelope(lengths: [0, 1], headerLengths: [0, 2])),
        ("headers of too few events", Envelope(headerLengths: [0])),
        ("headers of too many events", Envelope(headerLengths: [0, 0, 0])),
    ])
    func refused(name: String, envelope: Envelope) {
        let refusal = error { () throws(TailraceError) in _ = try decode(envelope) }
        #expect(refusal?.code == "rpc.malformed", "\(name)")
    }

    /// Limits that every agent has refuse the batch, not the connection, so that one batch cannot hold up its stream.
    @Test func limits() throws {
        let count = UInt32(Limits.batchEvents + 1)
        let events = Envelope(
            span: (0, UInt64(count)), runs: [0, UInt64(count)], events: count,
            lengths: Array(repeating: 0, count: Int(count)))
        #expect(try refusal(decode(events, body: [])).message == "65537 events in a batch, allowed are 65536")

        var runs = Envelope(span: (0, 100_000), events: 5000, lengths: Array(repeating: 0, count: 5000))
        runs.runs = (0..<5000).flatMap { [$0 == 0 ? 0 : 1, 1] as [UInt64] }
        #expect(try refusal(decode(runs, body: [])).message == "4097 runs of numbers, allowed are 4096")

        var many = BufferBuilder(capacity: 2000)
        for _ in 0..<300 { EventHeaderTable.append(Header("a", "b"), to: &many) }
        let size = many.count, bytes = Array(many.finish())
        let shared = Envelope(span: (0, 0), runs: [], events: 0, lengths: [], sharedBytes: UInt32(size))
        #expect(try refusal(decode(shared, body: bytes)).message == "257 shared headers, allowed are 256")
        let own = Envelope(span: (0, 1), runs: [0, 1], events: 1, lengths: [0], headerLengths: [UInt64(size)])
        #expect(try refusal(decode(own, body: bytes)).message == "257 event's headers, allowed are 256")

        var long = BufferBuilder(capacity: 2000)
        EventHeaderTable.append(Header("a", String(repeating: "x", count: 65_537)), to: &long)
        let longSize = long.count
        let longOne = Envelope(span: (0, 0), runs: [], events: 0, lengths: [], sharedBytes: UInt32(longSize))
        #expect(try refusal(decode(longOne, body: Array(long.finish()))).code == "rpc.too-large")
    }

    private func refusal(_ received: ReceivedBatch) throws -> TailraceError {
        guard case .failure(let error) = received.batch else {
            throw TailraceError(code: "test", message: "the batch was taken")
        }
        #expect(received.call == 42)
        return error
    }
}
