// A batch to envelope and content: CWire/wire.proto, AppendBatch.

import CProtobufC
import CWire
package import TailraceCore

/// Encodes batches for the wire and for disk, with memory that is kept from one to the next. Confined to its loop.
///
/// The bodies are not touched: the content points into the batch's buffer. Costs per event: its length.
package struct BatchEnvelopeEncoder: ~Copyable {
    /// Bytes between two bodies that are sent along rather than cut out: a line end is not worth a piece of its own, and a
    /// piece of a frame costs about as much as this.
    package static let largestGap = 64

    private var lengths = BufferBuilder(capacity: 4096)
    private var gaps = BufferBuilder(capacity: 0)
    private var headerLengths = BufferBuilder(capacity: 0)
    private var headers = BufferBuilder(capacity: 0)
    private var runs = BufferBuilder(capacity: 64)
    private var message = Wire__AppendBatch()

    package init() {}

    /// What ``pack(into:)`` needs room for, and what belongs behind it.
    package struct Encoded {
        package var envelopeLength: Int
        /// Shared headers, event headers, bodies; no piece is empty.
        package var content: [Bytes]
        package var contentLength: Int
    }

    /// `batch`: numbered. Throws when it exceeds a limit that every decoder has.
    package mutating func encode(_ batch: EventBatch, call: UInt64) throws(TailraceError) -> Encoded {
        guard let identity = batch.identity else { preconditionFailure("a batch without numbers cannot be sent") }
        guard batch.count <= Limits.batchEvents else {
            throw .rpcTooMany("events in a batch", batch.count, limit: Limits.batchEvents)
        }
        guard identity.sequences.count <= Limits.runs else {
            throw .rpcTooMany("runs of numbers", identity.sequences.count, limit: Limits.runs)
        }
        lengths.removeAll()
        gaps.removeAll()
        headerLengths.removeAll()
        headers.removeAll()
        runs.removeAll()
        for header in batch.storage.sharedHeaders { EventHeaderTable.append(header, to: &headers) }
        let sharedBytes = headers.count
        var content = [Bytes()]  // the headers' place
        if let table = batch.storage.eventHeaders { appendHeaders(batch, table, &content) }
        let gap = appendBodies(batch, &content)
        content[0] = headers.count == 0 ? Bytes() : Bytes(copying: headers.bytes)
        RunCoding.append(identity.sequences, from: identity.span.lowerBound, to: &runs)

        wire__append_batch__init(&message)
        message.call = call
        message.stream = identity.stream.value
        (message.span_start, message.span_count) = (
            identity.span.lowerBound, identity.span.upperBound - identity.span.lowerBound
        )
        message.events = UInt32(batch.count)
        message.gap = gap ?? 0
        message.shared_bytes = UInt32(sharedBytes)
        message.runs = field(runs.bytes)
        message.lengths = field(lengths.bytes)
        if gap == nil { message.gaps = field(gaps.bytes) }
        message.header_lengths = field(headerLengths.bytes)
        let length = wire__append_batch__get_packed_size(&message)
        guard length <= WireLimits.largestEnvelope else {
            throw .rpcTooLarge("envelope", length, limit: WireLimits.largestEnvelope)
        }
        content.removeAll(where: \.isEmpty)
        return Encoded(
            envelopeLength: length, content: content, contentLength: content.reduce(0) { $0 + $1.count })
    }

    /// Writes the envelope of the batch that was encoded last. `space`: as long as it.
    package mutating func pack(into space: UnsafeMutableRawBufferPointer) {
        let written = space.withMemoryRebound(to: UInt8.self) { wire__append_batch__pack(&message, $0.baseAddress) }
        precondition(written == space.count, "protobuf-c packed \(written) bytes after announcing \(space.count)")
    }

    /// Points at memory of this encoder, which lives until the message is packed.
    private func field(_ bytes: UnsafeRawBufferPointer) -> ProtobufCBinaryData {
        let memory = UnsafeMutableRawPointer(mutating: bytes.baseAddress!).assumingMemoryBound(to: UInt8.self)
        return ProtobufCBinaryData(len: bytes.count, data: memory)
    }

    /// Event headers are slices of the table where they lie behind each other, else copied: a filter left holes.
    private mutating func appendHeaders(_ batch: EventBatch, _ table: EventHeaderTable, _ content: inout [Bytes]) {
        var start: UInt32 = 0, end: UInt32 = 0, isCopied = false
        let buffer = table.bytes.buffer
        func slice() -> Bytes { Bytes(buffer, Int(start)..<Int(end)) }
        for run in batch.runs {
            for index in run {
                let range = table.ranges[index]
                headerLengths.append(varint: range.count)
                if range.count == 0 { continue }
                if isCopied {
                    headers.append(Bytes(buffer, range.range))
                } else if end == start {
                    (start, end) = (range.start, range.end)
                } else if range.start == end {
                    end = range.end
                } else {
                    isCopied = true
                    headers.append(slice())
                    headers.append(Bytes(buffer, range.range))
                }
            }
        }
        if !isCopied, end > start { content.append(slice()) }
    }

    /// One slice of the batch's buffer for each stretch of bodies that lie close together. Never across events that were
    /// dropped: their bytes stay here. Returns the gap between bodies if it is always the same.
    ///
    /// This is the one loop of the sender that runs once per event: local variables and a pointer, no calls.
    private mutating func appendBodies(_ batch: EventBatch, _ content: inout [Bytes]) -> UInt32? {
        let buffer = batch.storage.buffer
        lengths.reserve(batch.count * 5)
        let space = lengths.spare.baseAddress!.assumingMemoryBound(to: UInt8.self)
        var used = 0, uniform: UInt32?, isUniform = true, written = 0
        var start: UInt32 = 0, end: UInt32 = 0, isFirstOfAll = true
        batch.storage.bodies.withUnsafeBufferPointer { bodies in
            for run in batch.runs {
                var isFirst = true
                for index in run {
                    let body = bodies[index]
                    used += Self.store(varint: body.end - body.start, at: space + used)
                    if isFirstOfAll {
                        (start, isFirstOfAll) = (body.start, false)
                    } else {
                        var gap = isFirst ? UInt32.max : body.start - end
                        if gap > Self.largestGap {
                            content.append(Bytes(buffer, Int(start)..<Int(end)))
                            (start, gap) = (body.start, 0)
                        }
                        if isUniform, gap != uniform ?? gap {
                            isUniform = false
                            for _ in 0..<written { gaps.append(varint: Int(uniform!)) }
                        }
                        if isUniform { uniform = gap } else { gaps.append(varint: Int(gap)) }
                        written += 1
                    }
                    end = body.end
                    isFirst = false
                }
            }
        }
        lengths.filled(used)
        if !isFirstOfAll { content.append(Bytes(buffer, Int(start)..<Int(end))) }
        return isUniform ? uniform ?? 0 : nil
    }

    /// Returns how many bytes it took, five at most.
    @inline(__always)
    private static func store(varint value: UInt32, at place: UnsafeMutablePointer<UInt8>) -> Int {
        var rest = value, count = 0
        while rest >= 0x80 {
            place[count] = UInt8(truncatingIfNeeded: rest) | 0x80
            rest >>= 7
            count += 1
        }
        place[count] = UInt8(truncatingIfNeeded: rest)
        return count + 1
    }
}
