package import TailraceCore
package import TailraceStatus

/// What the supervisor says of the cluster: `topology status --json`, and what the live view shows.
package struct ClusterStatus: Codable, Hashable, Sendable {
    package struct Member: Codable, Hashable, Sendable {
        package enum State: String, Codable, Sendable { case waiting, starting, ready, ending, exited }
        package var name: String
        package var role: ClusterPlan.Role
        package var tier: String
        package var state: State
        /// 0: no process.
        package var pid: Int32
        package var port: Int
        /// Of the last end: the exit status, or 128 + signal.
        package var exitStatus: Int32?
        package var starts: Int
        package var log: String
        /// What the broker or the auditor complain about, or empty.
        package var trouble: String
        /// It has answered the last question; one that is stopped or busy runs and does not.
        package var isAnswering: Bool
        /// In its channels: the most of its last two answers. What one agent has handed on since may not be in the other's yet.
        package var heldEvents: Int
        /// An agent with a channel that outlives its process, as far as it was ever asked.
        package var storesEvents: Bool
        /// What the agent says of itself; nil: not an agent, or no answer.
        package var status: AgentStatus?
    }
    package var cluster: String
    package var phase: String
    package var supervisor: Int32
    package var bootstrapServers: String
    /// Why the start failed, or empty.
    package var failure: String
    package var members: [Member]
    package var streams: [KnownStream]
    /// Monotonic, for rates.
    package var atMilliseconds: Int64
    /// The auditor's sums.
    package var auditedRecords: UInt64
    package var droppedRecords: UInt64
}

/// A request to the supervisor: one line of JSON.
package struct ControlRequest: Codable, Hashable, Sendable {
    package enum Command: String, Codable, Sendable { case status, signal, restart, down }
    package var command: Command
    package var member: String?
    package var signal: Int32?
    package init(_ command: Command, member: String? = nil, signal: Int32? = nil) {
        (self.command, self.member, self.signal) = (command, member, signal)
    }
    package static let largestBytes = 4_096
}

/// Its answer: one line of JSON.
package struct ControlReply: Codable, Hashable, Sendable {
    package struct Failure: Codable, Hashable, Sendable {
        package var code: String
        package var message: String
        package var fix: String?
        package init(_ error: TailraceError) { (code, message, fix) = (error.code, error.message, error.fix) }
        package var error: TailraceError { TailraceError(code: code, message: message, fix: fix) }
    }
    package var failure: Failure?
    package var status: ClusterStatus?
    package init(failure: TailraceError? = nil, status: ClusterStatus? = nil) {
        (self.failure, self.status) = (failure.map(Failure.init), status)
    }
}
