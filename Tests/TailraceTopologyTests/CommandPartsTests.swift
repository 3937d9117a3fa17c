import Glibc
import TailraceCore
import TailraceStatus
import Testing

@testable import TailraceTopology

struct SendPaceTests {
    private let t0 = Instant(nanoseconds: 0)

    @Test func itStaysBehindTheLimit() {
        var pace = SendPace(total: 10_000, rate: 0, ahead: 1_500, bytes: 140, forgets: false, start: t0)
        #expect(pace.allowance(now: t0, unread: 0) == 1_500)
        #expect(pace.allowance(now: t0, unread: 1_499) == 1)
        #expect(pace.allowance(now: t0, unread: 1_500) == 0)
        #expect(pace.allowance(now: t0, unread: 9_999) == 0)
        pace.wrote(9_999)
        #expect(pace.allowance(now: t0, unread: 0) == 1)
        pace.wrote(1)
        #expect(pace.isDone)
    }
    @Test func aBrokerThatForgetsSetsTheLimitByBytes() {
        let pace = SendPace(total: 10_000, rate: 0, ahead: 1_000_000, bytes: 65_536, forgets: true, start: t0)
        #expect(pace.allowance(now: t0, unread: 0) == (3 << 20) / (65_536 + 80))
    }
    @Test func theRateIsKept() {
        var pace = SendPace(total: 10_000, rate: 1_000, ahead: 100_000, bytes: 140, forgets: true, start: t0)
        #expect(pace.allowance(now: t0, unread: 0) == 0)
        #expect(pace.allowance(now: t0 + .milliseconds(100), unread: 0) == 100)
        pace.wrote(100)
        #expect(pace.allowance(now: t0 + .milliseconds(100), unread: 0) == 0)
        #expect(pace.allowance(now: t0 + .seconds(100), unread: 0) == 2_000)
    }
}

struct LineMakerTests {
    @Test func aLineHasItsLengthItsNumberAndNothingElse() {
        let maker = LineMaker(writer: "edge-1", bytes: 140)
        for number in [0, 7, 123_456_789] as [UInt64] {
            var bytes: [UInt8] = []
            maker.append(number, WallTime(milliseconds: 1_700_000_000_007), to: &bytes)
            #expect(bytes.count == 140)
            #expect(bytes.last == UInt8(ascii: "\n"))
            #expect(!bytes.dropLast().contains(UInt8(ascii: "\n")))
            let parsed = GeneratedLine.parse(Bytes(copying: bytes.dropLast()))
            #expect(parsed?.writer == "edge-1")
            #expect(parsed?.number == number)
        }
    }
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_400_001, "2000-02-29T00:00:00.001Z"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z"), (4_102_444_800_000, "2100-01-01T00:00:00.000Z"),
    ])
    func timesAreRight(_ milliseconds: Int64, _ text: String) {
        #expect(LineMaker.text(WallTime(milliseconds: milliseconds)) == text)
    }

    @Test func aFileGoesOnWhereItEnded() throws {
        let path = "/tmp/tailrace-generated-\(getpid())-\(UInt64.random(in: 0 ... .max)).log"
        defer { unlink(path) }
        #expect(try GeneratedFile.written(path) == 0)
        var file: GeneratedFile? = try GeneratedFile(path, writer: "edge-1", bytes: 100)
        try file?.append(5, WallTime(milliseconds: 0))
        #expect {
            _ = try GeneratedFile(path, writer: "edge-1", bytes: 100)
        } throws: {
            ($0 as? TailraceError)?.code == "topology.send"
        }
        file = nil
        let again = try GeneratedFile(path, writer: "edge-1", bytes: 100)
        #expect(again.next == 5)
        #expect(try GeneratedFile.written(path) == 5)
    }
}

struct SettleJudgeTests {
    private func report(_ sent: UInt64, safe: UInt64, seen: UInt64) -> AuditReport {
        var ledger = AuditLedger(startsAtZero: true)
        for number in 0..<seen {
            ledger.record(AuditTests.p0, offset: Int64(number), identity: AuditTests.identity(number), body: Bytes("x"))
        }
        var snapshot = ledger.snapshot
        snapshot.isReading = true
        return AuditReport(known: [AuditTests.known(sent, safe: safe)], seen: snapshot, written: [:])
    }
    /// What the judge says at each time, given in milliseconds.
    private func judge(_ steps: [(Int64, AuditReport)]) -> [Bool] {
        var judge = SettleJudge(start: Instant(nanoseconds: 0), limit: .seconds(60))
        return steps.map { judge.isSettled($0.1, now: Instant(nanoseconds: $0.0 * 1_000_000)) }
    }

    @Test func aFineReportMustStayFine() {
        let two = report(2, safe: 2, seen: 2), three = report(3, safe: 3, seen: 3)
        #expect(judge([(0, two), (900, three), (1_800, three), (1_900, three)]) == [false, false, false, true])
    }
    @Test func whatIsLostIsNotWaitedForLong() {
        let lost = report(3, safe: 3, seen: 2)
        #expect(judge([(0, lost), (9_900, lost), (10_000, lost)]) == [false, false, true])
    }
    @Test func whoWaitsForAnswersWaitsUntilTheDeadline() {
        let open = report(3, safe: 2, seen: 2)
        #expect(judge([(0, open), (59_000, open), (60_000, open)]) == [false, false, true])
    }
}

