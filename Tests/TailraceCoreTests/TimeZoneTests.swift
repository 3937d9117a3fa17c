import FoundationEssentials
import TailraceCore
import TailraceSimulation
import Testing

@Suite struct TimeZoneTests {
    @Test func daysAndDatesBothWays() {
        #expect(CalendarDate(daysSince1970: 0) == CalendarDate(year: 1970, month: 1, day: 1))
        #expect(CalendarDate(year: 2000, month: 2, day: 29).daysSince1970 == 11_016)
        var date = CalendarDate(year: -1, month: 1, day: 1), days = date.daysSince1970
        while date.year < 2105 {
            date.day += 1
            if date.day > CalendarDate.days(inMonth: date.month, of: date.year) {
                (date.month, date.day) = (date.month + 1, 1)
                if date.month == 13 { (date.year, date.month) = (date.year + 1, 1) }
            }
            days += 1
            guard date.daysSince1970 == days, CalendarDate(daysSince1970: days) == date else {
                Issue.record("\(date): day \(days)")
                return
            }
        }
    }

    /// Zones with and without summer, of both hemispheres: by the table (2026) and by the rule behind it (2090).
    @Test(arguments: [
        ("Europe/Berlin", 3600, 7200), ("America/New_York", -18_000, -14_400), ("Australia/Lord_Howe", 39_600, 37_800),
        ("Asia/Kolkata", 19_800, 19_800), ("America/Sao_Paulo", -10_800, -10_800), ("Pacific/Chatham", 49_500, 45_900),
        ("Asia/Shanghai", 28_800, 28_800), ("Etc/UTC", 0, 0),
    ])
    func filesOfZones(zone: String, january: Int, july: Int) throws {
        guard let content = FileManager.default.contents(atPath: "/usr/share/zoneinfo/" + zone) else { return }  // no tzdata
        let rules = try #require(TimeZoneRules(file: Array(content)))
        for year in [2026, 2090] {
            for (month, offset) in [(1, january), (7, july)] {
                let time = CalendarDate(year: year, month: month, day: 15).daysSince1970 * 86_400
                #expect(rules.offset(at: time) == offset)
                #expect(rules.time(ofLocal: time + offset) == time)
            }
        }
    }

    /// Spring: 02:30 does not exist. Autumn: 02:30 comes twice, the first one counts.
    @Test func clocksThatAreSet() throws {
        let rules = try #require(TimeZoneRules(rule: "CET-1CEST,M3.5.0,M10.5.0/3"))
        let midnight = CalendarDate(year: 2026, month: 3, day: 29).daysSince1970 * 86_400
        #expect(rules.time(ofLocal: midnight + 3600) == midnight)
        #expect(rules.time(ofLocal: midnight + 9000) == midnight + 5400)
        #expect(rules.time(ofLocal: midnight + 10_800) == midnight + 3600)
        let autumn = CalendarDate(year: 2026, month: 10, day: 25).daysSince1970 * 86_400
        #expect(rules.time(ofLocal: autumn + 9000) == autumn + 1800)
        #expect(rules.time(ofLocal: autumn + 10_800) == autumn + 7200)
    }

    @Test func offsetsAndRules() {
        let offsets = [
            "UTC": 0, "GMT": 0, "Z": 0, "+01:00": 3600, "-0730": -27_000, "UTC+8": 28_800, "GMT-03:30": -12_600,
        ]
        for (text, offset) in offsets { #expect(TimeZoneRules(offset: text)?.offset(at: 0) == offset, "\(text)") }
        for text in ["Europe/Berlin", "+", "+123", "+25", "08:00", "+1:2:3", "UTC8", "+08:61"] {
            #expect(TimeZoneRules(offset: text) == nil, "\(text)")
        }
        #expect(TimeZoneRules(rule: "<+0330>-3:30")?.offset(at: 0) == 12_600)
        #expect(TimeZoneRules(rule: "XST5XDT,J60/0,300")?.offset(at: 0) == -18_000)
        for text in ["", "XY1", "XST", "XST5XDT,M13.1.0,M1.1.0", "XST5XDT,M3.1.0", "XST5 "] {
            #expect(TimeZoneRules(rule: text) == nil, "\(text)")
        }
    }

    /// Cut at every byte, and bytes changed: nil or rules, never a crash.
    @Test(arguments: 0..<50 as Range<UInt64>) func damagedFiles(seed: UInt64) {
        guard let content = FileManager.default.contents(atPath: "/usr/share/zoneinfo/Europe/Berlin") else { return }
        var random = SeededRandom(seed: seed)
        for _ in 0..<50 {
            var bytes = Array(content.prefix(Int.random(in: 0...content.count, using: &random)))
            for _ in 0..<Int.random(in: 0...4, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            guard let rules = TimeZoneRules(file: bytes) else { continue }
            for time in stride(from: -3_000_000_000, to: 6_000_000_000, by: 1_000_000_007) {
                #expect(abs(rules.offset(at: time)) < 26 * 3600)
                _ = rules.time(ofLocal: time)
            }
        }
    }

    @Test func whereTheRulesComeFrom() throws {
        let world = SimulatedWorld(seed: 1), host = world.makeHost("h")
        let environment = host.makeEnvironment(component: "c")
        #expect(try environment.timeZoneRules(nil) == .utc, "no /etc/localtime")
        #expect(try environment.timeZoneRules("+02:00").offset(at: 0) == 7200)
        #expect(try environment.timeZoneRules("CET-1CEST,M3.5.0,M10.5.0/3").offset(at: 0) == 3600)
        for name in ["Europe/Nowhere", "../../etc/passwd"] {
            let error = #expect(throws: TailraceError.self) { try environment.timeZoneRules(name) }
            #expect(error?.message == "no time zone \"\(name)\"")
        }
        host.files.makeDirectory("/etc")
        host.files.write("/etc/localtime", "nonsense")
        let error = #expect(throws: TailraceError.self) { try environment.timeZoneRules(nil) }
        #expect(error?.code == "file.format")
    }
}
