import CRdkafka
import Glibc
import TailraceCore

/// What a topic holds from its first record on, read by librdkafka's simple consumer: none of our code, and no group.
final class TopicReader {
    struct Record {
        var partition: Int32
        var offset: Int64
        var value: [UInt8]
        var headers: [String: [UInt8]]

        var text: String { String(decoding: value, as: UTF8.self) }
        /// Stream and number of the header `tailrace.id`.
        var identity: (stream: UInt64, number: UInt64)? {
            guard let bytes = headers[RecordSet.identityHeaderName], bytes.count == 16 else { return nil }
            func word(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
            return (word(bytes[..<8]), word(bytes[8...]))
        }
    }

    private let client: OpaquePointer
    private let topic: OpaquePointer
    private let queue: OpaquePointer
    private let partitions: Int32
    private(set) var records: [Record] = []

    init(_ bootstraps: String, _ name: String, partitions: Int32) throws {
        self.partitions = partitions
        let settings = rd_kafka_conf_new()
        // Reading starts where the client's own patience allows: the broker is killed in the middle of tests.
        for (key, value) in [
            "bootstrap.servers": bootstraps, "group.id": "reader", "log_level": "0", "reconnect.backoff.max.ms": "500",
        ] {
            guard rd_kafka_conf_set(settings, key, value, nil, 0) == RD_KAFKA_CONF_OK else { throw TestFailure("no \(key)") }
        }
        guard let client = rd_kafka_new(RD_KAFKA_CONSUMER, settings, nil, 0), let topic = rd_kafka_topic_new(client, name, nil),
            let queue = rd_kafka_queue_new(client)
        else { throw TestFailure("no reader of \(name)") }
        (self.client, self.topic, self.queue) = (client, topic, queue)
        for partition in 0..<partitions {
            rd_kafka_consume_start_queue(topic, partition, Int64(RD_KAFKA_OFFSET_BEGINNING), queue)
        }
    }
    deinit {
        for partition in 0..<partitions { rd_kafka_consume_stop(topic, partition) }
        rd_kafka_queue_destroy(queue)
        rd_kafka_topic_destroy(topic)
        rd_kafka_destroy(client)
    }

    /// Takes what is there; does not wait.
    func read() {
        while let message = rd_kafka_consume_queue(queue, 0) {
            defer { rd_kafka_message_destroy(message) }
            if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR { records.append(Record(message)) }
        }
    }

    /// The records, once the condition holds.
    func read(_ what: String, until isEnough: ([Record]) throws -> Bool) async throws -> [Record] {
        do {
            return try await value(what) {
                read()
                return try isEnough(records) ? records : nil
            }
        } catch { throw TestFailure("\(error); the topic has \(records.count) records") }
    }
}

extension TopicReader.Record {
    fileprivate init(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        (partition, offset) = (message.pointee.partition, message.pointee.offset)
        value = Array(UnsafeRawBufferPointer(start: message.pointee.payload, count: message.pointee.len))
        headers = [:]
        var list: OpaquePointer?
        guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        var name: UnsafePointer<CChar>?
        var start: UnsafeRawPointer?
        var count = 0, index = 0
        while rd_kafka_header_get_all(list, index, &name, &start, &count) == RD_KAFKA_RESP_ERR_NO_ERROR {
            headers[String(cString: name!)] = Array(UnsafeRawBufferPointer(start: start, count: count))
            index += 1
        }
    }
}
