import Glibc
import TailraceCore
import TailraceIO
import TailraceStatus
import Testing

@testable import TailraceTopology

/// The supervisor on the real loop with real processes: `/bin/sh` in the place of the members, whose sockets the test answers.
@Suite(.serialized) struct SupervisorTests {
    /// Makes a cluster, runs turns until a condition holds, and ends what it started.
    final class Cluster {
        let loop: EpollLoop
        let plan: ClusterPlan
        let supervisor: Supervisor
        let network: EpollNetwork
        var isFinished = false
        private var servers: [String: DocumentServer] = [:]
        private var served: [String: Int] = [:]
        var streams: [String: [AgentStatus.Stream]] = [:]
        /// Type, and events in it.
        var channels: [String: (String, Int)] = [:]
        /// Their sockets take questions and do not answer.
        var isDeaf: Set<String> = []

        init(script: String = "trap 'exit 0' TERM; echo started; while :; do sleep 0.05; done") throws {
            let directory = try #require(mkdtemp(strdup("/tmp/tailrace-topology-XXXXXX")))
            var plan = try ClusterMachineTests.plan()
            plan.stateDirectory = String(cString: directory)
            for index in plan.members.indices {
                plan.members[index].directory = "\(plan.stateDirectory)/\(plan.members[index].name)"
                plan.members[index].arguments = ["/bin/sh", "-c", script]
                try SystemCall.makeDirectory(plan.members[index].stateDirectory)
            }
            self.plan = plan
            loop = try EpollLoop()
            network = EpollNetwork(loop)
            var finished: () -> Void = {}
            supervisor = try Supervisor(
                plan, loop, network, PosixProcesses(loop), environment: ["TAILRACE_TEST": "1"], processID: getpid()
            ) { finished() }
            finished = { [unowned self] in isFinished = true }
            try supervisor.start()
        }
        deinit {
            do { try SystemCall.removeTree(plan.stateDirectory) } catch { Issue.record("\(error)") }
        }

        /// Plays the members that run: as soon as one is started, its socket answers.
        private func answerForMembers() throws {
            for member in plan.members {
                let state = supervisor.members[member.name]!
                guard state.process != nil, served[member.name] != state.starts else { continue }
                served[member.name] = state.starts
                servers[member.name]?.close()
                servers[member.name] = try DocumentServer(loop, network, path: member.socket) { [unowned self] request, reply in
                    #expect(request == "GET status")
                    guard !isDeaf.contains(member.name) else { return }
                    if member.role == .agent {
                        let components = channels[member.name].map { type, events in
                            AgentStatus.Component(
                                name: "c", kind: .channel, type: type, health: .ok, gauges: ["events": events])
                        }
                        let status = AgentStatus(
                            agent: member.name, pid: 7, state: .running, components: components.map { [$0] } ?? [],
                            streams: streams[member.name] ?? [])
                        return reply(JSON.text(status))
                    }
                    var status = HelperStatus(pid: 7, isReady: true)
                    status.servers = "127.0.0.1:9"
                    reply(JSON.text(status))
                }
            }
        }

        func run(_ what: String, until condition: () -> Bool) throws {
            let end = SystemClock.now() + .seconds(20)
            while !condition() {
                guard SystemClock.now() < end else {
                    Issue.record("\(what) did not happen; phase \(supervisor.machine.phase), \(supervisor.machine.states)")
                    return
                }
                try answerForMembers()
                loop.turn(waitingAtMost: .milliseconds(20))
            }
        }
        func ask(_ request: ControlRequest) throws -> ControlReply {
            var answer: [UInt8]?
            _ = DocumentRequest(
                JSON.text(request) + "\n", at: "\(plan.stateDirectory)/\(StateFiles.socket)", loop, network,
                by: loop.now + .seconds(10), limit: 1 << 20
            ) { result in
                do { answer = try result.get() } catch { Issue.record("\(error)") }
            }
            try run("an answer") { answer != nil }
            return try JSON.read(ControlReply.self, answer ?? [], from: "supervisor")
        }
        func end() throws {
            supervisor.stop()
            try run("the end") { isFinished }
        }
        func log(_ member: String) -> String { LogTail.read(plan.member(member)!.log, lines: 100) }
    }

