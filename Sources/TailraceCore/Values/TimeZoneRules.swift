/// How far a place's clocks are from UTC, at which times: a table (TZif, RFC 8536) and the rule for the time after it.
package struct TimeZoneRules: Hashable, Sendable {
    /// In seconds since 1970; from then on the offset of the same index counts. Ascending.
    private let times: [Int64]
    private let offsets: [Int32]
    /// Before the first time.
    private let first: Int
    private let rule: DaylightRule?

    private init(fixed offset: Int) { (times, offsets, first, rule) = ([], [], offset, nil) }

    package static let utc = TimeZoneRules(fixed: 0)

    package init?(rule text: String) {
        guard let rule = DaylightRule(text) else { return nil }
        (times, offsets, first, self.rule) = ([], [], rule.offset(at: 0), rule)
    }

    /// "+01:00", "-0730", "UTC+8", "GMT-3": a fixed offset, positive in the east; "UTC", "GMT", "Z".
    package init?(offset text: String) {
        var rest = text.utf8[...]
        for name in ["UTC", "GMT", "Z"] where rest.starts(with: name.utf8) {
            rest = rest.dropFirst(name.utf8.count)
            break
        }
        guard !rest.isEmpty else {
            self = .utc
            return
        }
        let sign = rest.removeFirst(), digits = rest.filter { $0 != UInt8(ascii: ":") }.map { Int($0) - 0x30 }
        guard [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(sign), [1, 2, 4].contains(digits.count),
            digits.allSatisfy((0...9).contains)
        else { return nil }
        let hours = digits.count == 1 ? digits[0] : digits[0] * 10 + digits[1]
        let minutes = digits.count == 4 ? digits[2] * 10 + digits[3] : 0
        guard hours <= 18, minutes < 60 else { return nil }
        self.init(fixed: (hours * 3600 + minutes * 60) * (sign == UInt8(ascii: "+") ? 1 : -1))
    }

    /// The content of a file of /usr/share/zoneinfo. nil: it is not one, or damaged.
    package init?(file bytes: [UInt8]) {
        func integer(_ at: Int, _ width: Int) -> Int64 {
            let sign: Int64 = bytes[at] & 0x80 != 0 ? -1 : 0
            return bytes[at..<at + width].reduce(sign) { $0 << 8 | Int64($1) }
        }
        /// The counts of the header at `at`: UT/local indicators, standard/wall indicators, leap seconds, times, types, names.
        func counts(_ at: Int) -> [Int]? {
            guard bytes.count >= at + 44, bytes[at..<at + 4].elementsEqual("TZif".utf8) else { return nil }
            let counts = (0..<6).map { Int(integer(at + 20 + $0 * 4, 4)) }
            return counts.allSatisfy((0...100_000).contains) ? counts : nil
        }
        func length(_ counts: [Int], _ width: Int) -> Int {
            counts[3] * (width + 1) + counts[4] * 6 + counts[5] + counts[2] * (width + 4) + counts[1] + counts[0]
        }
        guard var header = counts(0) else { return nil }
        var at = 44, width = 4
        if bytes[4] >= UInt8(ascii: "2") {  // a second table with 64 bits, and the rule
            at += length(header, width)
            guard let second = counts(at) else { return nil }
            (header, at, width) = (second, at + 44, 8)
        }
        let (timeCount, typeCount) = (header[3], header[4]), end = at + length(header, width)
        guard typeCount > 0, bytes.count >= end else { return nil }
        let types = at + timeCount * (width + 1)
        func offset(_ type: Int) -> Int32 { Int32(truncatingIfNeeded: integer(types + type * 6, 4)) }
        let kinds = (0..<timeCount).map { Int(bytes[at + timeCount * width + $0]) }
        let all = (0..<timeCount).map { integer(at + $0 * width, width) }
        guard kinds.allSatisfy({ $0 < typeCount }), zip(all, all.dropFirst()).allSatisfy({ $0 < $1 }),
            (0..<typeCount).allSatisfy({ abs(Int(offset($0))) < 26 * 3600 })
        else { return nil }
        (times, offsets, first) = (all, kinds.map(offset), Int(offset(0)))
        var text = bytes[end...]
        guard width == 8, text.popFirst() == 0x0A, let newline = text.firstIndex(of: 0x0A), newline > text.startIndex else {
            rule = nil
            return
        }
        rule = DaylightRule(String(decoding: text[..<newline], as: UTF8.self))
        if rule == nil { return nil }
    }

    /// Seconds east of UTC at a time in seconds since 1970.
    package func offset(at time: Int) -> Int {
        if let rule, times.isEmpty || time >= times[times.count - 1] { return rule.offset(at: time) }
        var low = 0, high = times.count  // the first one that is later
        while low < high {
            let middle = (low + high) / 2
            if times[middle] <= Int64(time) { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? first : Int(offsets[low - 1])
    }

    /// Seconds since 1970 of what a clock there shows (as seconds since 1970 if it were in UTC). When it shows it twice, the
    /// first time; what it never shows, because it was set forward, counts by the time before the change.
    package func time(ofLocal local: Int) -> Int {
        let before = offset(at: local - 86_400), after = offset(at: local + 86_400)
        if before == after || offset(at: local - before) == before { return local - before }
        return offset(at: local - after) == after ? local - after : local - before
    }
}

extension Environment {
    /// The rules of a zone: a name of /usr/share/zoneinfo, a fixed offset, or a rule in POSIX's form; nil: this machine's zone
    /// (TZ, /etc/localtime, else UTC). Reads a small file.
    package func timeZoneRules(_ name: String?) throws(TailraceError) -> TimeZoneRules {
        let name = name ?? localTimeZone
        guard !name.isEmpty else {
            do throws(TailraceError) { return try rules(inFile: "/etc/localtime") } catch  where error.code == "file.missing" {
                return .utc
            }
        }
        if let rules = TimeZoneRules(offset: name) { return rules }
        let path = name.first == ":" ? String(name.dropFirst()) : name
        if path.first == "/" { return try rules(inFile: path) }
        do throws(TailraceError) {
            guard !path.split(separator: "/").contains("..") else { throw unknownZone(name) }
            return try rules(inFile: "/usr/share/zoneinfo/" + path)
        } catch {
            if let rules = TimeZoneRules(rule: name) { return rules }
            throw unknownZone(name)
        }
    }
    private func unknownZone(_ name: String) -> TailraceError {
        TailraceError(
            code: "configuration.range", message: "no time zone \"\(name)\"",
            fix: "use a name of /usr/share/zoneinfo (Europe/Berlin; the package tzdata has them), or an offset (+08:00)")
    }
    private func rules(inFile path: String) throws(TailraceError) -> TimeZoneRules {
        let file = try files.open(path)
        defer { file.close() }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)  // (the largest has 4 KiB)
        let result = bytes.withUnsafeMutableBytes { space in
            Result { () throws(TailraceError) in try file.read(at: 0, into: space) }
        }
        guard let rules = TimeZoneRules(file: Array(bytes.prefix(try result.get()))) else {
            throw TailraceError(
                code: "file.format", message: "\(path) is not a time zone file", fix: "install the package tzdata again")
        }
        return rules
    }
}
