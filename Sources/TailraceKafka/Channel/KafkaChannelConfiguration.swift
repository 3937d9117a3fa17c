package import TailraceCore

/// The keys of the Kafka channel. Flume's, but for the last three.
package struct KafkaChannelConfiguration: DurableChannelConfiguration, SharedChannelConfiguration {
    package var bootstrapServers = ""
    package var topic = "flume-channel"
    package var parseAsFlumeEvent = true
    package var defaultPartitionId: Int?
    package var partitionIdHeader: String?
    package var producer = ClientSettings()
    package var consumer = ClientSettings()
    /// The deprecated `groupId`; `kafka.consumer.group.id` wins.
    package var oldGroup: String?
    /// The deprecated `readSmallestOffset`; `kafka.consumer.auto.offset.reset` wins.
    package var oldReset: String?

    package var identityHeaders = true
    package var deadLetterFile: String?
    package var deliveryTimeoutMilliseconds: Int?

    package init() {}

    var group: String { consumer["group.id"] ?? oldGroup ?? "flume" }

    package func problems() -> [ConfigurationProblem] {
        var problems = consumer.problems("kafka.consumer.")
        problems += delivery.problems().map { problem in
            var own = problem
            if own.key == "flumeBatchSize" { own.key = "kafka.producer.queue.buffering.max.messages" }
            return own
        }
        if group.isEmpty { problems.append(ClientSettings.emptyGroup) }
        return problems
    }

    /// Its puts are delivered as a sink's takes.
    var delivery: KafkaSinkConfiguration {
        var sink = KafkaSinkConfiguration()
        (sink.bootstrapServers, sink.topic, sink.allowTopicOverride) = (bootstrapServers, topic, false)
        (sink.useFlumeEventFormat, sink.sendsAllHeaders) = (parseAsFlumeEvent, !parseAsFlumeEvent)
        (sink.defaultPartitionId, sink.partitionIdHeader) = (defaultPartitionId, partitionIdHeader)
        (sink.producer, sink.identityHeaders, sink.deadLetterFile) = (producer, identityHeaders, deadLetterFile)
        sink.deliveryTimeoutMilliseconds = deliveryTimeoutMilliseconds
        sink.flumeBatchSize = KafkaPuts.largest.events
        return sink
    }
    func consumerSettings() throws(TailraceError) -> [String: String] {
        var settings = try consumer.groupSettings(bootstrapServers, group: group, reset: oldReset ?? "earliest")
        // The topic may not be there before the first put, here or elsewhere.
        settings["allow.auto.create.topics"] = settings["allow.auto.create.topics"] ?? "true"
        return settings
    }
}
