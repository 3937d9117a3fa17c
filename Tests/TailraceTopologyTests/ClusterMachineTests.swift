import TailraceCore
import TailraceStatus
import Testing

@testable import TailraceTopology

struct ClusterMachineTests {
    static func plan(_ yaml: String = TopologyFileTests.whole, kafkaHome: String? = nil) throws -> ClusterPlan {
        let topology = try TopologyFile.read(Array(yaml.utf8), file: "t.yaml", hasFile: { _ in true })
        var port = 20_000
        return try ClusterPlan.make(
            topology,
            at: ClusterPlan.Place(
                topologyFile: "/t/t.yaml", topologyDirectory: "/t", stateDirectory: "/s", executable: "/bin/tailrace",
                kafkaHome: kafkaHome),
            freePort: { () throws(TailraceError) in
                port += 1
                return port
            })
    }
    private func machine() throws -> ClusterMachine { ClusterMachine(try Self.plan()) }
    private let t0 = Instant(nanoseconds: 0)

    @Test func thePlanNamesEveryVariable() throws {
        let plan = try Self.plan(), edge = try #require(plan.member("edge-2"))
        #expect(plan.members.map(\.name) == ["broker", "auditor", "edge-1", "edge-2", "aggregator-1"])
        #expect(
            edge.arguments == [
                "/bin/tailrace", "agent", "-n", "edge", "-f", "/t/edge.properties", "--state-dir", "/s/agents/edge-2/state",
            ])
        #expect(
            edge.environment == [
                "RACK": "rack-2", "TAILRACE_CLUSTER": "two-tier", "TAILRACE_INSTANCE": "edge-2", "TAILRACE_HOST": "127.0.0.1",
                "TAILRACE_PORT": "20002", "TAILRACE_STATE_DIR": "/s/agents/edge-2/state",
                "TAILRACE_LOG_DIR": "/s/agents/edge-2/logs", "TAILRACE_EDGE_1_PORT": "20001", "TAILRACE_EDGE_2_PORT": "20002",
                "TAILRACE_AGGREGATOR_1_PORT": "20003",
            ])
        #expect(plan.writers.map(\.name) == ["edge-1", "edge-2"])
        #expect(plan.generatedFile(of: edge) == "/s/agents/edge-2/logs/app.log")
    }

    @Test func aBrokerAtHomeNeedsTheHome() throws {
        let yaml = TopologyFileTests.whole.replacing("broker: embedded", with: "broker: home")
        #expect {
            try Self.plan(yaml)
        } throws: {
            ($0 as? TailraceError)?.message == "the broker is 'home', and $KAFKA_HOME is not set"
        }
        let plan = try Self.plan(yaml, kafkaHome: "/opt/kafka")
        #expect(plan.kafkaHome == "/opt/kafka")
        #expect(plan.servers == "127.0.0.1:20001")
    }

    @Test func stagesStartOneBehindTheOther() throws {
        var machine = try machine()
        #expect(machine.start() == [.start("broker")])
        #expect(machine.memberIsReady("broker") == [.start("auditor")])
        #expect(machine.memberIsReady("auditor") == [.start("aggregator-1")])
        #expect(machine.memberIsReady("aggregator-1") == [.start("edge-1"), .start("edge-2")])
        #expect(machine.memberIsReady("edge-2") == [])
        #expect(machine.phase == .starting)
        #expect(machine.memberIsReady("edge-1") == [])
        #expect(machine.phase == .running)
    }

    private func running() throws -> ClusterMachine {
        var machine = try machine()
        _ = machine.start()
        for name in ["broker", "auditor", "aggregator-1", "edge-1", "edge-2"] { _ = machine.memberIsReady(name) }
        #expect(machine.phase == .running)
        return machine
    }

    @Test func whoEndsBeforeTheClusterIsUpFailsIt() throws {
        var machine = try machine()
        _ = machine.start()
        #expect(machine.memberExited("broker", status: 3, now: t0) == [.failed(member: "broker", status: 3)])
        #expect(machine.stop(now: t0) == [.finished])
    }

    @Test func whoIsKilledStaysDownUntilRestarted() throws {
        var machine = try running()
        #expect(try machine.signal("aggregator-1", 9) == [.signal("aggregator-1", 9)])
        #expect(machine.memberExited("aggregator-1", status: 137, now: t0) == [])
        #expect(machine.states["aggregator-1"] == .exited(status: 137))
        #expect(throws: TailraceError.self) { try machine.signal("aggregator-1", 9) }
        #expect(try machine.restart("aggregator-1", now: t0) == [.start("aggregator-1")])
        #expect(machine.memberIsReady("aggregator-1") == [])
        #expect(machine.phase == .running)
    }

    @Test func whoRunsIsEndedBeforeItStartsAgain() throws {
        var machine = try running()
        #expect(try machine.restart("edge-1", now: t0) == [.signal("edge-1", 15)])
        #expect(machine.tick(now: t0 + .seconds(14)) == [])
        #expect(machine.tick(now: t0 + .seconds(15)) == [.signal("edge-1", 9)])
        #expect(machine.memberExited("edge-1", status: 137, now: t0) == [.start("edge-1")])
    }

    @Test func stoppingGoesFromTheEdgesToTheBroker() throws {
        var machine = try running()
        #expect(machine.stop(now: t0) == [.signal("edge-1", 15), .signal("edge-2", 15)])
        #expect(machine.stop(now: t0) == [])
        #expect(machine.memberExited("edge-1", status: 0, now: t0) == [])
        #expect(machine.memberExited("edge-2", status: 0, now: t0) == [.signal("aggregator-1", 15)])
        #expect(machine.memberExited("aggregator-1", status: 0, now: t0) == [.signal("auditor", 15)])
        #expect(machine.memberExited("auditor", status: 0, now: t0) == [.signal("broker", 15)])
        #expect(machine.memberExited("broker", status: 0, now: t0) == [.finished])
        #expect(machine.phase == .stopped)
    }

    @Test func aRestartThatMeetsTheStopDoesNotStart() throws {
        var machine = try running()
        _ = try machine.restart("edge-1", now: t0)
        #expect(machine.stop(now: t0) == [.signal("edge-2", 15)])
        #expect(machine.memberExited("edge-1", status: 0, now: t0) == [])
        #expect(machine.memberExited("edge-2", status: 0, now: t0) == [.signal("aggregator-1", 15)])
    }

    @Test func mistakesAreTold() throws {
        var machine = try running()
        #expect {
            try machine.signal("edge-3", 9)
        } throws: {
            ($0 as? TailraceError)?.description
                == "topology.member: there is no 'edge-3' in this cluster. Fix: use one of aggregator-1, auditor, broker, edge-1, edge-2"
        }
        #expect {
            try machine.restart("broker", now: t0)
        } throws: {
            ($0 as? TailraceError)?.message.contains("forgets all records") == true
        }
    }

    /// Whatever happens in whatever order: a stop ends with nobody running.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func everyOrderEndsStopped(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed), machine = try machine(), alive: Set<String> = [], now = t0, finished = 0
        func act(_ actions: [ClusterMachine.Action]) {
            for action in actions {
                switch action {
                case .start(let name):
                    #expect(!alive.contains(name))
                    alive.insert(name)
                case .finished: finished += 1
                case .signal(let name, _): #expect(alive.contains(name))
                case .failed: break
                }
            }
        }
        act(machine.start())
        for step in 0..<400 {
            now = now + .seconds(Int.random(in: 0...3, using: &random))
            let name = ["broker", "auditor", "aggregator-1", "edge-1", "edge-2"].randomElement(using: &random)!
            switch Int.random(in: 0..<(step > 200 ? 4 : 6), using: &random) {
            case 0, 1: if alive.remove(name) != nil { act(machine.memberExited(name, status: 1, now: now)) }
            case 2: act(machine.tick(now: now))
            case 3: if step > 200 { act(machine.stop(now: now)) }
            case 4: if alive.contains(name) { act(machine.memberIsReady(name)) }
            default: do { act(try machine.restart(name, now: now)) } catch { #expect(error.code == "topology.member") }
            }
        }
        #expect(machine.phase == .stopped)
        #expect(alive.isEmpty)
        #expect(finished == 1)
    }

    @Test func theBookKeepsWhatAKilledAgentHadSent() {
        func stream(_ id: UInt64, _ submitted: UInt64, _ safe: UInt64) -> AgentStatus.Stream {
            AgentStatus.Stream(source: "s", channel: "c", stream: StreamID(value: id), submitted: submitted, safe: safe)
        }
        var book = StreamBook()
        book.heard("edge-1", [stream(1, 100, 90)])
        book.heard("edge-2", [stream(2, 5, 5)])
        book.exited("edge-1")
        #expect(book.known.map(\.state) == [.down, .live])
        book.heard("edge-1", [stream(1, 80, 80)])
        #expect(book.known[0].submitted == 100)
        #expect(book.known[0].state == .live)
        book.exited("edge-1")
        book.heard("edge-1", [])
        #expect(book.known[0].state == .ended)
        book.heard("edge-1", [stream(3, 1, 0)])
        #expect(book.known.map(\.state) == [.ended, .live, .live])
        #expect(book.known[0].safe == 90)
    }
}
