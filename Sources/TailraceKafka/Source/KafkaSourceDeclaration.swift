package import TailraceCore

extension KafkaSource {
    package typealias Configuration = KafkaSourceConfiguration

    package static let declaration = Declaration<KafkaSourceConfiguration>(
        type: "kafka", classNames: ["org.apache.flume.source.kafka.KafkaSource"],
        summary: "Reads Kafka topics as a member of a consumer group; offsets are committed when the events are safe.",
        keys: whatKeys + eventKeys + clientKeys + ownKeys)

    private static let whatKeys: [Key<KafkaSourceConfiguration>] = [
        .value(
            "kafka.bootstrap.servers", \.bootstrapServers, BootstrapServers.allowed, unit: "host:port, …", isRequired: true,
            "Brokers to begin with, separated by commas."),
        .custom(
            "kafka.topics", unit: "names separated by commas",
            otherNames: [KeyNote("topic", "deprecated since Flume 1.7: use kafka.topics")], "The topics to read."
        ) { source, _, text throws(TailraceError) in
            source.topics = try names(text)
            return nil
        },
        .custom(
            "kafka.topics.regex", unit: "pattern",
            "A pattern that the whole name of a topic must match; wins over kafka.topics."
        ) { source, _, text throws(TailraceError) in
            source.pattern = try TopicPattern.translated(text)
            return nil
        },
        .value("batchSize", \.batchSize, .within(1...Limits.batchEvents), unit: "events", "The most events of one batch."),
        .value(
            "batchDurationMillis", \.batchDurationMillis, .within(0...3_600_000), unit: "ms",
            "How long an event may wait for others to fill its batch. It is never more than 10 ms: waiting longer brings nothing."
        ),
    ]
    private static let eventKeys: [Key<KafkaSourceConfiguration>] = [
        .value(
            "useFlumeEventFormat", \.useFlumeEventFormat, .anything,
            "Values are bare Avro datums of Flume's, with headers of their own."),
        .value("setTopicHeader", \.setTopicHeader, .anything, "Give each event a header with the topic it came from."),
        .value("topicHeader", \.topicHeader, .notEmpty, "The name of that header."),
        .family("header.<name>", "Event header that gets the value of the record header that the value names.") {
            source, captured, text throws(TailraceError) in
            guard !text.isEmpty else {
                throw TailraceError(code: "configuration.range", message: "the name of the record header is empty")
            }
            source.recordHeaders.removeAll { $0.name == captured[0] }
            source.recordHeaders.append(Header(name: captured[0], value: text))
            source.recordHeaders.sort { $0.name < $1.name }
            return nil
        },
        .ignored("timestampHeader", because: "Flume documents it, but never looked at it; the header timestamp is always set"),
    ]
    private static let clientKeys: [Key<KafkaSourceConfiguration>] = [
        .family("kafka.consumer.*", "Settings of the client, by the Java client's names or librdkafka's; group.id: \"flume\".")
        {
            source, captured, text throws(TailraceError) in
            try source.consumer.set(captured[0], text, by: ClientSettings.consumerRules)
        },
        .custom("groupId", unit: "text", "Deprecated since Flume 1.7: use kafka.consumer.group.id.") {
            source, _, text throws(TailraceError) in
            source.oldGroup = text
            return "deprecated since Flume 1.7: use kafka.consumer.group.id"
        },
        .custom("zookeeperConnect", unit: "text", "Not supported: brokers are not looked up in ZooKeeper.") {
            _, _, _ throws(TailraceError) in throw ClientSettings.zookeeper
        },
        .ignored("migrateZookeeperOffsets", because: "offsets are Kafka's own since 0.9; ZooKeeper is not asked"),
    ]
    /// Tailrace's own.
    private static let ownKeys: [Key<KafkaSourceConfiguration>] = [
        .value(
            "deadLetterFile", \.deadLetterFile, .anything,
            "Where records go that cannot be read, as lines of JSON; default: in the agent's state directory.")
    ]

    private static func names(_ text: String) throws(TailraceError) -> [String] {
        let names = text.split(separator: ",").map { part in
            String(part.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        }
        for name in names where !TopicName.isValid(name) { throw TopicName.invalid(name) }
        guard !names.isEmpty else { throw TopicName.invalid("") }
        return names
    }
}
