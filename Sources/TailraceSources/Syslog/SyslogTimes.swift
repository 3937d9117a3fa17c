import TailraceCore

/// The times of syslog: `Oct 11 22:14:15` (RFC 3164, no year, no zone), `2003-10-11T22:14:15.003Z` (RFC 5424), and `-`.
struct SyslogTimes {
    /// A time without year belongs to the latest year in which it is no more than this ahead of now: a clock may be ahead, and
    /// a line of December may be read in January, or one of January in December.
    static let largestLead: Int64 = 31 * 86_400_000

    private let zone: TimeZoneRules
    /// The last time without year, since many lines have the same: its 15 bytes, when it was looked at, and what it is.
    private var last: (high: UInt64, low: UInt64, minute: Int64, timestamp: Int64) = (0, 0, .min, 0)

    init(zone: TimeZoneRules) { self.zone = zone }

    /// Reads the time at `start`; its end, or nil if there is none.
    mutating func parse(
        _ line: UnsafeRawBufferPointer, _ start: Int, _ now: Int64, _ message: inout SyslogMessage
    ) -> Int? {
        guard start < line.count else { return nil }
        switch line[start] {
        case UInt8(ascii: "-"): return message.version.isEmpty ? nil : start + 1  // (only RFC 5424 has it)
        case 0x30...0x39: return full(line, start, &message)
        default: return short(line, start, now, &message)
        }
    }

    private func full(_ line: UnsafeRawBufferPointer, _ start: Int, _ message: inout SyslogMessage) -> Int? {
        guard line.count - start >= 19, line[start + 4] == UInt8(ascii: "-"), line[start + 7] == UInt8(ascii: "-"),
            line[start + 10] == UInt8(ascii: "T"), let year = line.number(start, 4), let month = line.number(start + 5, 2),
            let day = line.number(start + 8, 2), let clock = Self.clock(line, start + 11),
            (1...12).contains(month), day >= 1, day <= CalendarDate.days(inMonth: month, of: year)
        else { return nil }
        var at = start + 19, milliseconds = 0
        if at < line.count, line[at] == UInt8(ascii: ".") {
            at += 1
            var weight = 100, digits = 0
            while at < line.count, let digit = line.digit(at) {
                milliseconds += digit * weight
                weight /= 10
                digits += 1
                at += 1
            }
            guard (1...9).contains(digits) else { return nil }
        }
        let local = CalendarDate(year: year, month: month, day: day).daysSince1970 * 86_400 + clock
        var seconds = local
        switch at < line.count ? line[at] : 0 {
        case UInt8(ascii: "Z"), UInt8(ascii: "z"): at += 1
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            guard line.count - at >= 6, line[at + 3] == UInt8(ascii: ":"), let hours = line.number(at + 1, 2),
                let minutes = line.number(at + 4, 2), hours < 24, minutes < 60
            else { return nil }
            let offset = hours * 3600 + minutes * 60
            seconds -= line[at] == UInt8(ascii: "+") ? offset : -offset
            at += 6
        default: seconds = zone.time(ofLocal: local)
        }
        message.timestamp = Int64(seconds) * 1000 + Int64(milliseconds)
        return at
    }

    /// `Oct 11 22:14:15`, `Oct  1 …`, `Oct 1 …`.
    private mutating func short(
        _ line: UnsafeRawBufferPointer, _ start: Int, _ now: Int64, _ message: inout SyslogMessage
    ) -> Int? {
        guard line.count - start >= 14 else { return nil }
        let high = line.loadUnaligned(fromByteOffset: start, as: UInt64.self)
        let low = line.loadUnaligned(fromByteOffset: start + 6, as: UInt64.self)
        let isLong = line.count - start >= 15 && line[start + 12] == UInt8(ascii: ":")
        // 15 bytes are known by two words that overlap and the last byte.
        let tail = isLong ? UInt64(line[start + 14]) : 0
        let key = high ^ (tail << 56)
        let minute = now / 60_000
        if isLong, last.high == key, last.low == low, last.minute == minute {
            message.timestamp = last.timestamp
            return start + 15
        }
        guard let (month, day, seconds, end) = Self.shortParts(line, start),
            let timestamp = nearest(month, day, seconds, now)
        else { return nil }
        if isLong, end == start + 15 { last = (key, low, minute, timestamp) }
        message.timestamp = timestamp
        return end
    }

    private static func shortParts(
        _ line: UnsafeRawBufferPointer, _ start: Int
    ) -> (month: Int, day: Int, seconds: Int, end: Int)? {
        let name = Int(line[start]) << 16 | Int(line[start + 1]) << 8 | Int(line[start + 2])
        guard let index = months.firstIndex(of: name), line[start + 3] == UInt8(ascii: " ") else { return nil }
        var at = start + 4
        if line[at] == UInt8(ascii: " ") { at += 1 }
        guard let first = line.digit(at) else { return nil }
        var day = first
        at += 1
        if let second = line.digit(at) {
            day = day * 10 + second
            at += 1
        }
        guard line[at] == UInt8(ascii: " "), let seconds = clock(line, at + 1), (1...31).contains(day) else { return nil }
        return (index + 1, day, seconds, at + 9)
    }
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"].map {
        $0.utf8.reduce(0) { $0 << 8 | Int($1) }
    }

    /// `22:14:15` in seconds; 60 is a leap second.
    private static func clock(_ line: UnsafeRawBufferPointer, _ at: Int) -> Int? {
        guard line.count - at >= 8, line[at + 2] == UInt8(ascii: ":"), line[at + 5] == UInt8(ascii: ":"),
            let hours = line.number(at, 2), let minutes = line.number(at + 3, 2), let seconds = line.number(at + 6, 2),
            hours < 24, minutes < 60, seconds <= 60
        else { return nil }
        return hours * 3600 + minutes * 60 + seconds
    }

    /// In the latest year that has such a day (February 29) and does not put it too far ahead of now.
    private func nearest(_ month: Int, _ day: Int, _ seconds: Int, _ now: Int64) -> Int64? {
        let thisYear = CalendarDate(daysSince1970: Int((now >= 0 ? now : now - 86_399_999) / 86_400_000)).year
        for year in stride(from: thisYear + 1, through: thisYear - 8, by: -1)
        where day <= CalendarDate.days(inMonth: month, of: year) {
            let date = CalendarDate(year: year, month: month, day: day)
            let timestamp = Int64(zone.time(ofLocal: date.daysSince1970 * 86_400 + seconds)) * 1000
            if timestamp - now <= Self.largestLead { return timestamp }
        }
        return nil
    }
}
