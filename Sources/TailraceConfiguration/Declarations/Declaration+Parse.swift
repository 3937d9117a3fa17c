package import TailraceCore

extension Declaration {
    /// Makes the configuration of a component. `entries`: what the files say under `prefix` ("edge.sources.r1"), with keys
    /// relative to it; an entry "type" is passed over, and its line stands for the component's. Tells all mistakes; the
    /// result is of use only if none of those added is an error.
    package func parse(_ entries: [ConfigurationEntry], prefix: String, _ problems: inout [ConfigurationProblem])
        -> Configuration
    {
        parse(entries, prefix: prefix, alsoKnown: [], &problems)
    }

    /// `alsoKnown`: keys that somebody else handles, for "did you mean".
    func parse(
        _ entries: [ConfigurationEntry], prefix: String, alsoKnown: [String], _ problems: inout [ConfigurationProblem]
    ) -> Configuration {
        var parser = DeclarationParser(self, entries, prefix: prefix, alsoKnown: alsoKnown)
        let configuration = parser.parse()
        problems += parser.problems
        return configuration
    }

    /// Whether one of the keys answers for it.
    func recognises(_ key: String) -> Bool { keys.contains { $0.match(key) != nil } }
}

/// Which of a key's names an entry used, and what the places of a pattern held.
struct KeyMatch {
    var captured: [String] = []
    /// nil: the name itself.
    var otherName: KeyNote?
    /// Exact names before parts, parts before patterns, patterns with more words of their own before others.
    var rank = Int.max
}

extension Key {
    func match(_ key: String) -> KeyMatch? {
        switch kind {
        case .parts, .part: return key == name || key.hasPrefix(name + ".") ? KeyMatch(rank: .max - 1) : nil
        case .scalar, .family, .ignored: break
        }
        return Self.match(key, name)
            ?? otherNames.lazy.compactMap { note in
                Self.match(key, note.name).map { KeyMatch(captured: $0.captured, otherName: note, rank: $0.rank) }
            }.first
    }

    private static func match(_ key: String, _ name: String) -> KeyMatch? {
        let pattern = KeyPattern(name)
        guard pattern.isPattern else { return key == name ? KeyMatch() : nil }
        guard let captured = pattern.match(key) else { return nil }
        return KeyMatch(captured: captured, rank: pattern.literals)
    }

    /// Spellings that `key` may have meant.
    func suggestions(for key: String) -> [String] {
        switch kind {
        case .parts: return [name] + withName(key)
        case .part(_, let typeKey, _): return [name, typeKey] + withName(key)
        case .scalar, .family, .ignored: break
        }
        return ([name] + otherNames.map(\.name)).compactMap { name in
            let pattern = KeyPattern(name)
            return pattern.isPattern ? pattern.suggestion(for: key) : name
        }
    }

    /// The key with this part's name in place of as many of its words.
    private func withName(_ key: String) -> [String] {
        let words = key.split(separator: ".", omittingEmptySubsequences: false)
        let rest = words.dropFirst(name.split(separator: ".").count)
        return rest.isEmpty ? [] : ["\(name).\(rest.joined(separator: "."))"]
    }

    var isRequired: Bool {
        if case .scalar(_, _, _, let isRequired) = kind { isRequired } else { false }
    }
}
