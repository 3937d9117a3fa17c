import Glibc
import TailraceCore
import TailraceStatus
import TailraceTopology
import Testing

/// A cluster that a test starts by `tailrace topology up`.
final class Cluster {
    let place: Workplace
    let stateDirectory: String
    init(place: Workplace, stateDirectory: String) { (self.place, self.stateDirectory) = (place, stateDirectory) }

    /// What `audit --json` prints.
    struct Audit: Decodable {
        var verdict: String
        var ok: Bool
        var report: AuditReport
    }

    /// Runs a topology command to its end, in the checkout's folder as a newcomer does.
    @discardableResult
    func run(_ arguments: String..., expecting code: Int32 = 0, environment: [String: String] = [:]) async throws -> Child {
        let child = try await place.tailrace(
            ["topology"] + arguments + ["--state-dir", stateDirectory], in: Program.checkout, environment: environment)
        guard try await child.ended() == code else {
            throw TestFailure("exit code \(child.status!) and not \(code): \(child.story)\n\(logs)")
        }
        return child
    }
    func up(_ file: String, environment: [String: String] = [:]) async throws {
        try await run("up", "-d", file, environment: environment)
    }
    func send(_ events: Int) async throws { try await run("send", "--events", "\(events)") }

    /// `audit --wait`, which must end with exit code 0.
    func audit() async throws -> Audit {
        let child = try await run("audit", "--wait", "--json")
        return try JSON.read(Audit.self, Files.read(child.outPath), from: "audit")
    }
    /// Its exit code is 1 while a member does not run.
    func status() async throws -> ClusterStatus {
        let child = try await place.tailrace(["topology", "status", "--json", "--state-dir", stateDirectory])
        guard [0, 1].contains(child.status) else { throw TestFailure("no status: \(child.story)\n\(logs)") }
        return try JSON.read(ClusterStatus.self, Files.read(child.outPath), from: "status")
    }

    /// All processes that name the cluster's folder in their arguments: the supervisor, broker, auditor, agents, Kafka.
    func processes() -> [(process: pid_t, arguments: String)] {
        Program.names(in: "/proc").compactMap { name in
            guard let number = pid_t(name), number != getpid() else { return nil }
            let line = Files.read("/proc/\(name)/cmdline").map { $0 == 0 ? UInt8(ascii: " ") : $0 }
            let text = String(decoding: line, as: UTF8.self)
            return text.contains(stateDirectory + " ") || text.contains(stateDirectory + "/") ? (number, text) : nil
        }
    }
    /// `down` leaves nothing behind.
    func down() async throws {
        try await run("down")
        let left = processes()
        #expect(left.isEmpty, "processes are left after down: \(left.map(\.arguments))")
    }

    /// The end of each log, for the text of a failure.
    private var logs: String {
        let agents = Program.names(in: "\(stateDirectory)/agents").map { "agents/\($0)/\($0).log" }
        return (["supervisor.log", "broker/broker.log", "auditor/auditor.log"] + agents)
            .map { "== \($0)\n\(Files.text("\(stateDirectory)/\($0)").suffix(1_000))" }.joined(separator: "\n")
    }

    /// Kills what a failed test left.
    func end() {
        for (process, _) in processes() { kill(process, SIGKILL) }
    }
}
