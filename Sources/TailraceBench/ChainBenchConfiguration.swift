/// The agents of a chain that is measured: what a user would write, with the settings that are compared.
package struct ChainBenchConfiguration: Sendable {
    /// "memory" or "file".
    package var channel = "memory"
    package var compression = "none"
    package var kafkaCompression = "none"
    package var isIdempotent = false
    package var identityHeaders = false
    package var lingerMilliseconds = 5
    package init() {}

    private func channel(_ agent: String, _ directory: String) -> String {
        var text = "\(agent).channels = c1\n\(agent).channels.c1.type = \(channel)\n"
        if channel == "file" {
            text += "\(agent).channels.c1.dataDirs = \(directory)/\(agent)-data\n"
            text += "\(agent).channels.c1.checkpointDir = \(directory)/\(agent)-checkpoint\n"
        } else {
            text += "\(agent).channels.c1.capacity = 40000\n"
        }
        return text
    }

    func edge(port: Int, file: String, directory: String) -> String {
        let folder = file.split(separator: "/").dropLast().joined(separator: "/"), name = file.split(separator: "/").last!
        return channel("edge", directory) + """
            edge.sources = r1
            edge.sinks = k1
            edge.sources.r1.type = taildir
            edge.sources.r1.channels = c1
            edge.sources.r1.filegroups = f1
            edge.sources.r1.filegroups.f1 = /\(folder)/\(name.replacing(".", with: "\\\\."))
            edge.sources.r1.positionFile = \(directory)/taildir_position.json
            edge.sinks.k1.type = rpc
            edge.sinks.k1.channel = c1
            edge.sinks.k1.hostname = 127.0.0.1
            edge.sinks.k1.port = \(port)
            edge.sinks.k1.compression = \(compression)

            """
    }

    func aggregator(port: Int, servers: String, topic: String, directory: String) -> String {
        channel("aggregator", directory) + """
            aggregator.sources = r1
            aggregator.sinks = k1
            aggregator.sources.r1.type = rpc
            aggregator.sources.r1.channels = c1
            aggregator.sources.r1.bind = 127.0.0.1
            aggregator.sources.r1.port = \(port)
            aggregator.sinks.k1.type = kafka
            aggregator.sinks.k1.channel = c1
            aggregator.sinks.k1.kafka.bootstrap.servers = \(servers)
            aggregator.sinks.k1.kafka.topic = \(topic)
            aggregator.sinks.k1.kafka.producer.acks = all
            aggregator.sinks.k1.kafka.producer.linger.ms = \(lingerMilliseconds)
            aggregator.sinks.k1.kafka.producer.enable.idempotence = \(isIdempotent)
            aggregator.sinks.k1.kafka.producer.compression.type = \(kafkaCompression)
            aggregator.sinks.k1.identityHeaders = \(identityHeaders)

            """
    }
}
