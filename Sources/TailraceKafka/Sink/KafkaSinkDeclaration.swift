package import TailraceCore

extension KafkaSink {
    package typealias Configuration = KafkaSinkConfiguration

    package static let declaration = Declaration<KafkaSinkConfiguration>(
        type: "kafka", classNames: ["org.apache.flume.sink.kafka.KafkaSink"],
        summary: "Writes events to Kafka topics; delivered is what the broker has confirmed.",
        keys: whereKeys + whatKeys + clientKeys + ownKeys)

    private static let whereKeys: [Key<KafkaSinkConfiguration>] = [
        .value(
            "kafka.bootstrap.servers", \.bootstrapServers, BootstrapServers.allowed, unit: "host:port, …", isRequired: true,
            otherNames: [KeyNote("brokerList", "deprecated since Flume 1.7: use kafka.bootstrap.servers")],
            "Brokers to begin with, separated by commas."),
        .value(
            "kafka.topic", \.topic, .notEmpty,
            otherNames: [
                KeyNote("kafka.topics", "Flume ignores kafka.topics of a sink; understood as kafka.topic"),
                KeyNote("topic", "deprecated since Flume 1.7: use kafka.topic"),
            ],
            "The topic, with %{header} and time escapes if allowTopicOverride is true."),
        .value(
            "flumeBatchSize", \.flumeBatchSize, .within(1...Limits.batchEvents), unit: "events",
            otherNames: [
                KeyNote("kafka.flumeBatchSize", "Flume ignores kafka.flumeBatchSize; understood as flumeBatchSize"),
                KeyNote("batchSize", "deprecated since Flume 1.7: use flumeBatchSize"),
            ],
            "The most events of one take (Flume: 100, and it waits for each batch)."),
    ]
    private static let whatKeys: [Key<KafkaSinkConfiguration>] = [
        .value(
            "useFlumeEventFormat", \.useFlumeEventFormat, .anything,
            "Write the event with its headers as a bare Avro datum, instead of the body alone."),
        .value("allowTopicOverride", \.allowTopicOverride, .anything, "Let a header of the event name the topic."),
        .value("topicHeader", \.topicHeader, .notEmpty, "The header that names the topic."),
        .value(
            "defaultPartitionId", \.defaultPartitionId, Allowed("0 or more") { $0 ?? 0 >= 0 && $0 ?? 0 <= Int(Int32.max) },
            "The partition of all events that name none."),
        .value("partitionIdHeader", \.partitionIdHeader, .anything, "The header that names the partition."),
        .value("timestampHeader", \.timestampHeader, .anything, "The header that has the record's time, in ms since 1970."),
        .family("header.<name>", "Event header to copy to the record header that the value names.") {
            sink, captured, text throws(TailraceError) in
            guard !text.isEmpty else {
                throw TailraceError(code: "configuration.range", message: "the name of the record header is empty")
            }
            sink.recordHeaders.removeAll { $0.name == captured[0] }
            sink.recordHeaders.append(Header(name: captured[0], value: text))
            sink.recordHeaders.sort { $0.name < $1.name }
            return nil
        },
    ]
    private static let clientKeys: [Key<KafkaSinkConfiguration>] = [
        .family("kafka.producer.*", "Settings of the client, by the Java client's names or librdkafka's.") {
            sink, captured, text throws(TailraceError) in
            try sink.producer.set(captured[0], text, by: ClientSettings.producerRules)
        },
        .custom("requiredAcks", unit: "text", allowed: "-1, 0, 1", "Deprecated since Flume 1.7: use kafka.producer.acks.") {
            sink, _, text throws(TailraceError) in
            guard ["-1", "0", "1", "all"].contains(text) else { throw .setting("requiredAcks", text, allowed: "-1, 0, 1") }
            sink.requiredAcks = text == "-1" ? "all" : text
            return "deprecated since Flume 1.7: use kafka.producer.acks"
        },
        .ignored("serializer.class", because: "Flume ignores it too; bodies are sent as they are"),
        .ignored("key.serializer.class", because: "Flume ignores it too; keys are sent as they are"),
    ]
    /// Tailrace's own.
    private static let ownKeys: [Key<KafkaSinkConfiguration>] = [
        .value(
            "identityHeaders", \.identityHeaders, .anything,
            "Give each record the header \(RecordSet.identityHeaderName) (stream and number), for the audit."),
        .value(
            "deadLetterFile", \.deadLetterFile, .anything,
            "Where events go that no broker will accept, as lines of JSON; default: in the agent's state directory."),
        .value(
            "deliveryTimeoutMilliseconds", \.deliveryTimeoutMilliseconds,
            Allowed("1000 to 86400000") { (1000...86_400_000).contains($0 ?? 1000) }, unit: "ms",
            "How long a batch may be undelivered before it is given back (default 120000, or kafka.producer.delivery.timeout.ms)."
        ),
        .value("window", \.window, .within(1...1024), unit: "takes", "Takes that may be on their way at once."),
        .value("timeZone", \.timeZone, .anything, "The zone of the time escapes in kafka.topic."),
    ]
}
