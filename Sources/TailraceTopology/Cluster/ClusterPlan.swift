/// Everything about a cluster that is decided before its first process starts: who, where, with which ports. Written to
/// `cluster.json` in the state directory, and read by every later command.
package struct ClusterPlan: Codable, Hashable, Sendable {
    package enum Role: String, Codable, Sendable { case broker, auditor, agent }

    package struct Member: Codable, Hashable, Sendable {
        /// "broker", "auditor", "edge-1".
        package var name: String
        package var role: Role
        /// Started in this order: the next stage begins when the last is ready. Stopped in the reverse order.
        package var stage: Int
        package var tier: String
        package var instance: Int
        /// The program and its arguments.
        package var arguments: [String]
        /// On top of the environment of `up`.
        package var environment: [String: String]
        /// Its own folder: state, logs, what it printed.
        package var directory: String
        /// 0: none.
        package var port: Int

        package var stateDirectory: String { "\(directory)/state" }
        /// Where its status is asked for.
        package var socket: String { "\(stateDirectory)/admin.sock" }
        /// What it wrote to standard output and error.
        package var log: String { "\(directory)/\(name).log" }
        /// The folder whose files an edge reads.
        package var logDirectory: String { "\(directory)/logs" }
    }
    package struct Generator: Codable, Hashable, Sendable {
        package var tier: String
        package var file: String
        package var bytes: Int
        package var rate: Int
        package var ahead: Int
    }
    package struct Topic: Codable, Hashable, Sendable {
        package var name: String
        package var partitions: Int
    }

    package var name: String
    package var topologyFile: String
    package var stateDirectory: String
    /// "embedded", "home" or "bootstrap".
    package var brokerKind: String
    package var kafkaHome: String
    /// Of an existing broker, or where the one at home will listen; of the embedded one it is known when it runs.
    package var servers: String
    /// Of the Kafka at home; 0: there is none.
    package var controllerPort: Int
    package var topics: [Topic]
    package var members: [Member]
    package var generator: Generator
    package var auditDeadlineSeconds: Int

    package func member(_ name: String) -> Member? { members.first { $0.name == name } }
    package var agents: [Member] { members.filter { $0.role == .agent } }
    /// Those that `topology send` writes for.
    package var writers: [Member] { agents.filter { $0.tier == generator.tier } }
    package func generatedFile(of member: Member) -> String { "\(member.logDirectory)/\(generator.file)" }
    package var forgets: Bool { brokerKind == "embedded" }
}

/// Names in the state directory.
package enum StateFiles {
    package static let plan = "cluster.json"
    /// Which process the supervisor is.
    package static let process = "supervisor.json"
    package static let lock = "lock"
    package static let socket = "control.sock"
    package static let log = "supervisor.log"
    package static let chaosLog = "chaos.log"
    /// A Unix socket's path has at most 107 bytes.
    package static let longestSocketPath = 107
}
