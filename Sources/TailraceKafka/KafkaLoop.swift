package import TailraceCore

/// A Kafka source gives its events the header `topic`; a Kafka sink behind it sends each event to the topic of that header.
/// Within one cluster the events go round for ever. For who knows which sink is behind which source.
package enum KafkaLoop {
    /// nil: there is no such loop. The problem's key is relative to the source.
    package static func problem(
        _ source: KafkaSourceConfiguration, to sink: KafkaSinkConfiguration, named sinkName: String
    ) -> ConfigurationProblem? {
        guard source.setTopicHeader, sink.allowTopicOverride, sink.topicHeader == source.topicHeader else { return nil }
        guard !servers(source.bootstrapServers).isDisjoint(with: servers(sink.bootstrapServers)) else { return nil }
        return ConfigurationProblem(
            .warning, code: "kafka.loop", key: "setTopicHeader",
            message:
                "events get the header \"\(source.topicHeader)\" with the topic they came from, and \(sinkName), in the same "
                + "cluster, sends them there again: they go round for ever",
            fix: "set setTopicHeader = false here, or allowTopicOverride = false at \(sinkName)")
    }
    private static func servers(_ text: String) -> Set<String> {
        Set(text.split(separator: ",").map { String($0.filter { !$0.isWhitespace }).lowercased() })
    }
}
