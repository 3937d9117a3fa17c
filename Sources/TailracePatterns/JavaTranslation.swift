package import TailraceCore

/// One thing in a pattern that cannot be taken over from Java.
package struct PatternProblem: Hashable, Sendable {
    /// In bytes of the pattern's text, from 0.
    package var offset: Int
    package var message: String
    /// The library refused it; else it is something that Java and PCRE2 understand differently.
    package var isSyntax = false
    package var fix: String

    package func error(in text: String) -> TailraceError {
        TailraceError(
            code: isSyntax ? "pattern.syntax" : "pattern.java", message: "\"\(text)\" at offset \(offset): \(message)",
            fix: fix)
    }
}

/// A Java regular expression rewritten for PCRE2. What PCRE2 would accept with another meaning, and what only Java knows, is
/// either translated (`\u0041`, `\0101`, `\p{Alpha}`) or a problem (`&&` in classes, nested classes, `(?U)`, `\b{g}`,
/// `\p{javaLowerCase}` …): nothing changes its meaning in silence.
///
/// It walks over bytes and knows escapes, quotations and classes; comments of `(?x)` are walked over like the rest.
package struct JavaTranslation {
    package private(set) var bytes: [UInt8] = []
    package private(set) var problems: [PatternProblem] = []
    /// For each byte of ``bytes``, where it comes from.
    private var origins: [Int] = []
    private let source: [UInt8]
    private var at = 0
    private var isInClass = false

    package init(_ text: String) {
        source = Array(text.utf8)
        while at < source.count { step() }
    }

    /// Where in the written pattern the translated pattern's byte at `offset` stands.
    package func originalOffset(_ offset: Int) -> Int { offset < origins.count ? origins[offset] : source.count }

    private mutating func emit(_ text: some Sequence<UInt8>, from origin: Int) {
        for byte in text {
            bytes.append(byte)
            origins.append(origin)
        }
    }
    private mutating func copy(_ count: Int) {
        let end = min(source.count, at + count)
        while at < end {
            bytes.append(source[at])
            origins.append(at)
            at += 1
        }
    }
    private mutating func problem(_ offset: Int, _ message: String, fix: String) {
        problems.append(PatternProblem(offset: offset, message: message, fix: fix))
    }
    private func follows(_ text: StaticString, at offset: Int = 0) -> Bool {
        let start = at + offset
        guard start + text.utf8CodeUnitCount <= source.count else { return false }
        return (0..<text.utf8CodeUnitCount).allSatisfy { source[start + $0] == text.utf8Start[$0] }
    }

    private mutating func step() {
        switch source[at] {
        case UInt8(ascii: "\\"): escape()
        case UInt8(ascii: "["):
            if isInClass {
                problem(
                    at, "a class inside a class is a union in Java and a literal [ elsewhere",
                    fix: "write one class, or \\[ for the sign")
                copy(1)
            } else {
                isInClass = true
                copy(follows("^", at: 1) ? 2 : 1)
                // In PCRE2 a "]" at the front is a literal; in Java it is an error or the end.
                if follows("]") {
                    problem(at, "] right behind [ closes the class in Java", fix: "write \\] for the sign")
                    copy(1)
                }
            }
        case UInt8(ascii: "]") where isInClass:
            isInClass = false
            copy(1)
        case UInt8(ascii: "&") where isInClass && follows("&&"):
            problem(
                at, "&& is the intersection of classes in Java, and nothing here",
                fix: "write out the class, or put a lookahead before it: (?![b])[a-z]")
            copy(2)
        case UInt8(ascii: "(") where !isInClass && follows("(?"): flags()
        case UInt8(ascii: "(") where !isInClass && follows("(*"):
            problem(at, "* behind ( repeats nothing in Java", fix: "write \\* for the sign")
            copy(2)
        default: copy(1)
        }
    }

    /// `(?idmsux-idmsux)` and `(?…:`; all other groups pass.
    private mutating func flags() {
        var end = at + 2
        while end < source.count, source[end] == UInt8(ascii: "-") || isLetter(source[end]) { end += 1 }
        let isFlags = end < source.count && (source[end] == UInt8(ascii: ")") || source[end] == UInt8(ascii: ":"))
        if isFlags {
            for index in at + 2..<end {
                switch source[index] {
                case UInt8(ascii: "U"):
                    problem(
                        index, "flag U is Unicode classes in Java, and ungreedy here",
                        fix: "leave it out; \\d, \\w and \\s are ASCII")
                case UInt8(ascii: "d"):
                    problem(index, "flag d (only LF ends a line) is Java's alone", fix: "leave it out")
                case UInt8(ascii: "u"):
                    problem(index, "flag u (Unicode case) is Java's alone", fix: "leave it out: (?i) knows Unicode here")
                default: break
                }
            }
        }
        copy(2)
    }

    private mutating func escape() {
        guard at + 1 < source.count else { return copy(1) }
        switch source[at + 1] {
        case UInt8(ascii: "Q"):
            var end = at + 2
            while end + 1 < source.count, !(source[end] == UInt8(ascii: "\\") && source[end + 1] == UInt8(ascii: "E")) {
                end += 1
            }
            copy(end + 2 - at)
        case UInt8(ascii: "u"): hexadecimal()
        case UInt8(ascii: "0"): octal()
        case UInt8(ascii: "p"), UInt8(ascii: "P"): property()
        case UInt8(ascii: "b") where follows("{", at: 2):
            problem(at, "\\b{…} (grapheme boundary) is Java's alone", fix: "use \\b, or \\X for a grapheme")
            copy(3)
        case UInt8(ascii: "x") where follows("{", at: 2): copy(3)
        default: copy(2)
        }
    }

    /// `\u0041`.
    private mutating func hexadecimal() {
        let digits = source[(at + 2)...].prefix(4)
        guard digits.count == 4, let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16) else {
            problem(at, "\\u needs four hexadecimal digits", fix: "write \\u0041, or \\x{1F600}")
            return copy(2)
        }
        guard !(0xD800...0xDFFF).contains(value) else {
            problem(at, "half of a surrogate pair", fix: "write the character itself, or \\x{1F600}")
            return copy(6)
        }
        emit("\\x{\(String(value, radix: 16))}".utf8, from: at)
        at += 6
    }

    /// `\07`, `\077`, `\0377`: octal in Java; PCRE2 takes at most two digits behind the 0.
    private mutating func octal() {
        let digits = source[(at + 2)...].prefix(3).prefix { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }
        let text = String(decoding: digits, as: UTF8.self)
        guard let value = UInt32(text, radix: 8) else {
            problem(at, "\\0 needs octal digits", fix: "write \\x00 for the byte 0")
            return copy(2)
        }
        let used = value > 0o377 ? 2 : digits.count
        emit("\\o{\(text.prefix(used))}".utf8, from: at)
        at += 2 + used
    }

    private static let asciiClasses: Set<String> = [
        "Lower", "Upper", "ASCII", "Alpha", "Digit", "Alnum", "Punct", "Graph", "Print", "Blank", "Cntrl", "XDigit", "Space",
    ]

    /// `\p{Alpha}` is ASCII in Java and Unicode in PCRE2; `\p{L}` and `\pL` are the same in both.
    private mutating func property() {
        guard follows("{", at: 2), let close = source[(at + 3)...].firstIndex(of: UInt8(ascii: "}")) else { return copy(2) }
        let name = String(decoding: source[(at + 3)..<close], as: UTF8.self)
        let isNegated = source[at + 1] == UInt8(ascii: "P")
        if Self.asciiClasses.contains(name) {
            let posix = "[:\(isNegated ? "^" : "")\(name.lowercased()):]"
            emit((isInClass ? posix : "[\(posix)]").utf8, from: at)
            at = close + 1
            return
        }
        if name.hasPrefix("java") || name.hasPrefix("In") || name.hasPrefix("Is") || name.contains("=") {
            let stripped = name.hasPrefix("Is") ? String(name.dropFirst(2)) : "L"
            problem(at, "\\p{\(name)} is Java's alone", fix: "use \\p{\(stripped)}, or a class of your own")
        }
        copy(close + 1 - at)
    }

    private func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}
