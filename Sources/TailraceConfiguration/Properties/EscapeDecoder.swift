/// Undoes the escapes of one logical line, and remembers what was odd about them.
struct EscapeDecoder {
    private let line: LogicalLine
    private(set) var malformed: (text: String, line: Int)?
    /// Letters whose backslash was dropped although it probably was meant: `\d`.
    private(set) var unknown: [Character] = []
    private(set) var unknownLine = 0
    private(set) var hasLoneSurrogate = false

    init(_ line: LogicalLine) { self.line = line }

    mutating func decode(_ range: Range<Int>) -> String {
        var result: [UInt16] = []
        result.reserveCapacity(range.count)
        var at = range.lowerBound
        while at < range.upperBound {
            let unit = line.units[at]
            at += 1
            guard unit == .backslash, at < range.upperBound else {
                result.append(unit)
                continue
            }
            result.append(escape(&at, range.upperBound))
        }
        if let text = String(validating: result, as: UTF16.self) { return text }
        hasLoneSurrogate = true
        return String(decoding: result, as: UTF16.self)
    }

    /// `at`: behind the backslash.
    private mutating func escape(_ at: inout Int, _ end: Int) -> UInt16 {
        let unit = line.units[at]
        at += 1
        switch UInt8(exactly: unit) {
        case UInt8(ascii: "t"): return 9
        case UInt8(ascii: "n"): return 10
        case UInt8(ascii: "r"): return 13
        case UInt8(ascii: "f"): return 12
        case UInt8(ascii: "u"):
            let digits = line.units[at..<min(at + 4, end)]
            if digits.count == 4, let code = Self.hexadecimal(digits) {
                at += 4
                return code
            }
            if malformed == nil {
                malformed = ("\\u" + String(decoding: digits, as: UTF16.self), line.number(at: at - 1))
            }
            return unit
        default:
            if !Self.isHarmless(unit) { remember(unit, at - 1) }
            return unit
        }
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt16>) -> UInt16? {
        var code: UInt16 = 0
        for digit in digits {
            guard let byte = UInt8(exactly: digit), let value = Character(UnicodeScalar(byte)).hexDigitValue else { return nil }
            code = code << 4 | UInt16(value)
        }
        return code
    }

    /// Where nobody can have meant the backslash itself: `\\ \: \= \# \! \" \' \,` and an escaped blank.
    private static func isHarmless(_ unit: UInt16) -> Bool {
        unit == .backslash || unit.isSeparator || unit.isBlank || unit == .hash || unit == .exclamation
            || [0x22, 0x27, 0x2C].contains(unit)
    }

    private mutating func remember(_ unit: UInt16, _ offset: Int) {
        guard unknown.count < 8 else { return }
        let letter = Character(Unicode.Scalar(unit) ?? "\u{FFFD}")
        if unknown.isEmpty { unknownLine = line.number(at: offset) }
        if !unknown.contains(letter) { unknown.append(letter) }
    }
}
