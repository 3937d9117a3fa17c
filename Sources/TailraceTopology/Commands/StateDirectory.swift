import CLinux
import Glibc
package import TailraceCore
import TailraceStatus

/// The folder of one cluster: its plan, its members' folders, and the lock that says whether it runs.
package struct StateDirectory: Sendable {
    /// Absolute.
    package let path: String
    package static let parent = ".topology"

    package init(_ path: String) throws(TailraceError) { self.path = try SystemCall.absolute(path) }

    /// `given`: --state-dir. Without it the one cluster below `.topology`; of several the one that runs.
    package static func find(_ given: String?) throws(TailraceError) -> StateDirectory {
        if let given { return try StateDirectory(given) }
        let all = (SystemCall.names(in: parent) ?? []).map { "\(parent)/\($0)" }
        let made = all.filter { access("\($0)/\(StateFiles.plan)", F_OK) == 0 }
        if made.count == 1 { return try StateDirectory(made[0]) }
        var running: [String] = []
        for path in made where try StateDirectory(path).isRunning() { running.append(path) }
        if running.count == 1 { return try StateDirectory(running[0]) }
        throw TailraceError(
            code: "topology.not-running",
            message: made.isEmpty
                ? "there is no cluster below \(parent)" : "there are several clusters: \(made.joined(separator: ", "))",
            fix: made.isEmpty ? "start one with: tailrace topology up" : "name one with --state-dir")
    }

    private func file(_ name: String) -> String { "\(path)/\(name)" }

    package func plan() throws(TailraceError) -> ClusterPlan {
        guard access(file(StateFiles.plan), F_OK) == 0 else {
            throw TailraceError(
                code: "topology.not-running", message: "there is no cluster in \(path)",
                fix: "start one with: tailrace topology up")
        }
        let bytes = try SystemCall.read(file(StateFiles.plan), limit: 16 << 20)
        return try JSON.read(ClusterPlan.self, bytes, limit: 16 << 20, from: file(StateFiles.plan))
    }
    package func write(_ plan: ClusterPlan) throws(TailraceError) {
        try SystemCall.replace(file(StateFiles.plan), with: JSON.text(plan, pretty: true) + "\n")
    }

    // MARK: The lock

    /// Taken by `up`, held by the supervisor, which inherits it: the kernel lets go of it when that ends, however it ends.
    /// nil: a cluster runs here.
    package func lock() throws(TailraceError) -> Int32? {
        try SystemCall.makeDirectory(path)
        let descriptor = open(file(StateFiles.lock), O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemCall.failed("open \(file(StateFiles.lock))") }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
        let code = errno
        close(descriptor)
        guard code == EWOULDBLOCK else { throw SystemCall.failed("lock \(file(StateFiles.lock))") }
        return nil
    }
    package func isRunning() throws(TailraceError) -> Bool {
        guard access(file(StateFiles.lock), F_OK) == 0 else { return false }
        guard let descriptor = try lock() else { return true }
        close(descriptor)
        return false
    }

    // MARK: Clean

    private static let ours = [
        "agents", "auditor", "broker", StateFiles.plan, StateFiles.plan + ".new", StateFiles.socket, StateFiles.log,
        StateFiles.log + ".1", StateFiles.process, StateFiles.process + ".new", StateFiles.lock, StateFiles.chaosLog,
        StateFiles.chaosLog + ".1",
    ]

    /// Removes what an earlier cluster left here. Refuses a folder that holds anything else: it may be somebody's.
    package func clear() throws(TailraceError) {
        let names = SystemCall.names(in: path) ?? [], foreign = names.filter { !Self.ours.contains($0) }
        guard foreign.isEmpty else {
            throw TailraceError(
                code: "topology.state-directory", message: "\(path) holds \(foreign[0]), which is not of a cluster",
                fix: "choose an empty folder with --state-dir")
        }
        for name in names where name != StateFiles.lock { try SystemCall.removeTree(file(name)) }
    }

    // MARK: The supervisor's process

    /// Which process it is, so that one that hangs can be killed; the start time tells it from a later one of that number.
    package struct Process: Codable, Hashable, Sendable {
        package var pid: Int32
        package var startTime: UInt64
    }
    package func writeProcess(_ pid: Int32) throws(TailraceError) {
        let process = Process(pid: pid, startTime: Self.startTime(of: pid) ?? 0)
        try SystemCall.replace(file(StateFiles.process), with: JSON.text(process) + "\n")
    }
    /// nil: none is recorded, or it is gone.
    package func process() throws(TailraceError) -> Int32? {
        guard access(file(StateFiles.process), F_OK) == 0 else { return nil }
        let bytes = try SystemCall.read(file(StateFiles.process), limit: 4_096)
        let process = try JSON.read(Process.self, bytes, from: file(StateFiles.process))
        return Self.startTime(of: process.pid) == process.startTime ? process.pid : nil
    }

    /// In clock ticks since the machine started; nil: no such process.
    static func startTime(of pid: Int32) -> UInt64? {
        let bytes: [UInt8]
        do throws(TailraceError) { bytes = try SystemCall.read("/proc/\(pid)/stat", limit: 4_096) } catch { return nil }
        // The name in parentheses may hold anything; behind it the 20th field is the start time.
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
        return fields.count > 19 ? UInt64(String(decoding: fields[19], as: UTF8.self)) : nil
    }
}
