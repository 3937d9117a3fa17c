import CRdkafka
import Glibc
import TailraceCore
import Testing

/// A record as the broker has it, read by librdkafka's simple consumer: without our consumer, and without a group.
struct StoredRecord {
    var partition: Int32
    var offset: Int64
    var value: String
    var key: String?
    var timestamp: Int64
    var headers: [(name: String, value: [UInt8])]
}

/// The first `count` records of the topic, by partition.
func readRecords(_ bootstraps: String, _ topic: String, partitions: Int32, count: Int) throws -> [StoredRecord] {
    let settings = rd_kafka_conf_new()
    _ = rd_kafka_conf_set(settings, "bootstrap.servers", bootstraps, nil, 0)
    _ = rd_kafka_conf_set(settings, "group.id", "reader", nil, 0)
    let client = try #require(rd_kafka_new(RD_KAFKA_CONSUMER, settings, nil, 0))
    defer { rd_kafka_destroy(client) }
    let handle = try #require(rd_kafka_topic_new(client, topic, nil))
    defer { rd_kafka_topic_destroy(handle) }
    let queue = try #require(rd_kafka_queue_new(client))
    defer { rd_kafka_queue_destroy(queue) }
    for partition in 0..<partitions {
        rd_kafka_consume_start_queue(handle, partition, Int64(RD_KAFKA_OFFSET_BEGINNING), queue)
    }
    defer { for partition in 0..<partitions { rd_kafka_consume_stop(handle, partition) } }
    var records: [StoredRecord] = [], quiet = 0
    while records.count < count, quiet < 200 {
        guard let message = rd_kafka_consume_queue(queue, 50) else {
            quiet += 1
            continue
        }
        defer { rd_kafka_message_destroy(message) }
        if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR { records.append(StoredRecord(message)) }
    }
    return records.sorted { ($0.partition, $0.offset) < ($1.partition, $1.offset) }
}

extension StoredRecord {
    init(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        func text(_ start: UnsafeMutableRawPointer?, _ count: Int) -> String? {
            start.map { String(decoding: UnsafeRawBufferPointer(start: $0, count: count), as: UTF8.self) }
        }
        partition = message.pointee.partition
        offset = message.pointee.offset
        value = text(message.pointee.payload, message.pointee.len) ?? ""
        key = text(message.pointee.key, message.pointee.key_len)
        timestamp = rd_kafka_message_timestamp(message, nil)
        headers = []
        var list: OpaquePointer?
        guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var count = 0
        while rd_kafka_header_get_all(list, headers.count, &name, &value, &count) == RD_KAFKA_RESP_ERR_NO_ERROR {
            headers.append((String(cString: name!), Array(UnsafeRawBufferPointer(start: value, count: count))))
        }
    }
}
