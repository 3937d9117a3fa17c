import TailraceCore

/// Events that a listening source gathers for one batch: bodies and headers are written as bytes, nothing is allocated for
/// one event. Begin an event, write its body and its headers, end it.
struct GatheredBatch: ~Copyable {
    private var bodies: BufferBuilder
    private var ranges: [BodyRange] = []
    private var headers = BufferBuilder(capacity: 1024)
    private var headerRanges: [BodyRange] = []
    private var bodyStart = 0
    private var headerStart = 0

    /// `capacity`: bytes that are there at once.
    init(capacity: Int = 16 << 10, events: Int = 128) {
        bodies = BufferBuilder(capacity: capacity)
        ranges.reserveCapacity(events)
        headerRanges.reserveCapacity(events)
    }

    var size: BatchSize { BatchSize(events: ranges.count, bytes: bodies.count + headers.count) }
    var isEmpty: Bool { ranges.isEmpty }

    mutating func appendBody(_ bytes: UnsafeRawBufferPointer) { bodies.append(bytes) }
    mutating func appendBody(_ byte: UInt8) { bodies.append(byte) }

    /// Headers as ``EventHeaderTable`` has them.
    mutating func appendHeaders(_ encoded: Bytes) {
        encoded.withUnsafeBytes { headers.append($0) }
    }
    /// `write` puts headers at the begin of the space, at most `bytes`, and says how many.
    mutating func appendHeaders(upTo bytes: Int, _ write: (UnsafeMutableRawPointer) -> Int) {
        headers.reserve(bytes)
        headers.filled(write(headers.spare.baseAddress!))
    }

    mutating func endEvent() {
        ranges.append(BodyRange(start: UInt32(bodyStart), end: UInt32(bodies.count)))
        headerRanges.append(BodyRange(start: UInt32(headerStart), end: UInt32(headers.count)))
        (bodyStart, headerStart) = (bodies.count, headers.count)
    }

    consuming func finish() -> EventBatch {
        let hasHeaders = headers.count > 0
        let table = hasHeaders ? EventHeaderTable(bytes: headers.finish(), ranges: headerRanges) : nil
        return EventBatch(bodies.finishBuffer(), ranges, eventHeaders: table)
    }
}

extension EventHeaderTable {
    /// Headers in the table's form.
    static func encoded(_ headers: [Header]) -> Bytes {
        var builder = BufferBuilder(capacity: 64)
        for header in headers { append(header, to: &builder) }
        return builder.finish()
    }
}
