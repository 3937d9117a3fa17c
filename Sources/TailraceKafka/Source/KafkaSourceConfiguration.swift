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
        if group.isEmpty { problems.append(ClientSettings.emptyGroup) }
        return problems
    }

    func consumerSettings() throws(TailraceError) -> [String: String] {
        // The Java client's default is the latest.
        try consumer.groupSettings(bootstrapServers, group: group, reset: "latest", readAhead: 4 * batchSize)
    }
}
