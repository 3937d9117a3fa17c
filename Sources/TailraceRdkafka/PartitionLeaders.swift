import CRdkafka
import TailraceCore

/// Whether each partition of the topic has a leader, asked of a broker. Waits: for a ``WorkThread``.
func partitionLeaders(of topic: String, _ client: ClientHandle, limit: Duration) -> Result<[Bool], TailraceError> {
    func failure(_ code: rd_kafka_resp_err_t) -> Result<[Bool], TailraceError> {
        .failure(
            TailraceError(
                code: "kafka.metadata", message: "the partitions of topic \(topic) are not known: \(KafkaErrors.text(code))",
                fix: KafkaErrors.fix(code)))
    }
    guard let handle = rd_kafka_topic_new(client.pointer, topic, nil) else { return failure(rd_kafka_last_error()) }
    defer { rd_kafka_topic_destroy(handle) }
    var metadata: UnsafePointer<rd_kafka_metadata>?
    let code = rd_kafka_metadata(client.pointer, 0, handle, &metadata, Int32(clamping: limit.milliseconds))
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { return failure(code) }
    defer { rd_kafka_metadata_destroy(metadata) }
    guard metadata.pointee.topic_cnt == 1 else { return failure(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) }
    let answer = metadata.pointee.topics[0]
    guard answer.err == RD_KAFKA_RESP_ERR_NO_ERROR else { return failure(answer.err) }
    var leaders = [Bool](repeating: false, count: Int(answer.partition_cnt))
    for index in 0..<Int(answer.partition_cnt) {
        let partition = answer.partitions[index]
        if leaders.indices.contains(Int(partition.id)) { leaders[Int(partition.id)] = partition.leader >= 0 }
    }
    return .success(leaders)
}
