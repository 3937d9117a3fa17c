package import TailraceCore

extension KafkaChannel {
    package typealias Configuration = KafkaChannelConfiguration

    package static let declaration = Declaration<KafkaChannelConfiguration>(
        type: "kafka", classNames: ["org.apache.flume.channel.kafka.KafkaChannel"],
        summary:
            "A Kafka topic as channel: durable as the topic is, and shared with whoever writes to it or reads it. It may have a source or a sink only.",
        keys: topicKeys + clientKeys + ownKeys)

    private static let topicKeys: [Key<KafkaChannelConfiguration>] = [
        .value(
            "kafka.bootstrap.servers", \.bootstrapServers, BootstrapServers.allowed, unit: "host:port, …", isRequired: true,
            otherNames: [KeyNote("brokerList", "deprecated since Flume 1.7: use kafka.bootstrap.servers")],
            "Brokers to begin with, separated by commas."),
        .value(
            "kafka.topic", \.topic, Allowed("a topic's name") { TopicName.isValid($0) },
            otherNames: [KeyNote("topic", "deprecated since Flume 1.7: use kafka.topic")], "The topic that is the channel."),
        .value(
            "parseAsFlumeEvent", \.parseAsFlumeEvent, .anything,
            "Records are Flume's Avro datums, headers included; false: the value is the body, and headers are the record's (in Flume they are lost)."
        ),
        .value(
            "defaultPartitionId", \.defaultPartitionId, Allowed("0 or more") { $0 ?? 0 >= 0 && $0 ?? 0 <= Int(Int32.max) },
            "The partition of all events that name none."),
        .value("partitionIdHeader", \.partitionIdHeader, .anything, "The header that names the partition."),
        .ignored("kafka.pollTimeout", because: "no call here waits: a sink is told when there are records"),
        .ignored("pollTimeout", because: "no call here waits: a sink is told when there are records"),
        .ignored("capacity", because: "the topic's own retention bounds it, as in Flume"),
        .ignored("transactionCapacity", because: "a put has what its source's batch has, a take what its sink's has"),
        .ignored("keep-alive", because: "room for a put comes as fast as the brokers confirm others"),
    ]
    private static let clientKeys: [Key<KafkaChannelConfiguration>] = [
        .family("kafka.producer.*", "Settings of the producer, by the Java client's names or librdkafka's.") {
            channel, captured, text throws(TailraceError) in
            try channel.producer.set(captured[0], text, by: ClientSettings.producerRules)
        },
        .family(
            "kafka.consumer.*",
            "Settings of the consumer; group.id: \"flume\"; auto.offset.reset: \"earliest\"."
        ) { channel, captured, text throws(TailraceError) in
            try channel.consumer.set(captured[0], text, by: ClientSettings.consumerRules)
        },
        .custom("groupId", unit: "text", "Deprecated since Flume 1.7: use kafka.consumer.group.id.") {
            channel, _, text throws(TailraceError) in
            channel.oldGroup = text
            return "deprecated since Flume 1.7: use kafka.consumer.group.id"
        },
        .custom(
            "readSmallestOffset", unit: "true or false",
            "Deprecated since Flume 1.7: use kafka.consumer.auto.offset.reset."
        ) { channel, _, text throws(TailraceError) in
            guard let isSmallest = Bool(configured: text) else {
                throw .setting("readSmallestOffset", text, allowed: "true or false")
            }
            channel.oldReset = isSmallest ? "earliest" : "latest"
            return "deprecated since Flume 1.7: use kafka.consumer.auto.offset.reset"
        },
        .custom("zookeeperConnect", unit: "text", "Not supported: brokers are not looked up in ZooKeeper.") {
            _, _, _ throws(TailraceError) in throw ClientSettings.zookeeper
        },
        .ignored("migrateZookeeperOffsets", because: "offsets are Kafka's own since 0.9; ZooKeeper is not asked"),
    ]
    /// Tailrace's own.
    private static let ownKeys: [Key<KafkaChannelConfiguration>] = [
        .value(
            "identityHeaders", \.identityHeaders, .anything,
            "Give each record the header \(RecordSet.identityHeaderName) (stream and number), so that what comes twice is recognised."
        ),
        .value(
            "deadLetterFile", \.deadLetterFile, .anything,
            "Where events go that no broker will accept, and records that cannot be read; default: in the agent's state directory."
        ),
        .value(
            "deliveryTimeoutMilliseconds", \.deliveryTimeoutMilliseconds,
            Allowed("1000 to 86400000") { (1000...86_400_000).contains($0 ?? 1000) }, unit: "ms",
            "How long a put may be unconfirmed before it fails and is put again (default 120000)."),
    ]
}