    @Test func aClusterStartsIsAskedAndEnds() throws {
        let cluster = try Cluster()
        try cluster.run("all ready") { cluster.supervisor.machine.phase == .running }
        let status = try #require(try cluster.ask(ControlRequest(.status)).status)
        #expect(status.phase == "running")
        #expect(status.bootstrapServers == "127.0.0.1:9")
        #expect(status.members.allSatisfy { $0.state == .ready && $0.pid == 7 && $0.starts == 1 })
        try cluster.run("output") { cluster.log("edge-1").contains("started") }
        try cluster.end()
        #expect(cluster.log("edge-1").hasSuffix("topology: edge-1 ended with exit status 0"))
    }

    @Test func aKilledAgentIsRememberedAndStartsAgain() throws {
        let cluster = try Cluster()
        cluster.streams["edge-1"] = [
            AgentStatus.Stream(source: "s", channel: "c", stream: StreamID(value: 1), submitted: 10, safe: 8)
        ]
        try cluster.run("all ready") { cluster.supervisor.machine.phase == .running }
        // Asked once more before the kill: what it says last counts.
        cluster.streams["edge-1"]![0].submitted = 12
        #expect(try cluster.ask(ControlRequest(.signal, member: "edge-1", signal: SIGKILL)).failure == nil)
        try cluster.run("its end") { cluster.supervisor.machine.states["edge-1"] == .exited(status: 137) }
        var known = cluster.supervisor.book.known
        #expect(known.map(\.submitted) == [12])
        #expect(known.map(\.state) == [.down])
        cluster.streams["edge-1"] = []
        #expect(try cluster.ask(ControlRequest(.restart, member: "edge-1")).failure == nil)
        try cluster.run("ready again") { cluster.supervisor.machine.states["edge-1"] == .ready }
        known = cluster.supervisor.book.known
        #expect(known.map(\.state) == [.ended])
        try cluster.end()
    }

    /// For the audit: of its last two answers the fuller one, and that it stores also when it is gone.
    @Test func whatAChannelHoldsIsRemembered() throws {
        let cluster = try Cluster()
        func member() -> ClusterStatus.Member { cluster.supervisor.status.members.first { $0.name == "edge-1" }! }
        cluster.channels["edge-1"] = ("file", 500)
        try cluster.run("500 events") { member().heldEvents == 500 }
        cluster.channels["edge-1"] = ("file", 0)
        try cluster.run("an answer with 0") { member().status?.components.first?.gauges["events"] == 0 }
        #expect(member().heldEvents == 500)
        try cluster.run("two answers with 0") { member().heldEvents == 0 }
        try cluster.run("all ready") { cluster.supervisor.machine.phase == .running }
        #expect(cluster.supervisor.status.holdings == ChannelHoldings())
        _ = try cluster.ask(ControlRequest(.signal, member: "edge-1", signal: SIGKILL))
        try cluster.run("its end") { cluster.supervisor.machine.states["edge-1"] == .exited(status: 137) }
        #expect(cluster.supervisor.status.holdings == ChannelHoldings(silent: ["edge-1"]))
        try cluster.end()
    }

    /// Its status stays the last one, and says that it is not of now; told to end, it ends although it was stopped.
    @Test func aStoppedAgentDoesNotAnswerAndEndsWhenTold() throws {
        let cluster = try Cluster()
        try cluster.run("all ready") { cluster.supervisor.machine.phase == .running }
        #expect(try cluster.ask(ControlRequest(.status)).status?.members.allSatisfy(\.isAnswering) == true)
        #expect(try cluster.ask(ControlRequest(.signal, member: "edge-1", signal: SIGSTOP)).failure == nil)
        cluster.isDeaf.insert("edge-1")
        try cluster.run("its silence") { cluster.supervisor.members["edge-1"]?.isAnswering == false }
        let status = try #require(try cluster.ask(ControlRequest(.status)).status)
        #expect(status.members.filter { !$0.isAnswering }.map(\.name) == ["edge-1"])
        #expect(status.members.first { $0.name == "edge-1" }?.state == .ready)
        #expect(StatusText.text(status).contains("does not answer"))
        cluster.isDeaf = []
        let end = cluster.loop.now + ClusterMachine.grace
        #expect(try cluster.ask(ControlRequest(.restart, member: "edge-1")).failure == nil)
        try cluster.run("ready again") { cluster.supervisor.machine.states["edge-1"] == .ready }
        #expect(cluster.loop.now < end, "it was not killed for want of an answer")
        #expect(cluster.log("edge-1").contains("ended with exit status 0"))
        try cluster.end()
    }

