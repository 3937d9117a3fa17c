/// The configuration files of a scenario's agents, as a user would write them.
package enum ChainConfiguration {
    private static func channel(_ agent: String, _ kind: ChainScenario.Shape.Channel) -> String {
        switch kind {
        case .memory: "\(agent).channels.c1.type = memory\n\(agent).channels.c1.capacity = 200"
        // Small segments, so that they are changed and removed.
        case .file:
            """
            \(agent).channels.c1.type = file
            \(agent).channels.c1.checkpointDir = /state/checkpoint
            \(agent).channels.c1.dataDirs = /state/data
            \(agent).channels.c1.capacity = 2000
            \(agent).channels.c1.transactionCapacity = 500
            \(agent).channels.c1.maxFileSize = 65536
            \(agent).channels.c1.minimumRequiredSpace = 1048576
            """
        }
    }

    package static func edge(_ shape: ChainScenario.Shape) -> String {
        let sinks = (1...shape.aggregators).map { "k\($0)" }
        var text = """
            edge.sources = r1
            edge.channels = c1
            edge.sinks = \(sinks.joined(separator: " "))
            \(channel("edge", shape.edgeChannel))
            edge.sources.r1.channels = c1

            """
        switch shape.source {
        case .taildir:
            text += """
                edge.sources.r1.type = TAILDIR
                edge.sources.r1.filegroups = f1
                edge.sources.r1.filegroups.f1 = /logs/.*\\\\.log
                edge.sources.r1.positionFile = /state/taildir_position.json
                edge.sources.r1.batchSize = 20

                """
        case .seq:
            text += """
                edge.sources.r1.type = seq
                edge.sources.r1.batchSize = 7
                edge.sources.r1.totalEvents = \(shape.lines)

                """
        }
        for (index, sink) in sinks.enumerated() {
            text += """
                edge.sinks.\(sink).type = avro
                edge.sinks.\(sink).channel = c1
                edge.sinks.\(sink).hostname = aggregator-\(index + 1)
                edge.sinks.\(sink).port = 4545
                edge.sinks.\(sink).connect-timeout = 2000
                edge.sinks.\(sink).request-timeout = 5000
                edge.sinks.\(sink).compression = \(shape.compression)

                """
        }
        if sinks.count > 1 {
            text += "edge.sinkgroups = g1\nedge.sinkgroups.g1.sinks = \(sinks.joined(separator: " "))\n"
            switch shape.group {
            case .loadBalance:
                text += "edge.sinkgroups.g1.processor.type = load_balance\nedge.sinkgroups.g1.processor.backoff = true\n"
            case .failover:
                text += "edge.sinkgroups.g1.processor.type = failover\n"
                for (index, sink) in sinks.enumerated() {
                    text += "edge.sinkgroups.g1.processor.priority.\(sink) = \(10 - index)\n"
                }
            }
        }
        return text
    }

    package static func aggregator(_ shape: ChainScenario.Shape, host: String) -> String {
        """
        aggregator.sources = r1
        aggregator.channels = c1
        aggregator.sinks = k1
        aggregator.sources.r1.type = avro
        aggregator.sources.r1.bind = \(host)
        aggregator.sources.r1.port = 4545
        aggregator.sources.r1.channels = c1
        aggregator.sources.r1.acknowledge = \(shape.acknowledge)
        \(channel("aggregator", shape.aggregatorChannel))
        aggregator.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink
        aggregator.sinks.k1.channel = c1
        aggregator.sinks.k1.kafka.bootstrap.servers = kafka:9092
        aggregator.sinks.k1.kafka.topic = events
        aggregator.sinks.k1.identityHeaders = true

        """
    }
}
