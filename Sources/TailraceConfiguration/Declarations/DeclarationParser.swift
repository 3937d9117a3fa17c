import TailraceCommandLine
import TailraceCore

/// Applies the entries of one component to its declaration. Keys are applied in the order of the declaration, so that the
/// order of the lines does not matter; members of a family in the order of the file.
struct DeclarationParser<Configuration: ComponentConfiguration> {
    private typealias Use = (entry: ConfigurationEntry, match: KeyMatch)

    private let declaration: Declaration<Configuration>
    private let prefix: String
    private let alsoKnown: [String]
    private let entries: [ConfigurationEntry]
    /// Stands for the component where no line of its own is to blame.
    private let origin: ConfigurationEntry
    private var uses: [[Use]]
    private var configuration = Configuration()
    private(set) var problems: [ConfigurationProblem] = []
    /// Keys that a near-miss was told for: they are not told as missing too.
    private(set) var suggested: Set<String>
    private var hasWrongValue = false

    /// `suggested`: keys that somebody else told a near-miss for.
    init(
        _ declaration: Declaration<Configuration>, _ entries: [ConfigurationEntry], prefix: String, alsoKnown: [String],
        suggested: Set<String> = []
    ) {
        self.suggested = suggested
        (self.declaration, self.prefix, self.alsoKnown) = (declaration, prefix, alsoKnown)
        origin = entries.first { $0.key == "type" } ?? entries.first ?? ConfigurationEntry(key: "", value: "")
        self.entries = entries.filter { $0.key != "type" }
        uses = declaration.keys.map { _ in [] }
    }

    mutating func parse() -> Configuration {
        for entry in entries { assign(entry) }
        for (index, key) in declaration.keys.enumerated() { apply(key, uses[index]) }
        // Relations between values mean something only when each value does.
        if !hasWrongValue { relate() }
        return configuration
    }

    private mutating func assign(_ entry: ConfigurationEntry) {
        var best: (index: Int, match: KeyMatch)?
        for (index, key) in declaration.keys.enumerated() {
            guard let match = key.match(entry.key), match.rank > best?.match.rank ?? -1 else { continue }
            best = (index, match)
        }
        guard let best else { return unknown(entry) }
        uses[best.index].append((entry, best.match))
    }

    private mutating func unknown(_ entry: ConfigurationEntry) {
        let near = Spelling.nearest(
            to: entry.key, in: declaration.keys.flatMap { $0.suggestions(for: entry.key) } + alsoKnown)
        if let near { suggested.insert(near) }
        problems.append(
            entry.problem(
                .error, "configuration.unknown-key", prefix: prefix, "\(declaration.type) has no key \"\(entry.key)\"",
                fix: near.map { "did you mean \"\($0)\"?" }
                    ?? "remove the line; the manual lists the keys of \(declaration.type)"))
    }

    private mutating func apply(_ key: Key<Configuration>, _ uses: [Use]) {
        switch key.kind {
        case .scalar: applyScalar(key, uses)
        case .family: for use in preferred(uses) { apply(key, use) }
        case .ignored:
            for use in uses {
                problems.append(
                    use.entry.problem(
                        .note, "configuration.ignored-key", prefix: prefix, "has no effect: \(key.summary)",
                        fix: "remove the line"))
            }
        case .parts(let kinds):
            guard let field = key.partsField, !uses.isEmpty else { return }
            var parser = PartsParser(key.name, kinds, initialType: key.initialPartType, prefix: prefix)
            configuration[keyPath: field] = parser.parse(uses.map(\.entry))
            problems += parser.problems
        case .part(let kinds, let typeKey, _):
            guard let field = key.partField, !uses.isEmpty else { return }
            let parser = PartParser(key.name, typeKey: typeKey, kinds, prefix: prefix)
            configuration[keyPath: field] = parser.parse(
                uses.map(\.entry), initial: configuration[keyPath: field], &problems)
        }
    }

    private mutating func applyScalar(_ key: Key<Configuration>, _ uses: [Use]) {
        // The key's own name before its others, those in the order of the declaration.
        func order(_ use: Use) -> Int {
            guard let other = use.match.otherName else { return -1 }
            return key.otherNames.firstIndex { $0.name == other.name } ?? key.otherNames.count
        }
        guard let first = uses.min(by: { order($0) < order($1) }) else {
            if key.isRequired, !suggested.contains(key.name) { missing(key) }
            return
        }
        apply(key, first)
        for use in uses where use.entry.key != first.entry.key { overridden(use, by: first) }
    }