    @Test func mistakesOfARequestAreAnswered() throws {
        let cluster = try Cluster()
        try cluster.run("all ready") { cluster.supervisor.machine.phase == .running }
        #expect(try cluster.ask(ControlRequest(.signal, member: "nobody", signal: 9)).failure?.code == "topology.member")
        try cluster.end()
    }

    @Test func whoEndsAtOnceFailsTheStart() throws {
        let cluster = try Cluster(script: "echo no >&2; exit 3")
        try cluster.run("a failure") { !cluster.supervisor.failure.isEmpty }
        #expect(cluster.supervisor.failure == "broker ended with exit status 3 before it was ready")
        #expect(cluster.log("broker").contains("no\n"))
        // Nobody runs any more, so that it ends at once; the request is answered before.
        #expect(try cluster.ask(ControlRequest(.down)).status != nil)
        try cluster.run("the end") { cluster.isFinished }
    }

    @Test func theEnvironmentReachesTheMembers() throws {
        let cluster = try Cluster(
            script: "echo \"$TAILRACE_TEST $TAILRACE_INSTANCE $TAILRACE_BOOTSTRAP_SERVERS $RACK\"; exec sleep 100")
        try cluster.run("output") { cluster.log("edge-2").contains("1 edge-2 127.0.0.1:9 rack-2") }
        try cluster.end()
    }
}

struct DocumentServerTests {
    /// Garbage, too much, nothing, half a line: closed or answered, and the server goes on.
    @Test(arguments: ["\u{0}\u{1}\n", String(repeating: "x", count: 100_000), "", "half", "GET x\nmore\n"])
    func itSurvivesEveryClient(_ text: String) throws {
        let loop = try EpollLoop(), network = EpollNetwork(loop)
        let path = "/tmp/tailrace-document-\(getpid())-\(UInt64.random(in: 0 ... .max)).sock"
        let server = try DocumentServer(loop, network, path: path) { request, reply in reply("you said \(request.utf8.count)") }
        defer { server.close() }
        var answers: [[UInt8]] = []
        for request in [text, "GET status\n"] {
            _ = DocumentRequest(request, at: path, loop, network, by: loop.now + .milliseconds(300), limit: 1_000) { result in
                // A request without an end gets none: its time passes.
                if case .success(let bytes) = result { answers.append(bytes) } else { answers.append([]) }
            }
        }
        let end = SystemClock.now() + .seconds(10)
        while answers.count < 2, SystemClock.now() < end { loop.turn(waitingAtMost: .milliseconds(10)) }
        #expect(answers.contains(Array("you said 10\n".utf8)))
    }

    @Test func anAnswerThatIsTooLongIsRefused() throws {
        let loop = try EpollLoop(), network = EpollNetwork(loop)
        let path = "/tmp/tailrace-document-\(getpid())-\(UInt64.random(in: 0 ... .max)).sock"
        let server = try DocumentServer(loop, network, path: path) { _, reply in reply(String(repeating: "y", count: 5_000)) }
        defer { server.close() }
        var failure: TailraceError?
        _ = DocumentRequest("x\n", at: path, loop, network, by: loop.now + .seconds(5), limit: 1_000) { result in
            if case .failure(let error) = result { failure = error }
        }
        let end = SystemClock.now() + .seconds(10)
        while failure == nil, SystemClock.now() < end { loop.turn(waitingAtMost: .milliseconds(10)) }
        #expect(failure?.message == "more than 1000 bytes at \(path)")
    }
}
