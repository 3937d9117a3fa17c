import Glibc
import TailraceCore
import TailraceIO

/// Lines for the edges' files at a bounded rate, through all faults: also for an edge that is down, whose lines wait for it. Only
/// what is not in Kafka is bounded, by the topology's `ahead`.
struct ChaosLoad {
    private let plan: ClusterPlan
    private var files: [(name: String, file: GeneratedFile)] = []
    private var pace: SendPace
    private var turn = 0

    /// Throws `topology.send` when another command writes to a file.
    init(_ plan: ClusterPlan, rate: Int) throws(TailraceError) {
        self.plan = plan
        for writer in plan.writers {
            let file = try GeneratedFile(plan.generatedFile(of: writer), writer: writer.name, bytes: plan.generator.bytes)
            files.append((writer.name, file))
        }
        pace = SendPace(
            total: .max, rate: rate, ahead: plan.generator.ahead, bytes: plan.generator.bytes, forgets: plan.forgets,
            start: SystemClock.now())
    }

    var sent: UInt64 { pace.sent }

    /// Writes what is due. The lines that are not yet in Kafka.
    mutating func step(_ seen: AuditSnapshot) throws(TailraceError) -> UInt64 {
        var unread: UInt64 = 0
        for (name, file) in files { unread += file.next - min(file.next, seen.lines[name]?.delivered ?? 0) }
        // One file after the other, a share each, until the rate or the distance says that it is enough.
        for _ in files {
            let allowed = pace.allowance(now: SystemClock.now(), unread: unread)
            let share = min(allowed, max(1, Int(SendPace.largestStep) / files.count))
            guard share > 0 else { break }
            try files[turn % files.count].file.append(share, SystemClock.wallTime())
            pace.wrote(share)
            unread += UInt64(share)
            turn += 1
        }
        return unread
    }

    /// Throws `topology.chaos` when the disk is too small for the lines of the whole run, in the edges' files and in Kafka.
    static func checkSpace(_ plan: ClusterPlan, rate: Int, seconds: Int) throws(TailraceError) {
        var information = statvfs()
        guard statvfs(plan.stateDirectory, &information) == 0 else {
            throw SystemCall.failed("look at the file system of \(plan.stateDirectory)")
        }
        let free = Int(information.f_bavail) * Int(information.f_frsize)
        let line = plan.generator.bytes + (plan.brokerKind == "home" ? plan.generator.bytes + SendPace.recordBytes : 0)
        let (needed, overflow) = (line * rate).multipliedReportingOverflow(by: seconds)
        guard !overflow, needed < free / 2 else {
            throw TailraceError(
                code: "topology.chaos",
                message: "\(rate) lines per second for \(seconds) s need \(overflow ? "too many" : "\(needed >> 20)") MiB, and "
                    + "\(plan.stateDirectory) has \(free >> 20) MiB, of which half may be used",
                fix: "choose fewer --seconds, or a lower --rate, or another --state-dir")
        }
    }
}
