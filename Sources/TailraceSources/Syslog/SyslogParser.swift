import TailraceCore

/// Takes lines of syslog apart: `<priority>[version ]time host rest`, with the time of RFC 3164 or of RFC 5424 (RFC 3339) in
/// either, since senders mix them. It looks at each byte once, copies and allocates nothing, and never fails: what it cannot
/// read is ``SyslogMessage/Form/invalid``.
struct SyslogParser {
    private(set) var times: SyslogTimes

    /// `zone`: of the times that have none.
    init(zone: TimeZoneRules) { times = SyslogTimes(zone: zone) }

    /// `now`: milliseconds since 1970, for the year that RFC 3164 leaves out.
    mutating func parse(_ line: UnsafeRawBufferPointer, now: Int64) -> SyslogMessage {
        var message = SyslogMessage()
        var at = 1
        guard line.count >= 3, line[0] == UInt8(ascii: "<") else { return message }
        while at < 4, at < line.count, let digit = line.digit(at) {
            message.priority = message.priority * 10 + digit
            at += 1
        }
        guard at > 1, at < line.count, line[at] == UInt8(ascii: ">") else {
            message.priority = 0
            return message
        }
        at += 1
        (message.priorityEnd, message.body, message.form) = (at, 0, .priorityOnly)
        if !parseRest(line, at, now, &message) {
            (message.version, message.time, message.timestamp, message.host) = (0..<0, 0..<0, nil, 0..<0)
        }
        return message
    }

    private mutating func parseRest(
        _ line: UnsafeRawBufferPointer, _ start: Int, _ now: Int64, _ message: inout SyslogMessage
    ) -> Bool {
        var at = start
        if let end = Self.version(line, at) {
            message.version = at..<end
            at = end + 1
        } else if at < line.count, line[at] == space {
            at += 1
        }
        guard let end = times.parse(line, at, now, &message) else { return false }
        message.time = at..<end
        guard end < line.count, line[end] == space else { return false }
        let hostStart = end + 1
        var hostEnd = hostStart
        while hostEnd < line.count, hostEnd - hostStart <= 255, line[hostEnd] > space, line[hostEnd] < 0x7F { hostEnd += 1 }
        guard hostEnd < line.count, line[hostEnd] == space, (1...255).contains(hostEnd - hostStart) else { return false }
        message.host = hostStart..<hostEnd
        guard Self.isHost(UnsafeRawBufferPointer(rebasing: line[message.host])) else { return false }
        message.body = hostEnd + 1
        message.form = .whole
        return true
    }

    /// One to three digits and a blank, with something behind it.
    private static func version(_ line: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        var at = start
        while at < line.count, at - start < 3, line.digit(at) != nil { at += 1 }
        return at > start && at < line.count && line[at] == space ? at : nil
    }

    /// A name or an address (or `-`), and not the tag of a line without host ("su:", "sshd[1]:").
    private static func isHost(_ name: UnsafeRawBufferPointer) -> Bool {
        if name.count == 1, name[0] == UInt8(ascii: "-") { return true }
        var colons = 0, isHexadecimal = true
        for byte in name {
            switch byte {
            case 0x30...0x39, 0x41...0x46, 0x61...0x66: break
            case UInt8(ascii: "."): break
            case UInt8(ascii: ":"): colons += 1
            case 0x47...0x5A, 0x67...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "@"), UInt8(ascii: "%"):
                isHexadecimal = false
            default: return false
            }
        }
        if colons == 0 { return name[0] != UInt8(ascii: "-") && name[0] != UInt8(ascii: ".") }
        // IPv6, perhaps with a zone.
        return colons >= 2 && (isHexadecimal || name.contains(UInt8(ascii: "%")))
            && (name[name.count - 1] != UInt8(ascii: ":") || name[name.count - 2] == UInt8(ascii: ":"))
    }
}

private let space = UInt8(ascii: " ")

extension UnsafeRawBufferPointer {
    @inline(__always)
    func digit(_ at: Int) -> Int? {
        let value = self[at] &- 0x30
        return value < 10 ? Int(value) : nil
    }
    /// `count` digits from `at` on.
    @inline(__always)
    func number(_ at: Int, _ count: Int) -> Int? {
        guard at + count <= self.count else { return nil }
        var value = 0
        for index in at..<at + count {
            guard let digit = digit(index) else { return nil }
            value = value * 10 + digit
        }
        return value
    }
}
