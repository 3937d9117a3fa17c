import CRdkafka
package import TailraceCore

/// librdkafka's built-in mock cluster in this process: real sockets on 127.0.0.1, for tests and for a topology that needs
/// no installation. It forgets: of each partition it keeps the last few MB, so whoever counts must read as it goes.
///
/// Its calls ask librdkafka's thread and wait for the answer (microseconds); `close` waits for the cluster's threads.
package final class EmbeddedBroker {
    private let client: OpaquePointer
    private let cluster: OpaquePointer
    private var isClosed = false
    /// For `bootstrap.servers`.
    package let bootstraps: String

    package init(brokers: Int = 1) throws(TailraceError) {
        let settings = ClientSettings(
            ["test.mock.num.brokers": "\(brokers)"], defaults: ["log_level": "2", "client.id": "embedded"], forced: [:])
        client = try settings.makeHandle(RD_KAFKA_PRODUCER, events: 0)
        cluster = rd_kafka_handle_mock_cluster(client)
        bootstraps = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
    }
    deinit { close() }

    package func close() {
        guard !isClosed else { return }
        isClosed = true
        rd_kafka_destroy(client)
    }

    /// Before its first use: a topic that is used first gets 4 partitions.
    package func createTopic(_ name: String, partitions: Int, copies: Int = 1) throws(TailraceError) {
        try check("topic \(name)", rd_kafka_mock_topic_create(cluster, name, Int32(partitions), Int32(copies)))
    }

    /// Kinds of requests by their protocol number.
    package enum Request: Int16, Sendable {
        case produce = 0, fetch = 1, listOffsets = 2, metadata = 3, offsetCommit = 8, offsetFetch = 9, findCoordinator = 10
        case joinGroup = 11, heartbeat = 12, leaveGroup = 13, syncGroup = 14, initProducerID = 22
    }
    /// The next requests of that kind, on any broker, are answered with these codes of the Kafka protocol, one each.
    package func fail(_ request: Request, with codes: [Int32]) {
        for code in codes { crdkafka_mock_push_error(cluster, request.rawValue, rd_kafka_resp_err_t(rawValue: code)) }
    }
    /// Brokers are numbered from 1. Down: connections are closed and new ones refused.
    package func setDown(_ broker: Int32) throws(TailraceError) {
        try check("broker \(broker)", rd_kafka_mock_broker_set_down(cluster, broker))
    }
    package func setUp(_ broker: Int32) throws(TailraceError) {
        try check("broker \(broker)", rd_kafka_mock_broker_set_up(cluster, broker))
    }
    package func setRoundTrip(_ broker: Int32, _ time: Duration) throws(TailraceError) {
        try check("broker \(broker)", rd_kafka_mock_broker_set_rtt(cluster, broker, Int32(clamping: time.milliseconds)))
    }
    /// nil: the partition has no leader.
    package func setLeader(of partition: TopicPartition, _ broker: Int32?) throws(TailraceError) {
        try check(
            "leader of \(partition)",
            rd_kafka_mock_partition_set_leader(cluster, partition.topic, partition.partition, broker ?? -1))
    }

    private func check(_ what: String, _ code: rd_kafka_resp_err_t) throws(TailraceError) {
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        throw TailraceError(code: "kafka.embedded", message: "\(what): \(KafkaErrors.text(code))")
    }
}
