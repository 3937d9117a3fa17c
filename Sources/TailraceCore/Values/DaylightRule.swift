/// The clocks of a place by a rule in POSIX's form: "CET-1CEST,M3.5.0,M10.5.0/3". It is what the last line of a time zone file
/// has for the years that its table does not.
package struct DaylightRule: Hashable, Sendable {
    /// A day of each year, and seconds after its midnight (which may be negative, or more than a day).
    struct Change: Hashable, Sendable {
        enum Day: Hashable, Sendable {
            /// 1 to 365; February 29 is never counted.
            case withoutLeapDay(Int)
            /// 0 to 365.
            case dayOfYear(Int)
            /// The `week`-th (5: the last) `weekday` (0: Sunday) of a month.
            case weekday(month: Int, week: Int, weekday: Int)
        }
        var day: Day
        var seconds: Int

        /// In seconds since 1970, by the clock of the place.
        func time(in year: Int) -> Int {
            let newYear = CalendarDate(year: year, month: 1, day: 1).daysSince1970, date: Int
            switch day {
            case .withoutLeapDay(let day): date = newYear + day - 1 + (CalendarDate.isLeap(year) && day >= 60 ? 1 : 0)
            case .dayOfYear(let day): date = newYear + day
            case .weekday(let month, let week, let weekday):
                let first = CalendarDate(year: year, month: month, day: 1).daysSince1970
                let toWeekday = ((weekday - (first + 4) % 7) % 7 + 7) % 7  // (1970-01-01 was a Thursday)
                var found = first + toWeekday + (week - 1) * 7
                if found >= first + CalendarDate.days(inMonth: month, of: year) { found -= 7 }
                date = found
            }
            return date * 86_400 + seconds
        }
    }
    struct Summer: Hashable, Sendable {
        var offset: Int
        var start: Change
        var end: Change
    }
    /// Seconds east of UTC.
    let offset: Int
    let summer: Summer?

    /// nil: not in that form.
    package init?(_ text: String) {
        var rest = Array(text.utf8)[...]
        guard Self.name(&rest), let west = Self.time(&rest, limit: 24) else { return nil }
        offset = -west
        guard !rest.isEmpty else {
            summer = nil
            return
        }
        guard Self.name(&rest) else { return nil }
        var summerOffset = offset + 3600
        if let first = rest.first, first != UInt8(ascii: ",") {
            guard let west = Self.time(&rest, limit: 24) else { return nil }
            summerOffset = -west
        }
        guard let start = Self.change(&rest), let end = Self.change(&rest), rest.isEmpty else { return nil }
        summer = Summer(offset: summerOffset, start: start, end: end)
    }

    /// Seconds east of UTC at a time in seconds since 1970.
    package func offset(at time: Int) -> Int {
        guard let summer else { return offset }
        let local = time + offset
        let year = CalendarDate(daysSince1970: (local >= 0 ? local : local - 86_399) / 86_400).year
        let start = summer.start.time(in: year) - offset, end = summer.end.time(in: year) - summer.offset
        let isSummer = start < end ? (start..<end).contains(time) : !(end..<start).contains(time)
        return isSummer ? summer.offset : offset
    }

    private static func name(_ rest: inout ArraySlice<UInt8>) -> Bool {
        let before = rest.count
        if rest.first == UInt8(ascii: "<") {
            guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
            rest = rest[(end + 1)...]
            return true
        }
        rest = rest.drop { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0 & 0xDF) }
        return before - rest.count >= 3
    }
    private static func number(_ rest: inout ArraySlice<UInt8>, _ range: ClosedRange<Int>) -> Int? {
        var value = 0, count = 0
        while let byte = rest.first, (0x30...0x39).contains(byte), count < 4 {
            value = value * 10 + Int(byte - 0x30)
            rest.removeFirst()
            count += 1
        }
        return count > 0 && range.contains(value) ? value : nil
    }
    private static func skip(_ rest: inout ArraySlice<UInt8>, _ letter: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: letter) else { return false }
        rest.removeFirst()
        return true
    }
    /// hours[:minutes[:seconds]] with or without sign, in seconds.
    private static func time(_ rest: inout ArraySlice<UInt8>, limit: Int) -> Int? {
        let isNegative = skip(&rest, "-")
        if !isNegative { _ = skip(&rest, "+") }
        guard var value = number(&rest, 0...limit) else { return nil }
        value *= 3600
        for unit in [60, 1] where skip(&rest, ":") {
            guard let part = number(&rest, 0...59) else { return nil }
            value += part * unit
        }
        return isNegative ? -value : value
    }
    private static func change(_ rest: inout ArraySlice<UInt8>) -> Change? {
        guard skip(&rest, ",") else { return nil }
        let day: Change.Day
        if skip(&rest, "M") {
            guard let month = number(&rest, 1...12), skip(&rest, "."), let week = number(&rest, 1...5), skip(&rest, "."),
                let weekday = number(&rest, 0...6)
            else { return nil }
            day = .weekday(month: month, week: week, weekday: weekday)
        } else if skip(&rest, "J") {
            guard let number = number(&rest, 1...365) else { return nil }
            day = .withoutLeapDay(number)
        } else {
            guard let number = number(&rest, 0...365) else { return nil }
            day = .dayOfYear(number)
        }
        guard skip(&rest, "/") else { return Change(day: day, seconds: 7200) }
        return time(&rest, limit: 167).map { Change(day: day, seconds: $0) }
    }
}
