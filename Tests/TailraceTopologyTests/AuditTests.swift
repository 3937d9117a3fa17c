import TailraceCore
import TailraceStatus
import Testing

@testable import TailraceTopology

struct AuditTests {
    static let stream = StreamID(value: 0xAB)
    static let p0 = TopicPartition(topic: "t", partition: 0), p1 = TopicPartition(topic: "t", partition: 1)

    static func identity(_ number: UInt64, _ stream: StreamID = stream) -> Bytes {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: stream.value.bigEndian) { bytes += $0 }
        withUnsafeBytes(of: number.bigEndian) { bytes += $0 }
        return Bytes(copying: bytes)
    }
    static func known(_ submitted: UInt64, safe: UInt64, _ state: KnownStream.State = .live) -> KnownStream {
        KnownStream(
            agent: "edge-1", source: "s", channel: "c", stream: stream, submitted: submitted, safe: safe, state: state)
    }
    private func ledger(_ numbers: [UInt64], in partition: TopicPartition = p0) -> AuditLedger {
        var ledger = AuditLedger(startsAtZero: true)
        for (offset, number) in numbers.enumerated() {
            ledger.record(partition, offset: Int64(offset), identity: Self.identity(number), body: Bytes("x"))
        }
        return ledger
    }
    private func report(
        _ ledger: AuditLedger, _ known: [KnownStream], _ written: [String: UInt64] = [:],
        held: ChannelHoldings = ChannelHoldings(), isFinal: Bool = false
    ) -> AuditReport {
        var snapshot = ledger.snapshot
        snapshot.isReading = true
        return AuditReport(known: known, seen: snapshot, written: written, held: held, isFinal: isFinal)
    }

    @Test func whatCameOnceIsFine() {
        let report = report(ledger([0, 1, 2]), [Self.known(3, safe: 3)])
        #expect(report.verdict == "0 missing, 0 duplicates, 0 unverified: OK")
        #expect(report.isFine)
    }

    @Test func whatIsMissingIsNamedWithItsRange() {
        let report = report(ledger([0, 3, 3, 6]), [Self.known(8, safe: 8)])
        #expect(report.verdict == "5 missing, 1 duplicates, 0 unverified: NOT OK")
        #expect(report.streams[0].missingRanges == ["1-2", "4-5", "7"])
        #expect(report.text.contains("missing in 00000000000000ab: 1-2, 4-5, 7\n"))
    }

    /// What is answered as safe and not in Kafka is in a channel, as far as channels hold that much.
    @Test(
        arguments: [
            (5, "0 missing, 0 duplicates, 0 unverified, 5 still in channels: NOT SETTLED, use --wait"),
            (900, "0 missing, 0 duplicates, 0 unverified, 5 still in channels: NOT SETTLED, use --wait"),
            (3, "2 missing, 0 duplicates, 0 unverified, 3 still in channels: NOT OK, use --wait"),
        ] as [(UInt64, String)])
    func whatIsInAChannelIsNotMissing(_ events: UInt64, _ verdict: String) {
        let report = report(ledger([0, 3, 6]), [Self.known(8, safe: 8)], held: ChannelHoldings(events: events))
        #expect(report.verdict == verdict)
        #expect(!report.isFine && !report.isSettled && !report.isAnswered)
        #expect(report.text.contains("NOT IN KAFKA"))
        #expect(report.text.contains("not yet in Kafka, of 00000000000000ab: 1-2, 4-5, 7\n"))
        #expect(report.notes.contains { $0.hasSuffix("may still be in channels; wait for them with --wait") })
    }
    @Test func aChannelThatHoldsWhatHasComeIsFine() {
        let report = report(ledger([0, 1]), [Self.known(2, safe: 2)], held: ChannelHoldings(events: 2, silent: ["a"]))
        #expect(report.verdict == "0 missing, 0 duplicates, 0 unverified: OK")
    }
    @Test func whatMayBeStoredWithAnAgentThatDoesNotAnswerIsUnverified() {
        let held = ChannelHoldings(events: 1, silent: ["aggregator-1", "aggregator-2"])
        let report = report(ledger([0, 3, 6]), [Self.known(8, safe: 8)], held: held)
        #expect(report.verdict == "0 missing, 0 duplicates, 4 unverified, 1 still in channels: NOT OK, use --wait")
        #expect(
            report.notes.contains(
                "4 events that are not in Kafka may be stored in aggregator-1, aggregator-2, which does not answer. "
                    + "Fix: tailrace topology restart aggregator-1"))
    }

    /// By state: who answers counts, who does not and stores is named, who keeps nothing is left out.
    @Test func holdingsAreThoseOfTheAgentsThatAnswer() {
        func member(
            _ name: String, _ state: ClusterStatus.Member.State, answers: Bool, stores: Bool, _ agent: AgentStatus.State
        ) -> ClusterStatus.Member {
            return ClusterStatus.Member(
                name: name, role: .agent, tier: "t", state: state, pid: 1, port: 1, exitStatus: nil, starts: 1, log: "/l",
                trouble: "", isAnswering: answers, heldEvents: 10, storesEvents: stores,
                status: AgentStatus(agent: "a", pid: 1, state: agent))
        }
        var status = LiveViewTests.status(0, at: 0)
        status.members = [
            member("ready", .ready, answers: true, stores: true, .running),
            member("memory", .ready, answers: true, stores: false, .running),
            member("stopped", .ready, answers: false, stores: true, .running),
            member("recovering", .starting, answers: true, stores: true, .starting),
            member("killed", .exited, answers: false, stores: true, .running),
            member("killed-memory", .exited, answers: false, stores: false, .running),
        ]
        #expect(status.holdings == ChannelHoldings(events: 20, silent: ["stopped", "recovering", "killed"]))
    }

    @Test func notYetSafeIsNotSettled() {
        let report = report(ledger([0, 1]), [Self.known(2, safe: 1)])
        #expect(report.verdict == "0 missing, 0 duplicates, 1 unverified: NOT OK")
        #expect(!report.isFine && !report.isAnswered)
    }

    /// "An edge that lost its memory at a kill starts a new stream: the old one is reported as ended and resent, not as missing."
    @Test func anEndedStreamOwesOnlyWhatWasSafe() {
        let fine = report(ledger([0, 1, 2]), [Self.known(10, safe: 3, .ended)])
        #expect(fine.isFine)
        #expect(fine.streams[0].state == .ended)
        #expect(fine.streams[0].resent == 7)
        let lost = report(ledger([0, 2]), [Self.known(10, safe: 3, .ended)])
        #expect(lost.missing == 1)
        #expect(lost.streams[0].missingRanges == ["1"])
        #expect(lost.streams[0].resent == 7)
    }

    @Test func anAgentThatDoesNotRunLeavesItsRestUnverified() {
        let report = report(ledger([0, 1, 2]), [Self.known(10, safe: 3, .down)])
        #expect(report.verdict == "0 missing, 0 duplicates, 7 unverified: NOT OK")
        #expect(report.notes.first == "edge-1 does not run. Fix: tailrace topology restart edge-1")
    }

    @Test func aStreamThatNoStatusNamedIsListedAndOwesNothing() {
        let report = report(ledger([0, 2]), [])
        #expect(report.streams.map(\.state) == [.unreported])
        #expect(report.isFine)
    }

    /// Offsets that never came: the broker had dropped them. Numbers that are missing may be among them, so nobody knows.
    @Test func whatTheBrokerDroppedIsUnverified() {
        var ledger = AuditLedger(startsAtZero: true)
        ledger.record(Self.p0, offset: 2, identity: Self.identity(2), body: Bytes("x"))
        #expect(ledger.partitions[Self.p0]?.dropped == 2)
        let report = report(ledger, [Self.known(4, safe: 4)])
        #expect(report.verdict == "1 missing, 0 duplicates, 2 unverified: NOT OK")
        #expect(report.dropped == 2)
    }

    @Test func theFirstOffsetOfAnOlderTopicIsNoGap() {
        var ledger = AuditLedger(startsAtZero: false)
        ledger.record(Self.p0, offset: 700, identity: nil, body: Bytes("x"))
        ledger.record(Self.p0, offset: 701, identity: nil, body: Bytes("x"))
        ledger.record(Self.p0, offset: 700, identity: nil, body: Bytes("x"))
        #expect(ledger.partitions[Self.p0]?.dropped == 0)
        #expect(ledger.anonymous == 3)
    }

    @Test func withoutIdentityNothingIsVerified() {
        var ledger = AuditLedger(startsAtZero: true)
        ledger.record(Self.p0, offset: 0, identity: Bytes("short"), body: Bytes("x"))
        ledger.record(Self.p0, offset: 1, identity: nil, body: Bytes("x"))
        let report = report(ledger, [Self.known(2, safe: 2)])
        #expect(report.verdict == "0 missing, 0 duplicates, 2 unverified: NOT OK")
        #expect(report.notes.contains { $0.contains("identityHeaders = true") })
    }

    @Test func orderIsThatOfAPartition() {
        var ledger = AuditLedger(startsAtZero: true)
        for (partition, offset, number) in [
            (Self.p0, 0, 5), (Self.p1, 0, 0), (Self.p1, 1, 1), (Self.p0, 1, 3), (Self.p0, 2, 5),
        ] {
            ledger.record(partition, offset: Int64(offset), identity: Self.identity(UInt64(number)), body: Bytes("x"))
        }
        let tally = ledger.streams[Self.stream]!
        #expect(tally.outOfOrder == 1)
        #expect(tally.duplicates == 1)
    }

    @Test func generatedLinesAreCountedByFile() {
        var ledger = AuditLedger(startsAtZero: true)
        for (offset, number) in [0, 1, 1, 3].enumerated() {
            ledger.record(
                Self.p0, offset: Int64(offset), identity: Self.identity(UInt64(offset)),
                body: Bytes("hello line=edge-1/\(number)"))
        }
        let late = report(ledger, [Self.known(4, safe: 4)], ["edge-1": 4])
        #expect(late.files[0].missingRanges == ["2"])
        #expect(late.verdict == "0 missing, 1 duplicates, 1 unverified: NOT OK")
        let lost = report(ledger, [Self.known(4, safe: 4)], ["edge-1": 4], isFinal: true)
        #expect(lost.verdict == "1 missing, 1 duplicates, 0 unverified: NOT OK")
        let down = report(ledger, [Self.known(4, safe: 4, .down)], ["edge-1": 4], isFinal: true)
        #expect(down.verdict == "0 missing, 1 duplicates, 1 unverified: NOT OK")
    }

    @Test(arguments: [
        ("x line=edge-1/42", "edge-1", 42), (" line=a/0", "a", 0), ("x line=a/18446744073709551615", "a", UInt64.max),
    ])
    func aGeneratedLineIsRecognised(_ text: String, _ writer: String, _ number: UInt64) {
        let parsed = GeneratedLine.parse(Bytes(text))
        #expect(parsed?.writer == writer)
        #expect(parsed?.number == number)
    }
    @Test(arguments: [
        "", "7", "/7", "=/7", " line=/7", "line=a/7", " line=a/", " line=a/18446744073709551616",
        " line=a/99999999999999999999999",
        " lime=a/7", " line=\(String(repeating: "a", count: 70))/7",
    ])
    func otherLinesAreNot(_ text: String) { #expect(GeneratedLine.parse(Bytes(text)) == nil) }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func garbageIsNoGeneratedLine(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let alphabet = Array(" line=a/0123456789\u{0}".utf8)
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
            _ = GeneratedLine.parse(Bytes(copying: bytes))
        }
    }

    /// The verdict against a plain count: random deliveries with losses and repeats in several partitions.
    @Test(arguments: 0..<30 as Range<UInt64>)
    func theVerdictIsRight(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let sent = UInt64.random(in: 0..<300, using: &random)
        var deliveries: [UInt64] = []
        for number in 0..<sent {
            let copies = [0, 1, 1, 1, 1, 1, 1, 2, 3].randomElement(using: &random)!
            deliveries += Array(repeating: number, count: copies)
        }
        deliveries.shuffle(using: &random)
        var ledger = AuditLedger(startsAtZero: true), offsets: [Int64] = [0, 0, 0]
        for number in deliveries {
            let partition = Int.random(in: 0..<3, using: &random)
            ledger.record(
                TopicPartition(topic: "t", partition: Int32(partition)), offset: offsets[partition],
                identity: Self.identity(number), body: Bytes("x"))
            offsets[partition] += 1
        }
        let report = report(ledger, [Self.known(sent, safe: sent)])
        let came = Set(deliveries)
        #expect(report.missing == sent - UInt64(came.count))
        #expect(report.duplicates == UInt64(deliveries.count - came.count))
        #expect(report.unverified == 0)
        #expect(report.isFine == (came.count == Int(sent)))
    }

    @Test func aSnapshotSurvivesItsJSON() throws {
        var ledger = ledger([0, 1, 5])
        ledger.record(Self.p1, offset: 9, identity: nil, body: Bytes("x line=edge-1/3"))
        let snapshot = ledger.snapshot
        let text = JSON.text(snapshot)
        #expect(try JSON.read(AuditSnapshot.self, Array(text.utf8), from: "t") == snapshot)
    }
}
