import TailraceCore
import TailraceIO
import TailraceStatus

/// `tailrace topology chaos`: load, faults from a seed, and the audit of what came through.
package struct ChaosCommand: Sendable {
    /// A topology to bring up, and to end afterwards; nil: the cluster that runs.
    package var file: String?
    package var stateDirectory: String?
    package var json: Bool
    package var seconds: Int
    /// nil: any.
    package var seed: UInt64?
    /// Lines per second.
    package var rate: Int
    /// In seconds: between two faults on average, and of a stop at least.
    package var pause: Int
    package var stop: Int
    package var mostDown: Int
    /// Of the audit, in seconds; nil: as the topology file says.
    package var deadline: Int?

    package init(
        file: String?, stateDirectory: String?, json: Bool, seconds: Int, seed: UInt64?, rate: Int, pause: Int, stop: Int,
        mostDown: Int, deadline: Int?
    ) {
        (self.file, self.stateDirectory, self.json, self.seconds) = (file, stateDirectory, json, seconds)
        (self.seed, self.rate, self.pause, self.stop) = (seed, rate, pause, stop)
        (self.mostDown, self.deadline) = (mostDown, deadline)
    }

    package func run() -> Int32 {
        guard let file else {
            do throws(TailraceError) {
                let state = try StateDirectory.find(stateDirectory)
                return breakCluster(try state.plan())
            } catch {
                Console.tell(error)
                return TopologyExit.code(for: error)
            }
        }
        let up = UpCommand(file: file, stateDirectory: stateDirectory, detach: true, seconds: UpCommand.usualSeconds)
        switch up.bringUp() {
        case .failure(let code): return code.value
        case .success(let plan):
            let code = breakCluster(plan)
            let ended = DownCommand.end(plan, ControlClient(stateDirectory: plan.stateDirectory))
            return code == TopologyExit.fine ? ended : code
        }
    }

    private func breakCluster(_ plan: ClusterPlan) -> Int32 {
        let control = ControlClient(stateDirectory: plan.stateDirectory)
        do throws(TailraceError) {
            let status = try control.ask(ControlRequest(.status))
            try Self.check(status)
            try ChaosLoad.checkSpace(plan, rate: rate, seconds: seconds)
            let seed = seed ?? randomSeed() >> 1
            let chaos = ChaosPlan(
                seed: seed, plan.chaosTargets,
                ChaosPlan.Settings(length: seconds * 1_000, pause: pause * 1_000, stop: stop * 1_000, mostDown: mostDown))
            var run = try ChaosRun(plan, control, chaos, rate: rate, seed: seed)
            Interruption.watch()
            Console.error("chaos in \(plan.name): \(chaos.faults.count) faults in \(seconds) s, seed \(seed)\n")
            let result = try breakAndCount(&run, seed)
            Console.out(json ? JSON.text(result, pretty: true) + "\n" : result.text)
            run.note(result.verdict)
            if result.wasInterrupted { return TopologyExit.interrupted }
            return result.ok ? TopologyExit.fine : TopologyExit.failed
        } catch {
            Console.tell(error)
            return TopologyExit.code(for: error)
        }
    }

    /// A member that does not run at the beginning would be a finding at the first look.
    private static func check(_ status: ClusterStatus) throws(TailraceError) {
        guard status.phase == "running" else {
            throw TailraceError(
                code: "topology.chaos", message: "the cluster is \(status.phase)",
                fix: "wait until it runs; see topology status")
        }
        guard let member = status.members.first(where: { $0.state != .ready }) else { return }
        throw TailraceError(
            code: "topology.chaos", message: "\(member.name) is \(StatusText.state(of: member))",
            fix: "start it with: tailrace topology restart \(member.name)")
    }

    /// Whatever happens in between, everybody is put up again.
    private func breakAndCount(_ run: inout ChaosRun, _ seed: UInt64) throws(TailraceError) -> ChaosResult {
        var failure: TailraceError?
        do throws(TailraceError) { try run.run(seconds: seconds) } catch {
            run.note("\(error)")
            failure = error
        }
        try run.recover()
        if let failure { throw failure }
        let limit = Duration.seconds(deadline ?? run.plan.auditDeadlineSeconds)
        let report = try Interruption.hasCome ? nil : AuditCommand.settled(run.plan, run.control, within: limit)
        var result = ChaosResult(
            cluster: run.plan.name, seed: seed, seconds: run.elapsed.milliseconds / 1_000, faults: run.done,
            unexpectedEnds: run.unexpectedEnds, sent: run.sent, log: "\(run.plan.stateDirectory)/\(StateFiles.chaosLog)")
        result.judge(report)
        return result
    }
}
