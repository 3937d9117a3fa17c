import CRdkafka
import TailraceCore

/// Copies librdkafka's messages into one buffer of values, and keys and header values, where there are any, into another.
final class ConsumedBatchBuilder {
    /// Offsets into a buffer are 32 bits.
    static let byteLimit = 1 << 30

    private var values: BufferBuilder
    private var bodies: [BodyRange] = []
    private var offsets: [Int64] = []
    private var timestamps: [WallTime?] = []
    private var extras = BufferBuilder(capacity: 0)
    private var keys: [Range<Int>?] = []
    private var headers: [[(name: String, value: Range<Int>)]] = []
    private var hasHeaders = false

    init(capacity: Int) { values = BufferBuilder(capacity: max(0, min(capacity, Self.byteLimit))) }

    /// False: it does not fit any more. The first always does.
    func append(_ message: UnsafeMutablePointer<rd_kafka_message_t>, _ limit: BatchSize) -> Bool {
        let count = message.pointee.len
        guard bodies.isEmpty || (bodies.count < limit.events && values.count + count <= min(limit.bytes, Self.byteLimit)) else {
            return false
        }
        let start = values.count
        values.append(UnsafeRawBufferPointer(start: message.pointee.payload, count: count))
        bodies.append(BodyRange(start: UInt32(start), end: UInt32(values.count)))
        offsets.append(message.pointee.offset)
        var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let time = rd_kafka_message_timestamp(message, &kind)
        timestamps.append(kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? nil : WallTime(milliseconds: time))
        keys.append(message.pointee.key.map { extra($0, message.pointee.key_len) })
        headers.append(headerList(message))
        return true
    }

    private func extra(_ bytes: UnsafeRawPointer?, _ count: Int) -> Range<Int> {
        let start = extras.count
        extras.append(UnsafeRawBufferPointer(start: bytes, count: count))
        return start..<extras.count
    }

    private func headerList(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> [(name: String, value: Range<Int>)] {
        var list: OpaquePointer?
        guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return [] }
        hasHeaders = true
        var result: [(name: String, value: Range<Int>)] = []
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var count = 0
        while rd_kafka_header_get_all(list, result.count, &name, &value, &count) == RD_KAFKA_RESP_ERR_NO_ERROR, let name {
            result.append((String(cString: name), extra(value, count)))
        }
        return result
    }

    /// Once.
    func finish(_ partition: TopicPartition) -> ConsumedBatch {
        var filled = BufferBuilder(capacity: 0)
        swap(&filled, &values)
        let events = EventBatch(filled.finishBuffer(), bodies)
        filled = BufferBuilder(capacity: 0)
        swap(&filled, &extras)
        let more = filled.finishBuffer()
        return ConsumedBatch(
            partition: partition, events: events, offsets: offsets, timestamps: timestamps,
            keys: keys.map { $0.map { Bytes(more, $0) } },
            headers: hasHeaders
                ? .each(headers.map { $0.map { RecordHeader(name: $0.name, value: Bytes(more, $0.value)) } }) : .all([]))
    }
}
