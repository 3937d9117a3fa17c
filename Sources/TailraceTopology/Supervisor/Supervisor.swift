package import TailraceCore
import TailraceStatus

/// Owns the processes of one cluster: starts them in order, asks them how they are, remembers their streams, answers at the
/// control socket, and ends them. Confined to its loop; decisions are the ``ClusterMachine``'s.
package final class Supervisor {
    /// One member of the cluster, and what is known of it.
    final class Member {
        let plan: ClusterPlan.Member
        let log: MemberLog
        var process: MemberProcess?
        var starts = 0
        var exitStatus: Int32?
        var question: DocumentRequest?
        /// The last answers, of this run of the process.
        var agent: AgentStatus?
        var helper: HelperStatus?
        /// Whether it answered the last question.
        var isAnswering = false
        /// In its channels, at its last two answers of this run.
        private var lastHeld: [Int] = []
        var heldEvents: Int { lastHeld.max() ?? 0 }
        /// Of all its runs: what it has stored is there after its end.
        var storesEvents = false

        init(_ plan: ClusterPlan.Member) throws(TailraceError) {
            self.plan = plan
            log = try MemberLog(path: plan.log)
        }

        func heard(_ status: AgentStatus) {
            agent = status
            lastHeld = lastHeld.suffix(1) + [MemberFigures(status).channelEvents]
            // While it starts it may not name them yet.
            let channels = status.components.filter { $0.kind == .channel }
            if !channels.isEmpty { storesEvents = channels.contains { $0.type != "memory" } }
        }
        /// A run begins, or has ended: nothing is known of it any more.
        func forget() { (agent, helper, isAnswering, lastHeld) = (nil, nil, false, []) }
    }

    let plan: ClusterPlan
    let loop: any EventLoop
    let network: any Network
    private let processes: any Processes
    private let environment: [String: String]
    let processID: Int32
    private let finished: () -> Void
    private(set) var machine: ClusterMachine
    private(set) var members: [String: Member] = [:]
    private(set) var book = StreamBook()
    private var server: DocumentServer?
    private(set) var servers: String
    private(set) var failure = ""

    /// How often each member is asked.
    static let interval = Duration.milliseconds(250)
    static let answerLimit = Duration.seconds(2)

    /// `environment`: for all members, before their own variables. `finished`: once, when all are gone.
    package init(
        _ plan: ClusterPlan, _ loop: any EventLoop, _ network: any Network, _ processes: any Processes,
        environment: [String: String], processID: Int32, _ finished: @escaping () -> Void
    ) throws(TailraceError) {
        (self.plan, self.loop, self.network, self.processes) = (plan, loop, network, processes)
        (self.environment, self.processID, self.finished) = (environment, processID, finished)
        (machine, servers) = (ClusterMachine(plan), plan.servers)
        for member in plan.members { members[member.name] = try Member(member) }
    }

    package func start() throws(TailraceError) {
        let path = "\(plan.stateDirectory)/\(StateFiles.socket)"
        server = try DocumentServer(loop, network, path: path) { [weak self] request, reply in
            self?.answer(request, reply)
        }
        perform(machine.start())
        poll()
    }

    /// Ends all members; then `finished`.
    package func stop() { perform(machine.stop(now: loop.now)) }

    // MARK: Acting

    private func perform(_ actions: [ClusterMachine.Action]) {
        for action in actions {
            switch action {
            case .start(let name): spawn(members[name]!)
            case .signal(let name, let number):
                members[name]!.process?.signal(number)
                // One that was stopped must hear it.
                if number == Self.terminate { members[name]!.process?.signal(Self.goOn) }
            case .failed(let name, let status):
                if failure.isEmpty { failure = "\(name) ended with \(Self.describe(status)) before it was ready" }
            case .finished:
                server?.close()
                loop.enqueue(finished)
            }
        }
    }

    private func spawn(_ member: Member) {
        member.starts += 1
        member.exitStatus = nil
        member.forget()
        var variables = environment.merging(member.plan.environment) { _, own in own }
        variables["TAILRACE_BOOTSTRAP_SERVERS"] = servers
        do throws(TailraceError) {
            for directory in [member.plan.stateDirectory, member.plan.logDirectory] {
                try SystemCall.makeDirectory(directory)
            }
            // The socket of an earlier run must not answer for this one.
            try SystemCall.removeTree(member.plan.socket)
            member.process = try MemberProcess(member.plan, environment: variables, processes, loop, member.log) {
                [weak self] status in self?.exited(member, status)
            }
        } catch {
            member.log.append("topology: \(error)\n")
            loop.enqueue { [weak self] in self?.exited(member, Self.notStarted) }
        }
    }
    /// As shells say it: the command cannot be run.
    private static let notStarted: Int32 = 126

    private func exited(_ member: Member, _ status: Int32) {
        (member.process, member.exitStatus) = (nil, status)
        member.forget()
        member.log.append("topology: \(member.plan.name) ended with \(Self.describe(status))\n")
        if member.plan.role == .agent { book.exited(member.plan.name) }
        perform(machine.memberExited(member.plan.name, status: status, now: loop.now))
    }

    private static func describe(_ status: Int32) -> String {
        status > 128 ? "signal \(status - 128)" : "exit status \(status)"
    }

    // MARK: Asking

    private func poll() {
        perform(machine.tick(now: loop.now))
        guard machine.phase != .stopped else { return }
        for name in members.keys.sorted() { ask(members[name]!) }
        loop.schedule(at: loop.now + Self.interval) { [weak self] in self?.poll() }
    }

    /// `then`: when it has answered, or has not in time.
    private func ask(_ member: Member, within limit: Duration = answerLimit, then: @escaping () -> Void = {}) {
        guard member.process != nil, member.question == nil else { return loop.enqueue(then) }
        let run = member.starts
        member.question = DocumentRequest(
            AgentStatus.request, at: member.plan.socket, loop, network, by: loop.now + limit,
            limit: AgentStatus.largestAnswerBytes
        ) { [weak self] result in
            member.question = nil
            // No answer: it starts, or is busy, or is gone; its end is told by its process.
            if member.starts == run, member.process != nil {
                member.isAnswering = false
                if case .success(let bytes) = result { self?.heard(member, bytes) }
            }
            then()
        }
    }

    private func heard(_ member: Member, _ bytes: [UInt8]) {
        do throws(TailraceError) {
            let isReady: Bool
            if member.plan.role == .agent {
                let status = try AgentStatus.read(bytes, from: member.plan.name)
                member.heard(status)
                isReady = status.state == .running
                if isReady { book.heard(member.plan.name, status.streams) }
            } else {
                let status = try JSON.read(HelperStatus.self, bytes, from: member.plan.name)
                member.helper = status
                isReady = status.isReady
                if member.plan.role == .broker, isReady { servers = status.servers }
            }
            member.isAnswering = true
            if isReady { perform(machine.memberIsReady(member.plan.name)) }
        } catch {
            member.log.append("topology: \(error)\n")
        }
    }

    // MARK: Answering

    private func answer(_ text: String, _ reply: @escaping (String) -> Void) {
        do throws(TailraceError) {
            let request = try JSON.read(
                ControlRequest.self, Array(text.utf8), limit: ControlRequest.largestBytes, from: "the command")
            switch request.command {
            case .status: reply(JSON.text(ControlReply(status: status)))
            case .down:
                // First the answer: where nobody runs any more, the stop closes this very connection.
                reply(JSON.text(ControlReply(status: status)))
                stop()
            case .restart:
                perform(try machine.restart(request.member ?? "", now: loop.now))
                reply(JSON.text(ControlReply(status: status)))
            case .signal: try signal(request.member ?? "", request.signal ?? 15, reply)
            }
        } catch { reply(JSON.text(ControlReply(failure: error))) }
    }

    /// Asks the agent first, so that what it had sent is known as exactly as can be.
    private func signal(_ name: String, _ number: Int32, _ reply: @escaping (String) -> Void) throws(TailraceError) {
        let actions = try machine.signal(name, number)
        if name == "broker", plan.brokerKind == "home", number != Self.terminate, number != Self.kill {
            return signalKafka(members[name]!, number, reply)
        }
        ask(members[name]!, within: .milliseconds(500)) { [weak self] in
            guard let self else { return }
            perform(actions)
            reply(JSON.text(ControlReply(status: status)))
        }
    }

    /// What does not end it is meant for Kafka itself, a child of the broker's process.
    private func signalKafka(_ member: Member, _ number: Int32, _ reply: @escaping (String) -> Void) {
        _ = DocumentRequest(
            BrokerProcess.signalRequest(number), at: member.plan.socket, loop, network, by: loop.now + Self.answerLimit,
            limit: AgentStatus.largestAnswerBytes
        ) { [weak self] result in
            guard let self else { return }
            if case .failure(let error) = result { return reply(JSON.text(ControlReply(failure: error))) }
            reply(JSON.text(ControlReply(status: status)))
        }
    }

    private static let terminate: Int32 = 15, kill: Int32 = 9, goOn: Int32 = 18
}

/// What the broker's and the auditor's processes say of themselves.
package struct HelperStatus: Codable, Hashable, Sendable {
    package var pid: Int32
    package var isReady: Bool
    /// The broker's address.
    package var servers = ""
    /// The auditor's sums.
    package var records: UInt64 = 0
    package var dropped: UInt64 = 0
    /// The last trouble, or empty.
    package var trouble = ""

    package init(pid: Int32, isReady: Bool) { (self.pid, self.isReady) = (pid, isReady) }
}
