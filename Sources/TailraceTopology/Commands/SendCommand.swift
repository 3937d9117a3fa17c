import Glibc
import TailraceCore
import TailraceIO

/// `tailrace topology send`: appends lines to the edges' log files, in turn, paced by the auditor.
package struct SendCommand: Sendable {
    package var stateDirectory: String?
    package var events: UInt64
    package var rate: Int?
    package var bytes: Int?

    package init(stateDirectory: String?, events: UInt64, rate: Int?, bytes: Int?) {
        (self.stateDirectory, self.events, self.rate, self.bytes) = (stateDirectory, events, rate, bytes)
    }

    /// Without any progress for so long it gives up: the rest would wait for ever.
    private static let patience = Duration.seconds(60)

    package func run() -> Int32 {
        do throws(TailraceError) {
            let state = try StateDirectory.find(stateDirectory), plan = try state.plan()
            let control = ControlClient(stateDirectory: state.path)
            let phase = try control.ask(ControlRequest(.status)).phase
            guard phase == "running" else {
                throw TailraceError(
                    code: "topology.send", message: "the cluster is \(phase)", fix: "wait until it runs; see topology status")
            }
            let bytes = self.bytes ?? plan.generator.bytes
            var files: [String: GeneratedFile] = [:]
            for writer in plan.writers {
                files[writer.name] = try GeneratedFile(plan.generatedFile(of: writer), writer: writer.name, bytes: bytes)
            }
            let pace = SendPace(
                total: events, rate: rate ?? plan.generator.rate, ahead: plan.generator.ahead, bytes: bytes,
                forgets: plan.forgets, start: SystemClock.now())
            try send(plan, control, files, pace)
            return TopologyExit.fine
        } catch {
            Console.tell(error)
            return TopologyExit.code(for: error)
        }
    }

    private func send(
        _ plan: ClusterPlan, _ control: ControlClient, _ files: [String: GeneratedFile], _ first: SendPace
    ) throws(TailraceError) {
        var pace = first, turn = 0, progress = SendProgress(total: events, start: SystemClock.now())
        var lastUnread = UInt64.max, lastMove = SystemClock.now()
        let names = plan.writers.map(\.name)
        while !pace.isDone {
            let now = SystemClock.now(), unread = try unread(plan, control, files)
            let allowed = pace.allowance(now: now, unread: unread)
            if allowed > 0 {
                let file = files[names[turn % names.count]]!
                try file.append(allowed, SystemClock.wallTime())
                pace.wrote(allowed)
                turn += 1
            }
            if allowed > 0 || unread != lastUnread { (lastUnread, lastMove) = (unread, now) }
            guard now - lastMove < Self.patience else {
                throw TailraceError(
                    code: "topology.send",
                    message:
                        "\(pace.sent) of \(events) lines were written, \(unread) of all written are not in Kafka, and nothing "
                        + "has moved for \(Self.patience.text)",
                    fix: "see who is down or waits with topology status; or write less far ahead")
            }
            progress.show(pace.sent, unread: unread, now)
            if allowed == 0 { Console.pause(milliseconds: 20) }
        }
        progress.finish(pace.sent, SystemClock.now(), names)
    }

    /// Lines that are written and not yet seen by the auditor, of edges that run: those of others wait for their restart.
    private func unread(
        _ plan: ClusterPlan, _ control: ControlClient, _ files: [String: GeneratedFile]
    ) throws(TailraceError) -> UInt64 {
        let seen = try control.audit(plan)
        let status = try control.ask(ControlRequest(.status))
        let running = Set(status.members.filter { $0.state == .ready }.map(\.name))
        return files.reduce(0) { sum, file in
            guard running.contains(file.key) else { return sum }
            let delivered = seen.lines[file.key]?.delivered ?? 0
            return sum + file.value.next - min(file.value.next, delivered)
        }
    }
}

/// A line that is overwritten, on a terminal; nothing else until the end.
struct SendProgress {
    let total: UInt64
    let start: Instant
    private var lastShown: Instant

    init(total: UInt64, start: Instant) { (self.total, self.start, lastShown) = (total, start, start) }

    mutating func show(_ sent: UInt64, unread: UInt64, _ now: Instant) {
        guard Console.errorIsTerminal, now - lastShown > .milliseconds(200) else { return }
        lastShown = now
        Console.error("\r\(sent * 100 / max(1, total)) %  \(sent) of \(total) lines, \(unread) on their way\u{1B}[K")
    }
    func finish(_ sent: UInt64, _ now: Instant, _ names: [String]) {
        if Console.errorIsTerminal { Console.error("\r\u{1B}[K") }
        let milliseconds = max(1, (now - start).milliseconds)
        let rate = sent * 1_000 / UInt64(milliseconds)
        Console.out(
            "\(sent) lines written in \((now - start).text) (\(rate) per second) for \(names.joined(separator: ", "))\n")
    }
}
