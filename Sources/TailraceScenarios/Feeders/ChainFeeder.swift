package import TailraceSimulation

/// What feeds the edges of a chain, and the truth about it.
///
/// A new source comes into the scenarios in three steps: a class that conforms, beside ``TaildirFeeder``; a case of
/// ``ChainScenario/Shape/Source`` with its line in ``ChainScenario/Shape/makeFeeder(_:_:)``; and the seeds that play it, in
/// ``ChainScenario/Chain``. A source that answers somebody (syslog over TCP, HTTP) is fed by a simulated client on a host of its
/// own: `owed` is then what the client got an answer for, `known` all that it has sent. One that promises nothing (UDP) owes
/// nothing.
package protocol ChainFeeder: AnyObject {
    /// The keys of an edge's source, without its channels: relative to it, as in "batchSize". `edge`: from 0.
    func configuration(ofEdge edge: Int) -> [(key: String, value: String)]
    /// More events, whether an agent is there to take them or not. Texts are never the same.
    func feed(_ texts: [String])
    /// What must arrive, at least once, in every topic.
    var owed: [String] { get }
    /// What may arrive: anything else was invented.
    var known: Set<String> { get }
    /// It gives again what was not safe, so that its agent may crash, or be stopped.
    var outlivesAgent: Bool { get }
}

extension ChainFeeder {
    package var known: Set<String> { Set(owed) }
}

extension ChainScenario.Shape {
    func makeFeeder(_ world: SimulatedWorld, _ edges: [SimulatedHost]) -> any ChainFeeder {
        switch source {
        case .taildir: TaildirFeeder(edges)
        case .seq: SequenceFeeder(lines)
        case .kafka: KafkaFeeder(world)
        case .spool: SpoolFeeder(edges)
        }
    }
}

/// Log files on each edge, which lines are appended to. Two, so that what is read again comes in another order.
package final class TaildirFeeder: ChainFeeder {
    private static let logs = ["/logs/app.log", "/logs/web.log"]
    private let edges: [SimulatedHost]
    package private(set) var owed: [String] = []
    package let outlivesAgent = true

    package init(_ edges: [SimulatedHost]) {
        self.edges = edges
        for edge in edges {
            edge.files.makeDirectory("/logs")
            for log in Self.logs { edge.files.write(log, "") }
        }
    }
    package func configuration(ofEdge edge: Int) -> [(key: String, value: String)] { Self.keys }
    package static let keys = [
        (key: "type", value: "TAILDIR"), (key: "filegroups", value: "f1"),
        (key: "filegroups.f1", value: "/logs/.*\\\\.log"),
        (key: "positionFile", value: "/state/taildir_position.json"), (key: "batchSize", value: "20"),
    ]
    package func feed(_ texts: [String]) {
        let edge = edges[owed.count % edges.count], log = Self.logs[owed.count / edges.count % Self.logs.count]
        owed += texts
        edge.files.append(log, texts.map { $0 + "\n" }.joined())
    }
}

/// The `seq` source: it counts by itself, and from 0 again if its agent is started again.
package final class SequenceFeeder: ChainFeeder {
    package let owed: [String]
    package let outlivesAgent = false

    package init(_ count: Int) { owed = (0..<count).map(String.init) }
    package func configuration(ofEdge edge: Int) -> [(key: String, value: String)] {
        [("type", "seq"), ("batchSize", "7"), ("totalEvents", String(owed.count))]
    }
    package func feed(_ texts: [String]) {}
}

/// A topic that another program writes to; the edges are members of one group.
package final class KafkaFeeder: ChainFeeder {
    package static let topic = "input"
    package static let partitions: Int32 = 3
    package static let group = "edges"
    private let world: SimulatedWorld
    package private(set) var owed: [String] = []
    package let outlivesAgent = true

    package init(_ world: SimulatedWorld) {
        self.world = world
        world.broker.createTopic(Self.topic, partitions: Int(Self.partitions))
    }
    package func configuration(ofEdge edge: Int) -> [(key: String, value: String)] {
        [
            ("type", "org.apache.flume.source.kafka.KafkaSource"), ("kafka.bootstrap.servers", "kafka:9092"),
            ("kafka.topics", Self.topic), ("kafka.consumer.group.id", Self.group), ("batchSize", "20"),
            ("kafka.consumer.auto.offset.reset", "earliest"), ("kafka.consumer.session.timeout.ms", "6000"),
        ]
    }
    package func feed(_ texts: [String]) {
        for text in texts {
            world.broker.append(Self.topic, partition: Int32(owed.count) % Self.partitions, text)
            owed.append(text)
        }
    }
}