    /// Of members that a pattern's own name and another one of its names give, the own name's.
    private mutating func preferred(_ uses: [Use]) -> [Use] {
        var kept: [Use] = []
        for use in uses {
            guard use.match.otherName != nil,
                let own = uses.first(where: { $0.match.otherName == nil && $0.match.captured == use.match.captured })
            else {
                kept.append(use)
                continue
            }
            overridden(use, by: own)
        }
        return kept
    }

    private mutating func overridden(_ use: Use, by winner: Use) {
        problems.append(
            use.entry.problem(
                .warning, "configuration.overridden-key", prefix: prefix,
                "is not used: \(winner.entry.key) (line \(winner.entry.line)) says the same thing, and counts",
                fix: "remove the line"))
    }

    private mutating func apply(_ key: Key<Configuration>, _ use: Use) {
        if let note = use.match.otherName?.note {
            problems.append(use.entry.problem(.note, "configuration.other-name", prefix: prefix, note))
        }
        do throws(TailraceError) {
            guard let note = try key.apply(&configuration, use.match.captured, use.entry.value) else { return }
            problems.append(use.entry.problem(.note, "configuration.note", prefix: prefix, note))
        } catch {
            hasWrongValue = true
            let message = Secrets.hide(use.entry.value, of: use.entry.key, in: error.message)
            problems.append(
                use.entry.problem(.error, error.code, prefix: prefix, message, fix: error.fix ?? remedy(key)))
        }
    }

    private func remedy(_ key: Key<Configuration>) -> String {
        guard case .scalar(let unit, let allowed, let initial, let isRequired) = key.kind else { return "see the manual" }
        let what = [unit, allowed].filter { !$0.isEmpty }.joined(separator: ", ")
        let canBeLeftOut = !isRequired && !initial.isEmpty
        return "write \(key.name) = <\(what)>" + (canBeLeftOut ? ", or leave it out for \(initial)" : "")
    }

    private mutating func missing(_ key: Key<Configuration>) {
        hasWrongValue = true
        var unit = ""
        if case .scalar(let text, let allowed, _, _) = key.kind {
            unit = [text, allowed].filter { !$0.isEmpty }.joined(separator: ", ")
        }
        problems.append(
            origin.problem(
                .error, "configuration.missing-key", key: key.name, prefix: prefix,
                "\(declaration.type) needs this key: \(key.summary)", fix: "add \(prefix).\(key.name) = <\(unit)>"))
    }

    private mutating func relate() {
        for problem in configuration.problems() {
            var placed = problem
            let entry = line(of: problem)
            if let entry { placed.key = entry.key }
            let place = entry ?? origin
            (placed.file, placed.line) = (place.file, place.line)
            placed.key = placed.key.isEmpty ? prefix : "\(prefix).\(placed.key)"
            problems.append(placed)
        }
    }

    /// Where a problem belongs. One of a whole family ("kafka.consumer.*") is told at the line that its message begins with,
    /// else at the family's last line.
    private func line(of problem: ConfigurationProblem) -> ConfigurationEntry? {
        guard problem.key.hasSuffix(".*") else { return entries.last { $0.key == problem.key } }
        let family = problem.key.dropLast(), lines = entries.filter { $0.key.hasPrefix(family) }
        return lines.last { problem.message.hasPrefix("\($0.key.dropFirst(family.count)) ") } ?? lines.last
    }
}

extension ConfigurationEntry {
    /// A problem of another key, told at this line.
    func problem(
        _ severity: ConfigurationProblem.Severity, _ code: String, key: String, prefix: String, _ message: String, fix: String?
    ) -> ConfigurationProblem {
        var other = self
        other.key = key
        return other.problem(severity, code, prefix: prefix, message, fix: fix)
    }
}

/// Values that belong in no log.
enum Secrets {
    static func isSecret(_ key: String) -> Bool {
        let key = key.lowercased()
        return key.contains("password") || key.contains("secret") || key.contains("jaas")
    }
    static func hide(_ value: String, of key: String, in text: String) -> String {
        guard isSecret(key), let range = text.firstRange(of: value) else { return text }
        return text.replacingCharacters(in: range)
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<Index>) -> String {
        self[..<range.lowerBound] + "***" + self[range.upperBound...]
    }
}
