import TailraceCore
import Testing

@testable import TailraceSources

/// 22 November 2026, 12:00 UTC: the day of Flume's vectors.
let vectorNow: Int64 = 1_795_348_800_000

private func parse(_ line: String, zone: TimeZoneRules = .utc, now: Int64 = vectorNow) -> (SyslogMessage, String, String?) {
    var parser = SyslogParser(zone: zone)
    let bytes = Array(line.utf8)
    return bytes.withUnsafeBytes { bytes in
        let message = parser.parse(bytes, now: now)
        let host = message.host.isEmpty ? nil : String(decoding: bytes[message.host], as: UTF8.self)
        return (message, String(decoding: bytes[message.body...], as: UTF8.self), host)
    }
}

@Suite struct SyslogParserTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let line: String, form: Int, priority: Int, timestamp: Int64?, host: String?, body: String?
        init(
            line: String, form: Int, priority: Int = 0, timestamp: Int64? = nil, host: String? = nil, body: String? = nil
        ) {
            (self.line, self.form, self.priority) = (line, form, priority)
            (self.timestamp, self.host, self.body) = (timestamp, host, body)
        }
        var testDescription: String { line }
    }
    static let cases: [Case] = [
        Case(
            line: "<34>Oct 11 22:14:15 h su: x", form: 2, priority: 34, timestamp: 1_791_756_855_000, host: "h", body: "su: x"),
        Case(line: "<34>Oct  1 22:14:15 h x", form: 2, priority: 34, timestamp: 1_790_892_855_000, host: "h", body: "x"),
        Case(line: "<34>Oct 1 22:14:15 h x", form: 2, priority: 34, timestamp: 1_790_892_855_000, host: "h", body: "x"),
        Case(line: "<34> Oct 11 22:14:15 h x", form: 2, priority: 34, timestamp: 1_791_756_855_000, host: "h", body: "x"),
        Case(
            line: "<34>Oct 11 22:14:15 fe80::1%eth0 x", form: 2, priority: 34, timestamp: 1_791_756_855_000,
            host: "fe80::1%eth0", body: "x"),
        Case(
            line: "<34>Oct 11 22:14:15 2001:db8:: x", form: 2, priority: 34, timestamp: 1_791_756_855_000, host: "2001:db8::",
            body: "x"),
        Case(line: "<34>Oct 11 22:14:15 h ", form: 2, priority: 34, timestamp: 1_791_756_855_000, host: "h", body: ""),
        Case(
            line: "<0>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 a", form: 2, timestamp: 1_061_727_255_000, host: "192.0.2.1",
            body: "a"),
        Case(
            line: "<191>1 2003-10-11T22:14:15.123456789Z h a", form: 2, priority: 191, timestamp: 1_065_910_455_123, host: "h",
            body: "a"),
        Case(
            line: "<1>12 2003-10-11T22:14:15+05:30 h a", form: 2, priority: 1, timestamp: 1_065_890_655_000, host: "h",
            body: "a"),
        // rsyslog's own form: no version.
        Case(line: "<1>2003-10-11T22:14:15Z h a", form: 2, priority: 1, timestamp: 1_065_910_455_000, host: "h", body: "a"),
        Case(line: "<1>1 2004-02-29T00:00:00Z h a", form: 2, priority: 1, timestamp: 1_078_012_800_000, host: "h", body: "a"),
        Case(line: "<34>1 - - a", form: 2, priority: 34, host: "-", body: "a"),
        // A priority and something else: the tag of a line without host is no host.
        Case(line: "<13>Oct 11 22:14:15 su: hello world", form: 1, priority: 13),
        Case(line: "<13>Oct 11 22:14:15 sshd[12]: hello", form: 1, priority: 13),
        Case(line: "<13>Oct 11 22:14:15 h", form: 1, priority: 13),
        Case(line: "<13>Oct 11 22:14:15", form: 1, priority: 13),
        Case(line: "<13>Oct 32 22:14:15 h x", form: 1, priority: 13),
        Case(line: "<13>Feb 30 22:14:15 h x", form: 1, priority: 13),
        Case(line: "<13>Oct 11 24:14:15 h x", form: 1, priority: 13),
        Case(line: "<13>Okt 11 22:14:15 h x", form: 1, priority: 13),
        Case(line: "<13>1 2003-02-29T22:14:15Z h x", form: 1, priority: 13),
        Case(line: "<13>1 2003-13-01T22:14:15Z h x", form: 1, priority: 13),
        Case(line: "<13>1 2003-10-11T22:14:15.Z h x", form: 1, priority: 13),
        Case(line: "<13>1 2003-10-11T22:14:15+0530 h x", form: 1, priority: 13),
        Case(line: "<13>1 2003-10-11 22:14:15Z h x", form: 1, priority: 13),
        Case(line: "<13>- h x", form: 1, priority: 13),
        Case(line: "<13>no timestamp", form: 1, priority: 13),
        Case(line: "<34>", form: 1, priority: 34),
        Case(line: "<999>x", form: 1, priority: 999),
        Case(line: "", form: 0), Case(line: "<", form: 0), Case(line: "<>x", form: 0), Case(line: "<1", form: 0),
        Case(line: "<1234>x", form: 0), Case(line: "<-1>x", form: 0), Case(line: "<ab>x", form: 0),
        Case(line: "x <13>", form: 0),
        Case(line: " <13>Oct 11 22:14:15 h x", form: 0),
    ]
    @Test(arguments: cases) func line(_ c: Case) {
        let (message, body, host) = parse(c.line)
        #expect(message.form == [.invalid, .priorityOnly, .whole][c.form])
        #expect(message.priority == c.priority)
        #expect(message.timestamp == c.timestamp)
        #expect(host == c.host)
        #expect(body == c.body ?? c.line)
    }

    /// No year: the latest one in which the time is at most 31 days ahead.
    @Test(arguments: [
        (now: "2026-12-31T23:59:50", line: "Jan  1 00:00:05", "2027-01-01T00:00:05"),
        ("2027-01-01T00:00:05", "Dec 31 23:59:50", "2026-12-31T23:59:50"),
        ("2027-06-01T00:00:00", "Jul 10 00:00:00", "2026-07-10T00:00:00"),
        ("2027-06-01T00:00:00", "Jun 30 00:00:00", "2027-06-30T00:00:00"),
        ("2028-03-01T00:00:00", "Feb 29 12:00:00", "2028-02-29T12:00:00"),
        ("2028-01-15T00:00:00", "Feb 29 12:00:00", "2024-02-29T12:00:00"),
        ("2027-03-01T00:00:00", "Feb 29 12:00:00", "2024-02-29T12:00:00"),
    ])
    func years(now: String, line: String, expected: String) {
        func milliseconds(_ text: String) -> Int64 { parse("<1>1 \(text)Z h x").0.timestamp! }
        #expect(parse("<1>\(line) h x", now: milliseconds(now)).0.timestamp == milliseconds(expected))
    }

    @Test func zones() throws {
        let berlin = try #require(TimeZoneRules(rule: "CET-1CEST,M3.5.0,M10.5.0/3"))
        #expect(parse("<1>Oct 11 22:14:15 h x", zone: berlin).0.timestamp == Int64(1_791_756_855_000 - 7_200_000))
        #expect(parse("<1>Nov 11 22:14:15 h x", zone: berlin).0.timestamp == Int64(1_794_435_255_000 - 3_600_000))
        #expect(parse("<1>1 2003-10-11T22:14:15 h x", zone: berlin).0.timestamp == Int64(1_065_910_455_000 - 7_200_000))
        #expect(parse("<1>1 2003-10-11T22:14:15Z h x", zone: berlin).0.timestamp == 1_065_910_455_000)
    }

    /// The remembered second never speaks for another one, nor for another time of reading.
    @Test(arguments: 0..<20 as Range<UInt64>) func rememberedSeconds(seed: UInt64) {
        var random = SeededRandom(seed: seed), parser = SyslogParser(zone: .utc)
        let lines = ["Jan", "Feb", "Oct", "Dec"].flatMap { month in
            ["11 22:14:15", "11 22:14:16", " 1 22:14:15", "1 22:14:15", "11 02:14:15", "21 22:14:15"].map {
                "<1>\(month) \($0) h x"
            }
        }
        for _ in 0..<500 {
            let line = lines.randomElement(using: &random)!,
                now = vectorNow + Int64.random(in: 0..<200, using: &random) * 86_400_000
            let found = Array(line.utf8).withUnsafeBytes { parser.parse($0, now: now) }
            #expect(found == parse(line, now: now).0)
        }
    }

    /// Any bytes, and messages that were cut and changed: places lie in the line and in order.
    @Test(arguments: 0..<100 as Range<UInt64>) func garbage(seed: UInt64) {
        var random = SeededRandom(seed: seed), parser = SyslogParser(zone: .utc)
        for _ in 0..<200 {
            var bytes = Array(Self.cases.randomElement(using: &random)!.line.utf8)
            bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
            for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let message = bytes.withUnsafeBytes { parser.parse($0, now: vectorNow) }
            #expect((0...bytes.count).contains(message.body) && (0...999).contains(message.priority))
            if message.form == .whole {
                #expect(message.priorityEnd <= message.time.lowerBound && message.time.upperBound < message.host.lowerBound)
                #expect(message.host.upperBound < message.body)
            } else {
                #expect(message.body == 0 && message.host.isEmpty && message.timestamp == nil)
            }
        }
    }
}

