package import TailraceCore

/// The keys of the Kafka source. Flume's, but for the last one.
package struct KafkaSourceConfiguration: BatchingConfiguration {
    package var bootstrapServers = ""
    package var topics: [String] = []
    /// As librdkafka wants it; wins over the list.
    package var pattern: String?
    package var batchSize = 1000
    package var batchDurationMillis = 1000
    package var useFlumeEventFormat = false
    package var setTopicHeader = true
    package var topicHeader = "topic"
    /// Event header ← name of the record's header; ordered by the first.
    package var recordHeaders: [Header] = []
    package var consumer = ClientSettings()
    /// The deprecated `groupId`; `kafka.consumer.group.id` wins.
    package var oldGroup: String?

    package var deadLetterFile: String?

    package init() {}

    package var batchEvents: Int { batchSize }

    var group: String { consumer["group.id"] ?? oldGroup ?? "flume" }

    package func problems() -> [ConfigurationProblem] {
        var problems = consumer.problems("kafka.consumer.")
        if topics.isEmpty, pattern == nil {
            problems.append(
                ConfigurationProblem(
                    .error, code: "kafka.no-topics", key: "kafka.topics", message: "the source names no topic to read",
                    fix: "set kafka.topics (names separated by commas) or kafka.topics.regex"))
        }
        if group.isEmpty {
            problems.append(
                ConfigurationProblem(
                    .error, code: "kafka.no-group", key: "kafka.consumer.group.id", message: "the group's name is empty",
                    fix: "give it a name, or remove the line for \"flume\""))
        }
        return problems
    }

    /// What the client gets: the file's settings over the source's defaults.
    func consumerSettings() throws(TailraceError) -> [String: String] {
        let defaults = [
            "bootstrap.servers": bootstrapServers,
            "group.id": group,
            // The Java client's default.
            "auto.offset.reset": "latest",
            // The Java client reads what aborted transactions wrote; nobody wants that in his logs.
            "isolation.level": "read_committed",
            "socket.nagle.disable": "true",
            // Read ahead per partition: bounded by bytes, and enough for some batches.
            "queued.min.messages": String(max(10_000, 4 * batchSize)),
            "queued.max.messages.kbytes": "8192",
        ]
        var settings = defaults.merging(try consumer.resolved()) { _, given in given }
        // Offsets are committed when the events are safe, and by this source alone.
        settings["enable.auto.commit"] = "false"
        settings["enable.auto.offset.store"] = "false"
        return settings
    }
}
