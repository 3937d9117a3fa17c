// Envelope and content to a batch: CWire/wire.proto, AppendBatch. Everything a peer can say wrong is refused with numbers.

import CWire
package import TailraceCore

/// A batch that arrived, and the number of the call to answer. Failure: it exceeds a limit that every agent has, so it is
/// refused for good, by itself; the connection goes on.
package struct ReceivedBatch: Sendable {
    package var call: UInt64
    package var batch: Result<EventBatch, TailraceError>
}

package enum BatchDecoder {
    /// The batch lies in `content`, where the frame was read to or decompressed: nothing of it is copied.
    /// `at`: where the body begins in it. Both checksums are right. Throws for what no sane peer sends.
    package static func decode(
        _ envelope: UnsafeRawBufferPointer, _ content: Buffer, at start: Int, _ arena: WireArena
    ) throws(TailraceError) -> ReceivedBatch {
        try decode(envelope, Bytes(content, start..<content.count), arena)
    }

    /// The same for a body in the middle of a larger buffer, which the batch then keeps.
    package static func decode(
        _ envelope: UnsafeRawBufferPointer, _ content: Bytes, _ arena: WireArena
    ) throws(TailraceError) -> ReceivedBatch {
        arena.reset()
        defer { arena.reset() }
        let message = try unpack("appendBatch", envelope, arena, wire__append_batch__unpack)
        do {
            return ReceivedBatch(call: message.call, batch: .success(try batch(message, content)))
        } catch {
            guard error.code == "rpc.too-many" || error.code == "rpc.too-large" else { throw error }
            return ReceivedBatch(call: message.call, batch: .failure(error))
        }
    }

    private static func batch(
        _ message: Wire__AppendBatch, _ body: Bytes
    ) throws(TailraceError) -> EventBatch {
        guard message.events <= UInt32(Limits.batchEvents) else {
            throw .rpcTooMany("events in a batch", Int(message.events), limit: Limits.batchEvents)
        }
        let events = Int(message.events), size = body.count, content = body.buffer, start = body.startIndex
        let identity = try identity(message, events)
        guard Int(message.shared_bytes) <= size else {
            throw .rpcMalformed("shared headers of \(message.shared_bytes) bytes in a body of \(size)")
        }
        let shared = try sharedHeaders(UnsafeRawBufferPointer(start: content.base + start, count: Int(message.shared_bytes)))
        var place = start + Int(message.shared_bytes)
        let table = try eventHeaders(message.header_lengths.bytes, events, body, &place)
        let bodies = try bodies(message, events, place, body.endIndex)
        let storage = EventBatch.Storage(content, bodies, shared: shared, eventHeaders: table)
        return EventBatch(storage, events == 0 ? [] : [0..<events], identity, [])
    }

    private static func identity(_ message: Wire__AppendBatch, _ events: Int) throws(TailraceError) -> BatchIdentity {
        let (end, overflows) = message.span_start.addingReportingOverflow(message.span_count)
        guard !overflows, message.span_count <= UInt64(Int.max) else {
            throw .rpcMalformed("a span of \(message.span_count) numbers from \(message.span_start) on")
        }
        let runs = try RunCoding.read(message.runs.bytes, from: message.span_start, within: end)
        let numbers = runs.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
        guard numbers == UInt64(events) else { throw .rpcMalformed("\(numbers) numbers for \(events) events") }
        return BatchIdentity(stream: StreamID(value: message.stream), span: message.span_start..<end, sequences: runs)
    }

    private static func sharedHeaders(_ bytes: UnsafeRawBufferPointer) throws(TailraceError) -> [Header] {
        var headers: [Header] = []
        try checkHeaders(bytes, "shared") { name, value in
            headers.append(
                Header(name: String(decoding: bytes[name], as: UTF8.self), value: String(decoding: bytes[value], as: UTF8.self))
            )
        }
        return headers
    }

    /// Walks over one run of headers, whose form and limits it checks.
    private static func checkHeaders(
        _ bytes: UnsafeRawBufferPointer, _ whose: String, _ visit: (Range<Int>, Range<Int>) -> Void
    ) throws(TailraceError) {
        var count = 0, longest = 0
        let isWhole = EventHeaderTable.walk(bytes) { name, value in
            count += 1
            longest = max(longest, max(name.count, value.count))
            guard count <= Limits.headers, longest <= Limits.headerBytes else { return false }
            visit(name, value)
            return true
        }
        guard isWhole else { throw .rpcMalformed("\(whose) headers of \(bytes.count) bytes are cut off") }
        guard count <= Limits.headers else { throw .rpcTooMany("\(whose) headers", count, limit: Limits.headers) }
        guard longest <= Limits.headerBytes else { throw .rpcTooLarge("\(whose) header", longest, limit: Limits.headerBytes) }
    }

    private static func eventHeaders(
        _ lengths: UnsafeRawBufferPointer, _ events: Int, _ body: Bytes, _ place: inout Int
    ) throws(TailraceError) -> EventHeaderTable? {
        guard lengths.count > 0 else { return nil }
        var reader = VarintReader(lengths), ranges: [BodyRange] = []
        let first = place, content = body.buffer, limit = body.endIndex
        ranges.reserveCapacity(events)
        for index in 0..<events {
            guard let length = reader.next(), length <= UInt64(limit - place) else {
                throw .rpcMalformed("headers of event \(index) of \(events) do not fit the body of \(body.count) bytes")
            }
            let end = place + Int(length)
            try checkHeaders(UnsafeRawBufferPointer(start: content.base + place, count: Int(length)), "event's") { _, _ in }
            ranges.append(BodyRange(start: UInt32(place), end: UInt32(end)))
            place = end
        }
        guard reader.isAtEnd else { throw .rpcMalformed("more header lengths than the \(events) events") }
        return EventHeaderTable(bytes: Bytes(content, first..<place), ranges: ranges)
    }

    private static func bodies(
        _ message: Wire__AppendBatch, _ events: Int, _ start: Int, _ end: Int
    ) throws(TailraceError) -> [BodyRange] {
        let hasGaps = message.gaps.bytes.count > 0
        var lengths = VarintReader(message.lengths.bytes), gaps = VarintReader(message.gaps.bytes)
        var place = start, bad = -1
        let uniform = UInt64(message.gap)
        let result = [BodyRange](unsafeUninitializedCapacity: events) { space, filled in
            for index in 0..<events {
                let gap = index == 0 ? 0 : hasGaps ? gaps.next() ?? .max : uniform
                guard let length = lengths.next(), gap <= UInt64(end - place), length <= UInt64(end - place) - gap
                else {
                    bad = index
                    break
                }
                let low = place + Int(gap)
                place = low + Int(length)
                space[index] = BodyRange(start: UInt32(truncatingIfNeeded: low), end: UInt32(truncatingIfNeeded: place))
                filled = index + 1
            }
        }
        guard bad < 0 else {
            throw .rpcMalformed(
                "the length of event \(bad) of \(events) is missing, or beyond the body's \(end - start) bytes")
        }
        guard lengths.isAtEnd, gaps.isAtEnd, place == end else {
            throw .rpcMalformed("\(events) events take \(place - start) bytes of a body of \(end - start), or fewer lengths")
        }
        return result
    }
}
