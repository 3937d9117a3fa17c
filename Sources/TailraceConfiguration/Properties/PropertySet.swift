package import TailraceCore

/// The entries of all files in order, trimmed as Flume trims them, each key once.
package struct PropertySet: Sendable {
    package private(set) var entries: [ConfigurationEntry] = []
    package private(set) var problems: [ConfigurationProblem] = []
    private var places: [String: Int] = [:]

    package init() {}

    /// Reads one more file; what it sets again, it overrides. Within one file that is told: there it is a slip.
    package mutating func add(_ bytes: [UInt8], file: String) {
        let parsed = PropertiesParser.parse(bytes, file: file)
        problems += parsed.problems
        var told = parsed.problems.count
        func tell(_ problem: ConfigurationProblem) {
            told += 1
            if told <= Limits.configurationProblems { problems.append(problem) }
        }
        for var entry in parsed.entries {
            entry.key = Self.trim(entry.key)
            entry.value = Self.trim(entry.value)
            guard !entry.key.isEmpty else {
                tell(
                    entry.problem(.warning, "configuration.no-key", "a value without a key is ignored", fix: "remove the line"))
                continue
            }
            guard !entry.value.isEmpty else {
                tell(
                    entry.problem(
                        .warning, "configuration.empty-value", "the value is empty; the line is ignored",
                        fix: "give it a value, or remove the line"))
                continue
            }
            guard let place = places[entry.key] else {
                guard entries.count < Limits.configurationEntries else {
                    let most = Limits.configurationEntries
                    problems.append(
                        entry.problem(
                            .error, "configuration.too-many-keys",
                            "the files have more than \(most) keys; what follows is not read",
                            fix: "split the agents into several programs' files"))
                    return
                }
                places[entry.key] = entries.count
                entries.append(entry)
                continue
            }
            let before = entries[place]
            entries[place] = entry
            guard before.file == file else { continue }
            tell(
                entry.problem(
                    .warning, "configuration.duplicate-key",
                    before.value == entry.value
                        ? "set twice, in lines \(before.line) and \(entry.line)"
                        : "set twice, in lines \(before.line) and \(entry.line); the value of line \(entry.line) counts",
                    fix: "remove one of the two lines"))
        }
    }

    package subscript(key: String) -> ConfigurationEntry? { places[key].map { entries[$0] } }

    /// Java's `String.trim`: everything up to U+0020 at both ends.
    static func trim(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard let first = scalars.firstIndex(where: { $0.value > 0x20 }) else { return "" }
        let last = scalars.lastIndex { $0.value > 0x20 }!
        return String(scalars[first...last])
    }
}

extension ConfigurationEntry {
    /// A problem with this line. `prefix`: what stands before the key, if it is not whole.
    func problem(
        _ severity: ConfigurationProblem.Severity, _ code: String, prefix: String = "", _ message: String, fix: String? = nil
    ) -> ConfigurationProblem {
        let key = prefix.isEmpty ? key : "\(prefix).\(key)"
        return ConfigurationProblem(severity, code: code, file: file, line: line, key: key, message: message, fix: fix)
    }
}
