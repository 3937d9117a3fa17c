import TailraceCore
import TailracePatterns

/// A replacement in Java's syntax: `$1`, `${name}`, and `\` before a sign that stands for itself.
struct Replacement {
    enum Part: Hashable { case text([UInt8]), group(Int) }
    private(set) var parts: [Part] = []

    init(_ text: String, _ pattern: Pattern) throws(TailraceError) {
        let bytes = Array(text.utf8)
        var literal: [UInt8] = [], at = 0
        func refuse(_ message: String, _ fix: String) -> TailraceError {
            TailraceError(
                code: "pattern.replacement", message: "\"\(text)\" at offset \(at): \(message)", fix: fix)
        }
        func digit(_ index: Int) -> Int? {
            guard index < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) else { return nil }
            return Int(bytes[index] - UInt8(ascii: "0"))
        }
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\\"):
                guard at + 1 < bytes.count else { throw refuse("\\ is followed by nothing", "write \\\\ for the sign") }
                literal.append(bytes[at + 1])
                at += 2
            case UInt8(ascii: "$"):
                var next = at + 1
                let number: Int
                if let first = digit(next) {
                    // As many digits as still name a group, like Java.
                    var value = first
                    next += 1
                    while let more = digit(next), value * 10 + more <= pattern.groupCount {
                        value = value * 10 + more
                        next += 1
                    }
                    number = value
                } else if next < bytes.count, bytes[next] == UInt8(ascii: "{"),
                    let close = bytes[next...].firstIndex(of: UInt8(ascii: "}"))
                {
                    let name = String(decoding: bytes[(next + 1)..<close], as: UTF8.self)
                    guard let found = pattern.groupNumber(name) else {
                        throw refuse("the pattern has no group \"\(name)\"", "name the group: (?<\(name)>…)")
                    }
                    (number, next) = (found, close + 1)
                } else {
                    throw refuse("$ names no group", "write \\$ for the sign, $1 or ${name} for a group")
                }
                guard number <= pattern.groupCount else {
                    throw refuse(
                        "the pattern has \(pattern.groupCount) groups, and no group \(number)", "write \\$ for the sign")
                }
                if !literal.isEmpty { parts.append(.text(literal)) }
                literal = []
                parts.append(.group(number))
                at = next
            default:
                literal.append(bytes[at])
                at += 1
            }
        }
        if !literal.isEmpty { parts.append(.text(literal)) }
    }
}
