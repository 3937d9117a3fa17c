/// A local cluster as its file describes it: checked, with all defaults filled in.
package struct Topology: Hashable, Sendable {
    package enum Broker: Hashable, Sendable {
        /// librdkafka's built-in mock cluster in a process of its own. Nothing to install; it forgets old records.
        case embedded
        /// A real Apache Kafka that the cluster starts. nil: from `$KAFKA_HOME`.
        case home(String?)
        /// One that runs already: "host:port,host:port".
        case bootstrap(String)
    }
    package struct Topic: Hashable, Sendable {
        package var name: String
        package var partitions = 16
    }
    /// Agents that differ in nothing but their number.
    package struct Tier: Hashable, Sendable {
        package var name = ""
        package var count = 1
        /// The agent's name in the properties file.
        package var agent = ""
        /// As written: relative to the topology file.
        package var configuration = ""
        /// For each instance; placeholders are not yet replaced.
        package var environment: [[String: String]] = []
        package var place = FilePlace.start

        package func instanceName(_ number: Int) -> String { "\(name)-\(number)" }
    }
    /// What `topology send` writes.
    package struct Generator: Hashable, Sendable {
        /// The tier whose log folders it writes into.
        package var tier = ""
        /// The file's name in each log folder.
        package var file = "app.log"
        /// Of one line, its line end included.
        package var bytes = 140
        /// Lines per second over all files; 0: as fast as the auditor reads.
        package var rate = 0
        /// Lines written that the auditor has not read: more would be dropped by a broker that forgets.
        package var ahead = 20_000
    }
    package struct Audit: Hashable, Sendable {
        /// How long `audit --wait` waits for the counts to settle.
        package var deadlineSeconds = 60
    }

    package var name = ""
    package var broker = Broker.embedded
    /// Where the broker listens; 0: a free port.
    package var brokerPort = 0
    package var topics: [Topic] = []
    package var tiers: [Tier] = []
    package var generator = Generator()
    package var audit = Audit()

    package static let mostAgents = 64
    package static let mostPartitions = 1_024

    /// "edge-1", "edge-2", "aggregator-1" …
    package var instances: [(tier: Tier, number: Int)] {
        tiers.flatMap { tier in (1...tier.count).map { (tier, $0) } }
    }
}
