import TailraceCommandLine
import TailraceCore

/// Named things of one kind: the list of their names, and the lines of each. "edge.sources" and "edge.sources.<name>.<key>";
/// likewise the interceptors of a source.
struct Members: Sendable {
    /// "edge.sources = r1 r2".
    var list: ConfigurationEntry?
    /// By name; keys behind the name.
    private(set) var entries: [String: [ConfigurationEntry]] = [:]
    /// Names in the order of their first lines.
    private(set) var order: [String] = []

    struct Member {
        var name: String
        /// With that of the type.
        var entries: [ConfigurationEntry]
        var type: ConfigurationEntry
    }

    /// `entry`: with the key "r1.type". False: there is no name or no key behind it.
    mutating func add(_ entry: ConfigurationEntry) -> Bool {
        let words = entry.key.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard words.count == 2, !words[0].isEmpty, !words[1].isEmpty else { return false }
        let name = String(words[0])
        if entries[name] == nil { order.append(name) }
        var inner = entry
        inner.key = String(words[1])
        entries[name, default: []].append(inner)
        return true
    }

    /// Those that are in the list and have a type, in the order of the list. Tells the others.
    /// `initial`: the type of those without one.
    func listed(
        prefix: String, types: [String], initial: String? = nil, _ problems: inout [ConfigurationProblem]
    ) -> [Member] {
        named(prefix: prefix, &problems).compactMap { name, lines in
            if let type = lines.first(where: { $0.key == "type" }) { return Member(name: name, entries: lines, type: type) }
            if let initial {
                return Member(name: name, entries: lines, type: lines[0].renamed("type", value: initial))
            }
            let place = "\(prefix).\(name)"
            let fix = "add \(place).type = <\(types.joined(separator: ", "))>"
            if let slip = Spelling.nearest(to: "type", in: lines.map(\.key)), let line = lines.first(where: { $0.key == slip })
            {
                problems.append(
                    line.problem(
                        .error, "configuration.missing-type", prefix: place, "\"\(name)\" has no type",
                        fix: "did you mean \(place).type?"))
            } else {
                problems.append(
                    lines[0].problem(
                        .error, "configuration.missing-type", key: "type", prefix: place, "\"\(name)\" has no type", fix: fix))
            }
            return nil
        }
    }

    /// Those that are in the list and have lines. A line that is not listed is most often a slip of the list.
    /// `key`: one that each of them needs, for the remedy.
    func named(
        prefix: String, key: String = "type", _ problems: inout [ConfigurationProblem]
    ) -> [(name: String, entries: [ConfigurationEntry])] {
        let names = Names(list, &problems, prefix: prefix).list, listed = Set(names)
        var meant: Set<String> = []
        for name in order where !listed.contains(name) {
            let near = Spelling.nearest(to: name, in: names.filter { entries[$0] == nil })
            if let near { meant.insert(near) }
            problems.append(
                entries[name]![0].problem(
                    near == nil ? .warning : .error, "configuration.not-listed", prefix: "\(prefix).\(name)",
                    "\"\(name)\" is not in the list \(prefix), so it is not used",
                    fix: near.map { "did you mean \"\($0)\"?" } ?? "add it to the list, or remove its lines"))
        }
        return names.compactMap { name in
            if let lines = entries[name] { return (name, lines) }
            if !meant.contains(name) {
                problems.append(
                    list!.problem(
                        .error, "configuration.no-lines", key: prefix, prefix: "",
                        "\"\(name)\" is in the list, but no line configures it",
                        fix: "add \(prefix).\(name).\(key) = …, or take it out of the list"))
            }
            return nil
        }
    }
}

/// A list of names, split at any white space; a name that is there twice counts once.
struct Names {
    private(set) var list: [String] = []

    static func words(_ entry: ConfigurationEntry?) -> [String] {
        entry?.value.split(whereSeparator: \.isWhitespace).map(String.init) ?? []
    }

    /// `prefix`: the list's whole key.
    init(_ entry: ConfigurationEntry?, _ problems: inout [ConfigurationProblem], prefix: String) {
        var seen: Set<String> = []
        for name in Self.words(entry) {
            if !seen.insert(name).inserted {
                problems.append(
                    entry!.problem(
                        .warning, "configuration.listed-twice", key: prefix, prefix: "", "\"\(name)\" is in the list twice",
                        fix: "leave it in once"))
            } else if name.contains(".") {
                problems.append(
                    entry!.problem(
                        .error, "configuration.name", key: prefix, prefix: "", "the name \"\(name)\" has a dot in it",
                        fix: "give it a name without dots; names are separated by blanks"))
            } else {
                list.append(name)
            }
        }
    }
}
