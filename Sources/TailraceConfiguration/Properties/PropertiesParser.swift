package import TailraceCore

/// A file in Java's properties syntax, as `java.util.Properties` understands it: keys and values are not yet trimmed.
package struct PropertiesFile: Hashable, Sendable {
    /// In the order of the file; duplicates are still there.
    package var entries: [ConfigurationEntry] = []
    package var problems: [ConfigurationProblem] = []
}

/// Reads Java's properties syntax, exactly. Beyond Java it reads UTF-8 (ISO-8859-1 where the bytes are no UTF-8), goes on
/// after a malformed `\u`, and tells escapes that drop a backslash.
package struct PropertiesParser {
    private let name: String
    private var file = PropertiesFile()

    /// `file`: the name for messages.
    package static func parse(_ bytes: [UInt8], file name: String) -> PropertiesFile {
        var parser = PropertiesParser(name: name)
        parser.parse(bytes)
        return parser.file
    }

    private init(name: String) { self.name = name }

    private mutating func parse(_ bytes: [UInt8]) {
        guard bytes.count <= Limits.configurationBytes else {
            let message = "the file has \(bytes.count) bytes; at most \(Limits.configurationBytes) are read"
            return tell(.error, "configuration.file-size", 0, key: "", message, fix: "split it into several files")
        }
        var lines = LogicalLines(decode(bytes))
        while let line = lines.next() { read(line) }
    }

    /// As UTF-16, which is what Java's escapes are about.
    private mutating func decode(_ bytes: [UInt8]) -> [UInt16] {
        let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        if let text = String(validating: content, as: UTF8.self) { return Array(text.utf16) }
        tell(
            .note, "configuration.encoding", 0, key: "", "the file is not UTF-8; it is read as ISO-8859-1",
            fix: "save it as UTF-8, or write \\uXXXX for letters beyond ASCII")
        return content.map(UInt16.init)
    }

    private mutating func read(_ line: LogicalLine) {
        let units = line.units
        var end = 0, isEscaped = false
        while end < units.count, isEscaped || !units[end].isBlank && !units[end].isSeparator {
            isEscaped = units[end] == .backslash && !isEscaped
            end += 1
        }
        var start = end, hasSeparator = false
        while start < units.count, units[start].isBlank || (!hasSeparator && units[start].isSeparator) {
            if units[start].isSeparator { hasSeparator = true }
            start += 1
        }
        var escapes = EscapeDecoder(line)
        let key = escapes.decode(0..<end), value = escapes.decode(start..<units.count)
        file.entries.append(ConfigurationEntry(key: key, value: value, file: name, line: line.number))
        report(escapes, key, line.number)
    }

    private mutating func report(_ escapes: EscapeDecoder, _ key: String, _ line: Int) {
        if let malformed = escapes.malformed {
            tell(
                .error, "configuration.escape", malformed.line, key: key,
                "\"\(malformed.text)\" is not a \\u with four hexadecimal digits",
                fix: "write \\\\u for a backslash and a u, or all four digits")
        }
        if escapes.hasLoneSurrogate {
            tell(
                .warning, "configuration.surrogate", line, key: key,
                "half of a surrogate pair stands alone; it becomes U+FFFD", fix: "write both halves: \\ud83d\\ude00")
        }
        guard !escapes.unknown.isEmpty else { return }
        let list = escapes.unknown.map { "\\\($0)" }.joined(separator: " "), first = escapes.unknown[0]
        tell(
            .warning, "configuration.dropped-backslash", escapes.unknownLine, key: key,
            "the backslash of \(list) is dropped, as a properties file has it",
            fix: "write \\\\\(first) where the value needs \\\(first)")
    }

    private mutating func tell(
        _ severity: ConfigurationProblem.Severity, _ code: String, _ line: Int, key: String, _ message: String, fix: String
    ) {
        // Errors have room of their own, so that warnings do not hide them.
        guard file.problems.count < Limits.configurationProblems * (severity == .error ? 2 : 1) else { return }
        let problem = ConfigurationProblem(severity, code: code, file: name, line: line, key: key, message: message, fix: fix)
        file.problems.append(problem)
    }
}
