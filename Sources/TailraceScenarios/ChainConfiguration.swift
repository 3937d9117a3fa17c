/// The configuration files of a scenario's agents, as a user would write them.
package enum ChainConfiguration {
    private static func channel(_ agent: String, _ name: String, _ kind: ChainScenario.Shape.Channel, sync: String = "commit")
        -> String
    {
        let prefix = "\(agent).channels.\(name)"
        switch kind {
        case .memory: return "\(prefix).type = memory\n\(prefix).capacity = 200\n"
        // A small memory, so that it spills all the time.
        case .spillable:
            return """
                \(prefix).type = spillablememory
                \(prefix).memoryCapacity = 60
                \(prefix).overflowCapacity = 2000
                \(prefix).overflowTimeout = 1
                \(prefix).transactionCapacity = 500
                \(prefix).checkpointDir = /state/\(name)/checkpoint
                \(prefix).dataDirs = /state/\(name)/data
                \(prefix).maxFileSize = 65536
                \(prefix).minimumRequiredSpace = 1048576

                """
        // Small segments, so that they are changed and removed.
        case .file:
            return """
                \(prefix).type = file
                \(prefix).checkpointDir = /state/\(name)/checkpoint
                \(prefix).dataDirs = /state/\(name)/data
                \(prefix).capacity = 2000
                \(prefix).transactionCapacity = 500
                \(prefix).maxFileSize = 65536
                \(prefix).minimumRequiredSpace = 1048576
                \(prefix).syncMode = \(sync)

                """
        }
    }

    /// `source`: the keys of its source r1.
    package static func edge(
        _ shape: ChainScenario.Shape, source: [(key: String, value: String)] = TaildirFeeder.keys
    ) -> String {
        let sinks = (1...shape.aggregators).map { "k\($0)" }
        let channels = shape.edgeChannels.indices.map { "c\($0 + 1)" }
        var text = """
            edge.sources = r1
            edge.channels = \(channels.joined(separator: " "))
            edge.sinks = \(sinks.joined(separator: " "))
            edge.sources.r1.channels = \(channels.joined(separator: " "))
            edge.sources.r1.selector.type = replicating

            """
        for (name, kind) in zip(channels, shape.edgeChannels) { text += channel("edge", name, kind, sync: shape.syncMode) }
        for (key, value) in source { text += "edge.sources.r1.\(key) = \(value)\n" }
        for (index, sink) in sinks.enumerated() {
            text += """
                edge.sinks.\(sink).type = avro
                edge.sinks.\(sink).channel = \(channels[index % channels.count])
                edge.sinks.\(sink).hostname = aggregator-\(index + 1)
                edge.sinks.\(sink).port = 4545
                edge.sinks.\(sink).connect-timeout = 2000
                edge.sinks.\(sink).request-timeout = 5000
                edge.sinks.\(sink).compression = \(shape.compression)

                """
        }
        // One group drains one channel; with several channels each has one sink.
        if channels.count == 1, sinks.count > 1 { text += group(shape.group, sinks) }
        return text
    }
    private static func group(_ group: ChainScenario.Shape.Group, _ sinks: [String]) -> String {
        var text = "edge.sinkgroups = g1\nedge.sinkgroups.g1.sinks = \(sinks.joined(separator: " "))\n"
        switch group {
        case .loadBalance:
            text += "edge.sinkgroups.g1.processor.type = load_balance\nedge.sinkgroups.g1.processor.backoff = true\n"
        case .failover:
            text += "edge.sinkgroups.g1.processor.type = failover\n"
            for (index, sink) in sinks.enumerated() {
                text += "edge.sinkgroups.g1.processor.priority.\(sink) = \(10 - index)\n"
            }
        }
        return text
    }

    package static func aggregator(_ shape: ChainScenario.Shape, host: String, topic: String = "events") -> String {
        """
        aggregator.sources = r1
        aggregator.channels = c1
        aggregator.sinks = k1
        aggregator.sources.r1.type = avro
        aggregator.sources.r1.bind = \(host)
        aggregator.sources.r1.port = 4545
        aggregator.sources.r1.channels = c1
        aggregator.sources.r1.acknowledge = \(shape.acknowledge)
        \(channel("aggregator", "c1", shape.aggregatorChannel))
        aggregator.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink
        aggregator.sinks.k1.channel = c1
        aggregator.sinks.k1.kafka.bootstrap.servers = kafka:9092
        aggregator.sinks.k1.kafka.topic = \(topic)
        aggregator.sinks.k1.allowTopicOverride = false
        aggregator.sinks.k1.identityHeaders = true

        """
    }
}
