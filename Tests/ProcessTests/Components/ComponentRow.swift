import TailraceCore
import TailraceRdkafka

/// One component on its way to or from Kafka: how an agent is configured, and how events come into it. What comes out is read
/// from the topic ``output``, and must be what was fed. To add a component: one more row.
struct ComponentRow: Sendable {
    /// Also the agent's name, and part of the names of topics and files.
    let name: String
    /// Whether events can be fed while the broker is away.
    var feedsWithoutBroker = true
    /// The properties of the agent `name`. `input`: a file that the row feeds.
    let properties: @Sendable (_ server: KafkaServer, _ input: String) -> String
    /// Brings these lines, each with its line end, into the agent.
    var feed: @Sendable (_ lines: String, _ agent: Agent, _ server: KafkaServer, _ input: String) async throws -> Void = {
        lines, _, _, input in try Files.append(lines, to: input)
    }
    var output: String { "\(name)-out" }

    static func line(_ name: String, _ number: Int) -> String { "\(name) line \(number) of ten thousand" }

    /// A source of lines from a file, and a memory channel.
    static func tail(_ name: String, _ input: String, channel: String = "type = memory") -> String {
        """
        \(name).sources = r
        \(name).channels = c
        \(name).sinks = k
        \(name).sources.r.type = TAILDIR
        \(name).sources.r.filegroups = f
        \(name).sources.r.filegroups.f = \(input)
        \(name).sources.r.channels = c
        \(name).sinks.k.channel = c
        \(name).channels.c.\(channel)

        """
    }
    static func kafkaSink(_ name: String, _ server: KafkaServer) -> String {
        """
        \(name).sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
        \(name).sinks.k.kafka.topic = \(name)-out
        \(name).sinks.k.allowTopicOverride = false
        \(name).sinks.k.identityHeaders = true

        """ + server.lines("\(name).sinks.k", "producer")
    }

    static let all: [ComponentRow] = [
        ComponentRow(name: "sink") { server, input in tail("sink", input) + kafkaSink("sink", server) },
        ComponentRow(
            name: "source", feedsWithoutBroker: false,
            properties: { server, input in
                """
                source.sources = r
                source.channels = c
                source.sinks = k
                source.sources.r.type = org.apache.flume.source.kafka.KafkaSource
                source.sources.r.kafka.topics = source-in
                source.sources.r.kafka.consumer.auto.offset.reset = earliest
                source.sources.r.channels = c
                source.channels.c.type = memory
                source.sinks.k.channel = c

                """ + server.lines("source.sources.r", "consumer") + kafkaSink("source", server)
            },
            feed: { lines, _, server, _ in
                let figures = try PlainProducer.run(Bytes(lines), bootstraps: server.plainServers, topic: "source-in")
                guard figures.failed == 0 else { throw TestFailure("\(figures.failed) lines were not produced") }
            }),
        ComponentRow(name: "channel") { server, input in
            tail("channel", input, channel: "type = org.apache.flume.channel.kafka.KafkaChannel")
                + "channel.channels.c.kafka.topic = channel-topic\n"
                + server.lines("channel.channels.c", "producer", "consumer") + kafkaSink("channel", server)
        },
    ]
}
