import Glibc
import TailraceCore
import TailraceIO
import TailraceStatus

/// Breaks a running cluster by a plan while it is under load, and puts everything up again.
struct ChaosRun {
    let plan: ClusterPlan
    let control: ControlClient
    private let log: MemberLog
    private let start = SystemClock.now()
    private var steps: ArraySlice<ChaosPlan.Step>
    private var load: ChaosLoad
    /// Killed by us, and not yet told to start.
    private var down: Set<String> = []
    /// Those that ended by themselves are started again then.
    private var revivals: [String: Instant] = [:]
    private(set) var done: [ChaosFault] = []
    private(set) var unexpectedEnds: [String] = []

    private static let pause = 100
    private static let revivalPause = Duration.seconds(2)
    /// A Kafka takes seconds on an idle machine, ten times as long on a busy one.
    private static let recoveryLimit = Duration.seconds(180)
    private static let mostStarts = 3

    init(
        _ plan: ClusterPlan, _ control: ControlClient, _ chaos: ChaosPlan, rate: Int, seed: UInt64
    ) throws(TailraceError) {
        (self.plan, self.control, steps) = (plan, control, chaos.steps[...])
        load = try ChaosLoad(plan, rate: rate)
        log = try MemberLog(path: "\(plan.stateDirectory)/\(StateFiles.chaosLog)")
        note("chaos with seed \(seed): \(chaos.faults.count) faults, \(rate) lines per second")
    }

    var sent: UInt64 { load.sent }
    var elapsed: Duration { SystemClock.now() - start }

    // MARK: Breaking

    /// Until the end or an interruption. Throws when the cluster does not answer any more; `recover` is to be called anyway.
    mutating func run(seconds: Int) throws(TailraceError) {
        var progress = ChaosProgress(seconds: seconds)
        while elapsed < .seconds(seconds), !Interruption.hasCome {
            while let step = steps.first, Duration.milliseconds(step.time) <= elapsed {
                steps.removeFirst()
                try perform(step)
            }
            try watch(try control.ask(ControlRequest(.status)))
            let unread = try load.step(try control.audit(plan))
            progress.show(elapsed, load.sent, unread, done.count)
            Console.pause(milliseconds: Self.pause)
        }
        progress.finish()
        note(Interruption.hasCome ? "interrupted" : "all faults are done")
    }

    private mutating func perform(_ step: ChaosPlan.Step) throws(TailraceError) {
        let fault = step.fault, name = step.member
        let lasting = fault.kind == .restart ? "" : " for \(Duration.milliseconds(fault.end - fault.start).text)"
        do throws(TailraceError) {
            switch step.action {
            case .signal(let number):
                if number == ChaosPlan.kill { down.insert(name) }
                _ = try control.ask(ControlRequest(.signal, member: name, signal: number))
            case .start:
                _ = try control.ask(ControlRequest(.restart, member: name))
                down.remove(name)
            }
            if step.isBeginning { done.append(fault) }
            note(step.isBeginning ? "\(name): \(fault.kind.rawValue)\(lasting)" : "\(name): goes on")
        } catch {
            // It has ended by itself a moment ago, and `watch` will say so; anything else is an end of the run.
            guard error.code == "topology.member" else { throw error }
            if step.isBeginning { down.remove(name) }
            note("\(name): \(fault.kind.rawValue) was not possible: \(error.message)")
        }
    }

    /// Nobody ends unless told to. Who did is a finding; it is started again, so that the run can go on.
    private mutating func watch(_ status: ClusterStatus) throws(TailraceError) {
        let now = SystemClock.now()
        for member in status.members where member.state == .exited && !down.contains(member.name) {
            if let time = revivals[member.name] {
                guard now >= time else { continue }
                revivals[member.name] = nil
                guard !(plan.forgets && member.role != .agent) else { continue }
                _ = try control.ask(ControlRequest(.restart, member: member.name))
                note("\(member.name): started again")
            } else {
                let text = "\(member.name) ended by itself: \(StatusText.describe(member.exitStatus ?? 0))"
                if unexpectedEnds.count < Self.mostEnds { unexpectedEnds.append(text) }
                note("\(text). Its last lines:\n\(LogTail.read(member.log, lines: 15))")
                revivals[member.name] = now + Self.revivalPause
            }
        }
    }
    private static let mostEnds = 100

    // MARK: Putting up again

    /// Nobody is stopped, everybody runs and is ready. Throws `topology.slow` with who is not.
    mutating func recover() throws(TailraceError) {
        let end = SystemClock.now() + Self.recoveryLimit
        var starts: [String: Int] = [:], status = try control.ask(ControlRequest(.status))
        for member in status.members
        where member.state != .exited && plan.chaosTargets.contains(where: { $0.name == member.name }) {
            do throws(TailraceError) {
                _ = try control.ask(ControlRequest(.signal, member: member.name, signal: ChaosPlan.goOn))
            } catch { guard error.code == "topology.member" else { throw error } }
        }
        while true {
            status = try control.ask(ControlRequest(.status))
            let waiting = status.members.filter { $0.state != .ready || !$0.isAnswering }
            if waiting.isEmpty { return note("everybody is up") }
            for member in waiting where member.state == .exited && starts[member.name, default: 0] < Self.mostStarts {
                if !down.contains(member.name) || starts[member.name] != nil {
                    let text = "\(member.name) ended by itself: \(StatusText.describe(member.exitStatus ?? 0))"
                    unexpectedEnds.append(text)
                    note("\(text). Its last lines:\n\(LogTail.read(member.log, lines: 15))")
                }
                starts[member.name, default: 0] += 1
                down.remove(member.name)
                _ = try control.ask(ControlRequest(.restart, member: member.name))
                note("\(member.name): goes on")
            }
            guard SystemClock.now() < end else {
                throw TailraceError(
                    code: "topology.slow",
                    message: "these are not ready after \(Self.recoveryLimit.text): "
                        + waiting.map(\.name).joined(separator: ", "),
                    fix: "see tailrace topology logs \(waiting[0].name)")
            }
            Console.pause(milliseconds: Self.pause)
        }
    }

    /// A line in `chaos.log`: when it was, and how long after the beginning.
    func note(_ text: String) {
        log.append("\(LineMaker.text(SystemClock.wallTime())) +\(elapsed.text) \(text)\n")
    }
}

/// A line that is overwritten, on a terminal; nothing elsewhere.
private struct ChaosProgress {
    let seconds: Int
    init(seconds: Int) { self.seconds = seconds }

    mutating func show(_ elapsed: Duration, _ sent: UInt64, _ unread: UInt64, _ faults: Int) {
        guard Console.errorIsTerminal else { return }
        Console.error(
            "\r\(elapsed.milliseconds / 1_000) of \(seconds) s, \(faults) faults, \(sent) lines, \(unread) on their way\u{1B}[K"
        )
    }
    func finish() { if Console.errorIsTerminal { Console.error("\r\u{1B}[K") } }
}
