import Glibc
import TailraceCore
import TailraceStatus

/// An agent that a test runs: `tailrace agent` with a configuration of the test's own.
final class Agent {
    let name: String
    let place: Workplace
    private(set) var child: Child

    /// Writes `NAME.properties` and starts it. Its state is in `NAME.state`.
    init(_ name: String, _ properties: String, in place: Workplace) throws {
        (self.name, self.place) = (name, place)
        try Files.write(properties, to: place.file("\(name).properties"))
        child = try Self.start(name, place)
    }
    private static func start(_ name: String, _ place: Workplace) throws -> Child {
        try place.start(
            [Program.path, "agent", "-n", name, "-f", place.file("\(name).properties")]
                + ["--state-dir", place.file("\(name).state")])
    }

    /// After its end: again, with its state.
    func restart() throws { child = try Self.start(name, place) }

    /// What it says of itself; nil: it does not answer.
    func status() throws -> AgentStatus? { try Self.status(of: place.file("\(name).state")) }
    static func status(of stateDirectory: String) throws -> AgentStatus? {
        let bytes = try UnixSocket.ask(AgentStatus.request, at: "\(stateDirectory)/\(AgentStatus.socketName)")
        guard let bytes, !bytes.isEmpty else { return nil }
        return try AgentStatus.read(bytes, from: stateDirectory)
    }
    func component(_ suffix: String) throws -> AgentStatus.Component? {
        try status()?.components.first { $0.name.hasSuffix(suffix) }
    }

    func isReady() async throws {
        try await eventually("\(name) runs") {
            guard child.isRunning else { throw TestFailure("\(name) ended with \(try await child.ended()): \(child.story)") }
            return try status()?.state == .running
        }
    }
    /// The port that it said it listens at.
    func port() async throws -> Int {
        try await value("\(name) listens") { () -> Int? in
            guard child.isRunning else { throw TestFailure("\(name) ended: \(child.story)") }
            let line = child.errors.split(separator: "\n").first { $0.contains("listens at ") && !$0.contains(".sock") }
            return line.flatMap { $0.split(separator: ":").last }.flatMap { Int($0) }
        }
    }
    /// SIGTERM, and how it ended.
    func stop() async throws -> Int32 {
        child.signal(SIGTERM)
        return try await child.ended()
    }
}
