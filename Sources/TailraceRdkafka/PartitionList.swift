import CRdkafka
import TailraceCore

/// librdkafka's list of partitions with offsets, destroyed with its owner.
struct PartitionList: ~Copyable {
    let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    /// Offsets that are nil are left to the group and to `auto.offset.reset`.
    init(_ partitions: [(TopicPartition, Int64?)]) {
        pointer = rd_kafka_topic_partition_list_new(Int32(clamping: partitions.count))
        for (partition, offset) in partitions {
            let entry = rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.partition)!
            entry.pointee.offset = offset ?? Int64(RD_KAFKA_OFFSET_INVALID)
        }
    }
    init(_ partitions: [TopicPartition]) { self.init(partitions.map { ($0, nil) }) }
    deinit { rd_kafka_topic_partition_list_destroy(pointer) }

    /// Ascending by topic and partition.
    static func partitions(of list: UnsafePointer<rd_kafka_topic_partition_list_t>?) -> [TopicPartition] {
        guard let list else { return [] }
        return (0..<Int(list.pointee.cnt)).map { index in
            let entry = list.pointee.elems[index]
            return TopicPartition(topic: String(cString: entry.topic), partition: entry.partition)
        }.sorted()
    }

    /// The first error of an entry.
    static func error(of list: UnsafePointer<rd_kafka_topic_partition_list_t>?) -> rd_kafka_resp_err_t {
        guard let list else { return RD_KAFKA_RESP_ERR_NO_ERROR }
        for index in 0..<Int(list.pointee.cnt) where list.pointee.elems[index].err != RD_KAFKA_RESP_ERR_NO_ERROR {
            return list.pointee.elems[index].err
        }
        return RD_KAFKA_RESP_ERR_NO_ERROR
    }
}

/// What the group has committed, in the order of `partitions`; nil where nothing is. Waits: for a ``WorkThread``.
func committedOffsets(
    of partitions: [TopicPartition], _ client: ClientHandle, limit: Duration
) -> Result<[Int64?], TailraceError> {
    let list = PartitionList(partitions)
    var code = rd_kafka_committed(client.pointer, list.pointer, Int32(clamping: limit.milliseconds))
    if code == RD_KAFKA_RESP_ERR_NO_ERROR { code = PartitionList.error(of: list.pointer) }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
        return .failure(
            TailraceError(
                code: "kafka.committed",
                message: "the group's offsets of \(partitions.count) partitions are not known: \(KafkaErrors.text(code))",
                fix: KafkaErrors.fix(code)))
    }
    return .success(
        partitions.indices.map { index in
            let offset = list.pointer.pointee.elems[index].offset
            return offset >= 0 ? offset : nil
        })
}
