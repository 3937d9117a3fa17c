import TailraceCore
import Testing

@testable import TailraceTopology

struct ChaosPlanTests {
    static let targets = ["edge-1", "edge-2", "aggregator-1", "aggregator-2", "broker"].map {
        ChaosPlan.Target(name: $0, recovery: $0 == "broker" ? 8_000 : 1_000)
    }
    static func settings(_ seconds: Int, mostDown: Int = 2) -> ChaosPlan.Settings {
        ChaosPlan.Settings(length: seconds * 1_000, pause: 3_000, stop: 5_000, mostDown: mostDown)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func theSameSeedIsTheSamePlan(_ seed: UInt64) {
        let plan = ChaosPlan(seed: seed, Self.targets, Self.settings(300))
        #expect(plan == ChaosPlan(seed: seed, Self.targets, Self.settings(300)))
        #expect(plan != ChaosPlan(seed: seed + 1, Self.targets, Self.settings(300)))
        #expect(plan != ChaosPlan(seed: seed, Self.targets.dropLast(), Self.settings(300)))
    }

    /// Every kind hits every member; nobody else is hit; nobody is hit twice at once; everybody goes on before the end.
    @Test(arguments: 0..<100 as Range<UInt64>, [1, 2, 5])
    func aPlanIsComplete(_ seed: UInt64, _ mostDown: Int) {
        let settings = Self.settings(600, mostDown: mostDown)
        let plan = ChaosPlan(seed: seed, Self.targets, settings)
        for target in Self.targets {
            let own = plan.faults.filter { $0.member == target.name }
            #expect(Set(own.map(\.kind)) == Set(ChaosFault.Kind.allCases))
            for (fault, next) in zip(own, own.dropFirst()) { #expect(fault.end < next.start) }
        }
        #expect(Set(plan.faults.map(\.member)) == Set(Self.targets.map(\.name)))
        #expect(plan.faults.allSatisfy { 0 <= $0.start && $0.start <= $0.end && $0.end <= settings.length })
        #expect(plan.faults.filter { $0.kind == .stop }.allSatisfy { (5_000...6_250).contains($0.end - $0.start) })
        for fault in plan.faults {
            let down = plan.faults.filter { $0.start <= fault.start && fault.start < $0.end }
            #expect(down.count <= mostDown)
        }
    }

    /// What the steps do to a member, in their order: up at the end, and never something that cannot be.
    @Test(arguments: 0..<50 as Range<UInt64>, [1, 7, 60, 300])
    func everybodyIsUpAtTheEnd(_ seed: UInt64, _ seconds: Int) {
        enum State { case up, killed, stopped }
        var states: [String: State] = [:], time = 0
        for step in ChaosPlan(seed: seed, Self.targets, Self.settings(seconds)).steps {
            #expect(step.time >= time && step.time <= seconds * 1_000)
            time = step.time
            let state = states[step.member] ?? .up
            switch step.action {
            case .signal(ChaosPlan.kill): #expect(state == .up); states[step.member] = .killed
            case .signal(ChaosPlan.stop): #expect(state == .up); states[step.member] = .stopped
            case .signal(let number): #expect(state == .stopped && number == ChaosPlan.goOn); states[step.member] = .up
            case .start: #expect(state == (step.isBeginning ? .up : .killed)); states[step.member] = .up
            }
        }
        #expect(states.values.allSatisfy { $0 == .up })
    }

    /// One fault every three seconds on average, as far as there is room.
    @Test func thePauseIsKept() {
        let plan = ChaosPlan(seed: 1, Self.targets, Self.settings(6_000, mostDown: 5))
        #expect((1_400...2_600).contains(plan.faults.count))
    }

    @Test func withoutTargetsOrTimeThereIsNoFault() {
        #expect(ChaosPlan(seed: 1, [], Self.settings(60)).faults.isEmpty)
        let short = ChaosPlan.Settings(length: 0, pause: 1_000, stop: 1_000, mostDown: 1)
        #expect(ChaosPlan(seed: 1, Self.targets, short).faults.isEmpty)
    }

    @Test func onlyARealBrokerThatIsOursIsBroken() throws {
        func names(_ broker: String) throws -> [String] {
            let yaml = TopologyFileTests.whole.replacing("broker: embedded", with: "broker: \(broker)")
            return try ClusterMachineTests.plan(yaml, kafkaHome: "/opt/kafka").chaosTargets.map(\.name)
        }
        #expect(try names("embedded") == ["edge-1", "edge-2", "aggregator-1"])
        #expect(try names("{kind: bootstrap, servers: \"k:9092\"}") == ["edge-1", "edge-2", "aggregator-1"])
        #expect(try names("home") == ["edge-1", "edge-2", "aggregator-1", "broker"])
    }
}

struct ChaosResultTests {
    static let faults = [
        ChaosFault(kind: .kill, member: "edge-1", start: 0, end: 9),
        ChaosFault(kind: .kill, member: "edge-1", start: 20, end: 29),
        ChaosFault(kind: .stop, member: "broker", start: 0, end: 9),
    ]
    private func result(unexpectedEnds: [String] = []) -> ChaosResult {
        ChaosResult(
            cluster: "c", seed: 7, seconds: 30, faults: Self.faults, unexpectedEnds: unexpectedEnds, sent: 12,
            log: "/s/chaos.log")
    }
    private func report(delivered: UInt64) -> AuditReport {
        var ledger = AuditLedger(startsAtZero: true)
        for number in 0..<delivered {
            ledger.record(
                AuditTests.p0, offset: Int64(number), identity: AuditTests.identity(number),
                body: Bytes("x line=edge-1/\(number)"))
        }
        var snapshot = ledger.snapshot
        snapshot.isReading = true
        return AuditReport(known: [AuditTests.known(12, safe: 12)], seen: snapshot, written: ["edge-1": 12], isFinal: true)
    }

    @Test func whatWasDoneAndFoundIsTold() {
        var result = result()
        result.judge(report(delivered: 12))
        #expect(
            result.text == """
                MEMBER  KILL  STOP  RESTART
                broker     0     1        0
                edge-1     2     0        0
                3 faults in 30 s with seed 7; each with its time in /s/chaos.log
                12 lines written, 12 in Kafka
                0 missing, 0 duplicates, 0 unverified: OK

                """)
        #expect(result.ok)
    }
    @Test func whatIsMissingIsNotOK() {
        var result = result()
        result.judge(report(delivered: 10))
        #expect(!result.ok && result.missing == 2 && result.delivered == 10)
        #expect(result.verdict == "2 missing, 0 duplicates, 0 unverified: NOT OK")
    }
    @Test func whoEndedByItselfIsNotOK() {
        var result = result(unexpectedEnds: ["edge-1 ended by itself: exit code 70"])
        result.judge(report(delivered: 12))
        #expect(!result.ok)
        #expect(result.text.contains("edge-1 ended by itself: exit code 70\n"))
        #expect(result.verdict == "0 missing, 0 duplicates, 0 unverified: OK; 1 members ended by themselves: NOT OK")
    }
    @Test func anInterruptedRunSaysSo() {
        var result = result()
        result.judge(nil)
        #expect(result.wasInterrupted && !result.ok)
        #expect(
            result.text.hasSuffix("12 lines written\ninterrupted: no audit was made; ask for it with topology audit --wait\n"))
    }
}

struct BrokerRequestTests {
    @Test(arguments: [("SIGNAL 19", 19), ("SIGNAL 1", 1), ("SIGNAL 64", 64)] as [(String, Int32)])
    func aSignalIsPassedOn(_ request: String, _ number: Int32) {
        #expect(BrokerProcess.signal(request) == number)
        #expect(BrokerProcess.signalRequest(number) == request + "\n")
    }
    @Test(arguments: [
        "", "SIGNAL", "SIGNAL ", "SIGNAL 0", "SIGNAL 65", "SIGNAL -9", "SIGNAL  9", "signal 9", "SIGNAL 9 9", "GET status",
    ])
    func anythingElseIsNot(_ request: String) { #expect(BrokerProcess.signal(request) == nil) }
}
