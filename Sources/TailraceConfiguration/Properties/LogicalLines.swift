/// A line after its continuations were joined; escapes are still in it.
struct LogicalLine {
    var units: [UInt16] = []
    /// Of its first natural line, from 1.
    var number = 0
    /// Where a further natural line begins, and which one it is.
    private(set) var breaks: [(offset: Int, number: Int)] = []

    mutating func continues(in line: Int) { breaks.append((units.count, line)) }
    /// The natural line in which the unit at `offset` stands.
    func number(at offset: Int) -> Int { breaks.last { $0.offset <= offset }?.number ?? number }
}

/// Splits text into logical lines as `java.util.Properties` does: blank lines and comments are left out, a line that ends in
/// an odd number of backslashes goes on in the next one, without that one's leading blanks.
struct LogicalLines {
    private let text: [UInt16]
    private var at = 0
    /// The natural line that `at` is in.
    private var number = 1

    init(_ text: [UInt16]) { self.text = text }

    mutating func next() -> LogicalLine? {
        var line = LogicalLine(), isEscaped = false
        skipBlanks()
        while at < text.count {
            let unit = text[at]
            if line.units.isEmpty, unit == .hash || unit == .exclamation {
                while at < text.count, !text[at].isLineEnd { at += 1 }
                continue
            }
            guard unit.isLineEnd else {
                if line.units.isEmpty { line.number = number }
                line.units.append(unit)
                isEscaped = unit == .backslash && !isEscaped
                at += 1
                continue
            }
            skipLineEnd()
            if isEscaped {
                line.units.removeLast()
                line.continues(in: number)
                isEscaped = false
            } else if !line.units.isEmpty {
                return line
            }
            skipBlanks()
        }
        if isEscaped { line.units.removeLast() }
        return line.units.isEmpty ? nil : line
    }

    private mutating func skipBlanks() { while at < text.count, text[at].isBlank { at += 1 } }
    private mutating func skipLineEnd() {
        at += text[at] == .carriageReturn && at + 1 < text.count && text[at + 1] == .lineFeed ? 2 : 1
        number += 1
    }
}

extension UInt16 {
    static let lineFeed: UInt16 = 10, carriageReturn: UInt16 = 13, backslash: UInt16 = 92, hash: UInt16 = 35
    static let exclamation: UInt16 = 33
    var isLineEnd: Bool { self == .lineFeed || self == .carriageReturn }
    /// Space, tab, form feed.
    var isBlank: Bool { self == 32 || self == 9 || self == 12 }
    /// `=` or `:`.
    var isSeparator: Bool { self == 61 || self == 58 }
}