struct LiveViewTests {
    static func status(_ accepted: Int, at milliseconds: Int64) -> ClusterStatus {
        let agent = AgentStatus(
            agent: "edge", pid: 42, state: .running,
            components: [
                AgentStatus.Component(
                    name: "edge.sources.r", kind: .source, type: "taildir", health: .ok,
                    counters: ["accepted_events_total": accepted]),
                AgentStatus.Component(
                    name: "edge.channels.c", kind: .channel, type: "memory", health: .ok,
                    gauges: ["events": 50, "capacity_events": 200]),
                AgentStatus.Component(
                    name: "edge.sinks.k", kind: .sink, type: "rpc",
                    health: .degraded(TailraceError(code: "network.refused", message: "127.0.0.1:1: connection refused")),
                    counters: ["delivered_events_total": 7]),
            ])
        func member(_ name: String, _ state: ClusterStatus.Member.State, exit: Int32?, _ status: AgentStatus?)
            -> ClusterStatus.Member
        {
            ClusterStatus.Member(
                name: name, role: .agent, tier: "t", state: state, pid: status?.pid ?? 0, port: 1, exitStatus: exit, starts: 1,
                log: "/l", trouble: "",
                isAnswering: state == .ready, heldEvents: 0, storesEvents: false, status: status)
        }
        return ClusterStatus(
            cluster: "two-tier", phase: "running", supervisor: 1, bootstrapServers: "127.0.0.1:9", failure: "",
            members: [member("edge-1", .ready, exit: nil, agent), member("aggregator-1", .exited, exit: 137, nil)], streams: [],
            atMilliseconds: milliseconds, auditedRecords: 5, droppedRecords: 0)
    }

    @Test func ratesFillAndTroubleAreShown() {
        let picture = LiveView.picture(
            Self.status(3_000, at: 4_000), before: Self.status(1_000, at: 2_000), columns: 120, rows: 24, colours: false)
        #expect(
            picture == [
                " two-tier: running, Kafka at 127.0.0.1:9 ", "",
                "NAME          PID  STATE             EVENTS/S  CHANNEL    DELIVERED  NOTE",
                "edge-1        42   ready             1000      50 of 200  7          network.refused: 127.0.0.1:1: connection refused",
                "aggregator-1  -    ended (signal 9)  -         -          -          start it with: topology restart aggregator-1",
                "", "auditor: 5 records read from Kafka", "q ends the cluster; feed it with: topology send --events 100000",
            ])
    }
    @Test(arguments: [1, 20, 80]) func itFitsTheTerminal(_ columns: Int) {
        let picture = LiveView.picture(Self.status(1, at: 1), before: nil, columns: columns, rows: 4, colours: false)
        #expect(picture.count == 4)
        #expect(picture.allSatisfy { $0.count <= columns })
    }
    @Test func coloursOnlyWhenAsked() {
        let plain = LiveView.picture(Self.status(1, at: 1), before: nil, columns: 80, rows: 24, colours: false)
        let painted = LiveView.picture(Self.status(1, at: 1), before: nil, columns: 80, rows: 24, colours: true)
        #expect(!plain.joined().contains("\u{1B}"))
        #expect(painted.joined().contains("\u{1B}[31m"))
    }
}

struct SmallPartsTests {
    @Test(arguments: [("KILL", 9), ("SIGTERM", 15), ("9", 9), ("stop", 19)] as [(String, Int32)])
    func signalsByName(_ name: String, _ number: Int32) { #expect(KillCommand.signal(named: name) == number) }
    @Test(arguments: ["", "0", "65", "KIL", "-9"]) func otherNamesAreNone(_ name: String) {
        #expect(KillCommand.signal(named: name) == nil)
    }

    @Test func portsAreFreeAndDifferent() throws {
        var ports = Ports(seed: 1), given: Set<Int> = []
        for _ in 0..<20 { given.insert(try ports.next()) }
        #expect(given.count == 20)
        #expect(given.allSatisfy { Ports.range.contains($0) })
    }

    @Test func aClusterIDIsWhatKafkaReads() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<200 {
            let id = KafkaHome.clusterID(&random)
            #expect(id.utf8.count == 22)
            #expect(!id.hasPrefix("-"))
            #expect("AQgw".contains(id.last!))
        }
    }

    @Test func aStateDirectoryIsLockedClearedAndNeverSomebodyElses() throws {
        let path = "/tmp/tailrace-state-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        defer { do { try SystemCall.removeTree(path) } catch { Issue.record("\(error)") } }
        let state = try StateDirectory(path), lock = try #require(try state.lock())
        #expect(try state.lock() == nil)
        #expect(try state.isRunning())
        close(lock)
        #expect(try !state.isRunning())
        try state.write(try ClusterMachineTests.plan())
        #expect(try state.plan().name == "two-tier")
        try state.writeProcess(getpid())
        #expect(try state.process() == getpid())
        try SystemCall.makeDirectory("\(path)/agents/edge-1/logs")
        try state.clear()
        #expect(SystemCall.names(in: path) == ["lock"])
        try SystemCall.makeDirectory("\(path)/photos")
        #expect {
            try state.clear()
        } throws: {
            ($0 as? TailraceError)?.message == "\(path) holds photos, which is not of a cluster"
        }
    }

    @Test func aLogIsBounded() throws {
        let path = "/tmp/tailrace-log-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        defer { for name in [path, path + ".1"] { unlink(name) } }
        let log = try MemberLog(path: path)
        let block = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20)
        for _ in 0..<20 { log.append(block) }
        log.append("\nend\n")
        var information = stat()
        #expect(stat(path, &information) == 0 && information.st_size <= MemberLog.largestBytes)
        #expect(stat(path + ".1", &information) == 0 && information.st_size <= MemberLog.largestBytes)
        #expect(LogTail.read(path, lines: 1) == "end")
    }
}
