import TailraceCore
import TailraceSimulation
import Testing

@testable import TailraceSources

private func x(_ count: Int) -> String { String(repeating: "L", count: count) }
private let first = "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8"
private let second =
    "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" eventSource=\"Application\" eventID=\"1011\"] BOMAn application event log entry..."

/// Flume's vectors; where Flume is wrong the right result stands here. Headers as one text, sorted.
@Suite struct SyslogVectorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var line: String, headers: String, body: String, keep: SyslogFields = [], dialect = SyslogDialect.single
        var testDescription: String { "\(dialect) \(line.prefix(40).debugDescription)" }
    }
    static let cases: [Case] = [
        Case(
            line: first, headers: "Facility=4 Severity=2 host=mymachine priority=34 timestamp=1791756855000",
            body: "su: 'su root' failed for lonvick on /dev/pts/8"),
        Case(
            line: "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
            headers: "Facility=1 Severity=5 host=10.0.0.99 priority=13 timestamp=1770312738000", body: "Use the BFG!"),
        Case(
            line: "<86>Nov 21 10:01:02 host1 sshd[123]: Accepted",
            headers: "Facility=10 Severity=6 host=host1 priority=86 timestamp=1795255262000", body: "sshd[123]: Accepted"),
        Case(
            line: second,
            headers: "Facility=20 Severity=5 host=mymachine.example.com priority=165 timestamp=1065910455003 version=1",
            body: String(second.dropFirst(54))),
        Case(
            line: "<34>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's",
            headers: "Facility=4 Severity=2 host=192.0.2.1 priority=34 timestamp=1061727255000 version=1",
            body: "myproc 8710 - - %% It's"),
        Case(
            line: "<34>1 - mymachine su - - - hi", headers: "Facility=4 Severity=2 host=mymachine priority=34 version=1",
            body: "su - - - hi"),
        Case(
            line: "<34>1 2003-10-11T22:14:15.003Z - su - - - hi",
            headers: "Facility=4 Severity=2 priority=34 timestamp=1065910455003 version=1", body: "su - - - hi"),
        Case(line: "plain text line", headers: "Facility=0 Severity=0 flume.syslog.status=Invalid", body: "plain text line"),
        Case(line: "<34>", headers: "Facility=4 Severity=2", body: "<34>"),
        Case(line: "<34>hello world", headers: "Facility=4 Severity=2", body: "<34>hello world"),
        Case(
            line: "<999>Oct 11 22:14:15 h t: m", headers: "Facility=124 Severity=7 host=h priority=999 timestamp=1791756855000",
            body: "t: m"),
        Case(
            line: "<ab>Oct 11 22:14:15 h t: m", headers: "Facility=0 Severity=0 flume.syslog.status=Invalid",
            body: "<ab>Oct 11 22:14:15 h t: m"),
        // Flume cannot read a line with a CR.
        Case(
            line: "<34>Oct 11 22:14:15 mymachine su: crlf\r",
            headers: "Facility=4 Severity=2 host=mymachine priority=34 timestamp=1791756855000", body: "su: crlf"),
        Case(
            line: "<34>Oct 11 22:14:15 h su: a\rb", headers: "Facility=4 Severity=2 host=h priority=34 timestamp=1791756855000",
            body: "su: a\rb"),
        Case(
            line: first, headers: "Facility=4 Severity=2 host=mymachine priority=34 timestamp=1791756855000", body: first,
            keep: .all),
        Case(
            line: second,
            headers: "Facility=20 Severity=5 host=mymachine.example.com priority=165 timestamp=1065910455003 version=1",
            body: second, keep: .all),
        Case(
            line: first, headers: "Facility=4 Severity=2 host=mymachine priority=34 timestamp=1791756855000",
            body: "<34>Oct 11 22:14:15 su: 'su root' failed for lonvick on /dev/pts/8", keep: [.priority, .timestamp]),
        Case(
            line: second,
            headers: "Facility=20 Severity=5 host=mymachine.example.com priority=165 timestamp=1065910455003 version=1",
            body: "<165>2003-10-11T22:14:15.003Z " + second.dropFirst(54), keep: [.priority, .timestamp]),
        Case(
            line: second,
            headers: "Facility=20 Severity=5 host=mymachine.example.com priority=165 timestamp=1065910455003 version=1",
            body: "1 mymachine.example.com " + second.dropFirst(54), keep: [.version, .host]),
        Case(line: "plain", headers: "Facility=0 Severity=0 flume.syslog.status=Invalid", body: "plain", keep: .priority),
        // multiport_syslogtcp
        Case(
            line: first, headers: "Facility=4 Priority=34 Severity=2 host=mymachine timestamp=1791756855000",
            body: "su: 'su root' failed for lonvick on /dev/pts/8", dialect: .multiport),
        Case(
            line: "<34>1 - mymachine su - - - hi",
            headers: "Facility=4 Priority=34 Severity=2 Version=1 host=mymachine timestamp=\(vectorNow)", body: "su - - - hi",
            dialect: .multiport),
        Case(line: "plain text line", headers: "flume.syslog.status=Invalid", body: "plain text line", dialect: .multiport),
        Case(line: "<34>hello world", headers: "flume.syslog.status=Invalid", body: "<34>hello world", dialect: .multiport),
    ]

    private func events(_ bytes: [UInt8], _ keep: SyslogFields = [], _ dialect: SyslogDialect = .single) -> EventBatch {
        var encoder = SyslogEncoder(dialect, keep, .utc), framer = SyslogFramer(limit: 2500), batch = GatheredBatch()
        bytes.withUnsafeBytes { bytes in
            framer.feed(bytes) { encoder.add($0, $1, now: vectorNow, peer: Bytes(), to: &batch) }
        }
        framer.finish(isBroken: false) { encoder.add($0, $1, now: vectorNow, peer: Bytes(), to: &batch) }
        return batch.finish()
    }

    @Test(arguments: cases) func vector(_ c: Case) {
        let batch = events(Array((c.line + "\n").utf8), c.keep, c.dialect)
        #expect(batch.bodies == [c.body])
        #expect(batch.count == 1 && batch.headerTexts == [c.headers])
    }

    @Test func streams() {
        #expect(events([0x0A]).count == 0)
        // Flume loses these two lines without line end, and does not know counted ones.
        #expect(events(Array("<34>Oct 11 22:14:15 h su: nul\0".utf8)).bodies == ["su: nul"])
        #expect(events(Array("<34>Oct 11 22:14:15 h su: x".utf8)).bodies == ["su: x"])
        #expect(
            events(Array("33 <34>Oct 11 22:14:15 h su: octets!<34>Oct 11 22:14:15 h su: x\n".utf8)).bodies == [
                "su: octets!", "su: x",
            ])
        let bytes = Array("<34>Oct 11 22:14:15 h su: z\u{FC}rich ".utf8) + [0xFF, 0x0A]
        #expect(Array(events(bytes)[0].body) == Array("su: z\u{FC}rich ".utf8) + [0xFF])
        let long = events(Array("<34>Oct 11 22:14:15 h su: \(x(2600))\n".utf8))
        #expect(long.bodies == ["su: " + x(2474), x(126)])
        #expect(
            long.headerTexts == [
                "Facility=4 Severity=2 flume.syslog.status=Incomplete host=h priority=34 timestamp=1791756855000",
                "Facility=0 Severity=0 flume.syslog.status=Invalid",
            ])
    }

    @Test func keepFieldsInWords() {
        #expect(SyslogFields(configured: "none") == [] && SyslogFields(configured: "FALSE") == [])
        #expect(SyslogFields(configured: "all") == .all && SyslogFields(configured: "true") == .all)
        #expect(SyslogFields(configured: "priority, hostname") == [.priority, .host])
        #expect(SyslogFields(configured: "priority all") == nil && SyslogFields(configured: "message") == nil)
        for fields in [SyslogFields.all, [], [.version, .timestamp]] {
            #expect(SyslogFields(configured: fields.configured) == fields)
        }
    }
}

extension EventBatch {
    /// Of each event, sorted, as one text.
    var headerTexts: [String] {
        (0..<count).map { self[$0].headers.map { "\($0.name)=\($0.value)" }.sorted().joined(separator: " ") }
    }
}