@Suite struct SyslogFramerTests {
    private func cut(_ bytes: [UInt8], at places: [Int] = [], limit: Int = 64, isBroken: Bool = false) -> [String] {
        var framer = SyslogFramer(limit: limit), found: [String] = []
        func take(_ message: UnsafeRawBufferPointer, _ piece: SyslogPiece) {
            found.append("\(piece):" + String(decoding: message, as: UTF8.self))
        }
        var start = 0
        for place in places + [bytes.count] {
            bytes[start..<place].withUnsafeBytes { framer.feed($0, take) }
            #expect(framer.pending <= limit)
            start = place
        }
        framer.finish(isBroken: isBroken, take)
        return found
    }
    private static let x36 = x(36), x39 = x(39), x61 = x(61), x64 = x(64)
    private static func x(_ count: Int) -> String { String(repeating: "x", count: count) }

    struct Stream: Sendable, CustomTestStringConvertible {
        let bytes: String, messages: [String]
        init(_ bytes: String, _ messages: String...) { (self.bytes, self.messages) = (bytes, messages) }
        var testDescription: String { bytes.prefix(40).debugDescription }
    }
    static let streams: [Stream] = [
        Stream("a\nb\n", "whole:a", "whole:b"),
        Stream("a\r\nb\0\n\n\r\n\0\nlast", "whole:a", "whole:b", "whole:last"),
        Stream("a\rb\n", "whole:a\rb"),
        Stream("5 <34>a6 <34>bc<3>x\n", "whole:<34>a", "whole:<34>bc", "whole:<3>x"),
        Stream("6 <34>a\n6 <34>bc\n3 <3>", "whole:<34>a", "whole:<34>bc", "whole:<3>"),
        Stream("7 <34>a\nb<3>line\n5 <34>c", "whole:<34>a\nb", "whole:<3>line", "whole:<34>c"),
        // No length: no priority behind it, too many digits, a zero in front.
        Stream(
            "33 bottles\n12345678 <3>x\n05 <34>a\n7\n", "whole:33 bottles", "whole:12345678 <3>x", "whole:05 <34>a", "whole:7"),
        Stream("10 <34>a", "cut:<34>a"), Stream("12 ", "whole:12 "),
        Stream("\(x(100))\nnext\n", "cut:\(x64)", "rest:\(x36)", "whole:next"),
        Stream("103 <3>\(x(100))<4>n\n", "cut:<3>\(x61)", "rest:\(x39)", "whole:<4>n"),
        Stream("\(x64)\n", "whole:\(x64)"), Stream(x64, "whole:\(x64)"),
        Stream(
            "\(x(200))<3>no message\n", "cut:\(x64)", "rest:\(x64)", "rest:\(x64)", "rest:\(x(8))<3>no message"),
    ]

