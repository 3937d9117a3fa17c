package import TailraceCore
import TailraceIO
import TailraceStatus

/// `tailrace topology audit`: what was sent against what is in Kafka.
package struct AuditCommand: Sendable {
    package var stateDirectory: String?
    package var json: Bool
    package var wait: Bool
    /// nil: as the topology file says.
    package var seconds: Int?

    package init(stateDirectory: String?, json: Bool, wait: Bool, seconds: Int?) {
        (self.stateDirectory, self.json, self.wait, self.seconds) = (stateDirectory, json, wait, seconds)
    }

    package func run() -> Int32 {
        do throws(TailraceError) {
            let state = try StateDirectory.find(stateDirectory), plan = try state.plan()
            let control = ControlClient(stateDirectory: state.path)
            let limit = Duration.seconds(seconds ?? plan.auditDeadlineSeconds)
            let report = try wait ? Self.settled(plan, control, within: limit) : atOnce(plan, control)
            Console.out(json ? JSON.text(AuditDocument(report), pretty: true) + "\n" : report.text)
            return report.isFine ? TopologyExit.fine : TopologyExit.failed
        } catch {
            Console.tell(error)
            return TopologyExit.code(for: error)
        }
    }

    private static func report(
        _ plan: ClusterPlan, _ control: ControlClient, isFinal: Bool = false
    ) throws(TailraceError) -> AuditReport {
        // In this order: what was sent before the question must have been read to count as seen.
        let written = try plan.writtenLines()
        let status = try control.ask(ControlRequest(.status))
        return AuditReport(
            known: status.streams, seen: try control.audit(plan), written: written, held: status.holdings, isFinal: isFinal)
    }

    /// What was confirmed a moment ago may not have been read yet: that alone is no loss.
    private func atOnce(_ plan: ClusterPlan, _ control: ControlClient) throws(TailraceError) -> AuditReport {
        let end = SystemClock.now() + .seconds(2)
        while true {
            let report = try Self.report(plan, control)
            if report.isFine || SystemClock.now() >= end { return report }
            Console.pause(milliseconds: 100)
        }
    }

    /// The same report twice, fine; or nothing moves any more; or the deadline.
    static func settled(
        _ plan: ClusterPlan, _ control: ControlClient, within limit: Duration
    ) throws(TailraceError) -> AuditReport {
        var judge = SettleJudge(start: SystemClock.now(), limit: limit)
        while true {
            let report = try Self.report(plan, control)
            if judge.isSettled(report, now: SystemClock.now()) {
                return report.isFine ? report : try Self.report(plan, control, isFinal: report.isAnswered)
            }
            if Console.errorIsTerminal { Console.error("\r\(report.verdict)\u{1B}[K") }
            Console.pause(milliseconds: 200)
        }
    }
}

/// The report with its verdict in words.
struct AuditDocument: Encodable {
    let verdict: String
    let ok: Bool
    let report: AuditReport
    init(_ report: AuditReport) { (verdict, ok, self.report) = (report.verdict, report.isFine, report) }
}

/// When `audit --wait` has waited long enough. Decides only.
package struct SettleJudge: Sendable {
    private let start: Instant
    private let limit: Duration
    private var last: AuditReport?
    private var unchangedSince: Instant

    /// A fine report must stay as it is for so long: duplicates may still come.
    package static let calm = Duration.seconds(1)
    /// All that was sent is answered, something is missing, and nothing has come for so long: it is lost.
    package static let hopeless = Duration.seconds(10)

    package init(start: Instant, limit: Duration) { (self.start, self.limit, unchangedSince) = (start, limit, start) }

    package mutating func isSettled(_ report: AuditReport, now: Instant) -> Bool {
        if report != last { (last, unchangedSince) = (report, now) }
        let calm = now - unchangedSince
        if report.isFine, calm >= Self.calm { return true }
        if report.isAnswered, calm >= Self.hopeless { return true }
        return now - start >= limit
    }
}