    /// Split at every byte, at every two, and byte by byte: always the same messages.
    @Test(arguments: streams) func splitAnywhere(stream: Stream) {
        let bytes = Array(stream.bytes.utf8), messages = stream.messages
        #expect(cut(bytes) == messages)
        for first in 0...bytes.count {
            guard cut(bytes, at: [first]) == messages else {
                Issue.record("split at \(first)")
                return
            }
        }
        #expect(cut(bytes, at: Array(0...bytes.count)) == messages)
    }

    @Test func aBrokenConnectionCutsTheLastMessage() {
        #expect(cut(Array("a\nb".utf8), isBroken: true) == ["whole:a", "cut:b"])
        #expect(cut(Array("a\n".utf8), isBroken: true) == ["whole:a"])
    }

    /// Any bytes, split anywhere: the same messages, and nothing is lost but line ends and lengths.
    @Test(arguments: 0..<100 as Range<UInt64>) func garbage(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let alphabet = Array("0123456789 <>\n\r\0ab".utf8)
        let bytes = (0..<2000).map { _ in alphabet.randomElement(using: &random)! }
        let places = (0..<40).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
        let whole = cut(bytes)
        #expect(cut(bytes, at: places) == whole)
        let letters = bytes.filter { $0 >= 0x61 }.count
        var found = 0
        for message in whole {
            let text = message.utf8.drop { $0 != UInt8(ascii: ":") }
            found += text.filter { $0 == 0x61 || $0 == 0x62 }.count
        }
        #expect(found == letters)
    }
}
