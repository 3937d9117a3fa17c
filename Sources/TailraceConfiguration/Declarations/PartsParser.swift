import TailraceCommandLine
import TailraceCore

/// "interceptors = a b", "interceptors.a.type = …", "interceptors.a.<key>": builds the parts in the order of the list.
struct PartsParser {
    private let name: String
    private let kinds: [PartKind]
    private let prefix: String
    private(set) var problems: [ConfigurationProblem] = []

    /// `name`: "interceptors"; `prefix`: what stands before it.
    init(_ name: String, _ kinds: [PartKind], prefix: String) {
        (self.name, self.kinds, self.prefix) = (name, kinds, prefix)
    }

    /// `entries`: all whose key is `name` or begins with it and a dot.
    mutating func parse(_ entries: [ConfigurationEntry]) -> [ConfiguredPart] {
        var members: [String: [ConfigurationEntry]] = [:], order: [String] = [], list: ConfigurationEntry?
        for entry in entries {
            guard entry.key != name else {
                list = entry
                continue
            }
            let words = entry.key.dropFirst(name.utf8.count + 1).split(
                separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            guard words.count == 2, !words[0].isEmpty, !words[1].isEmpty else {
                problems.append(
                    entry.problem(
                        .error, "configuration.unknown-key", prefix: prefix,
                        "is neither the list nor a key of one of its parts",
                        fix: "write \(prefix).\(name).<name>.<key>"))
                continue
            }
            let member = String(words[0])
            if members[member] == nil { order.append(member) }
            var inner = entry
            inner.key = String(words[1])
            members[member, default: []].append(inner)
        }
        let names = Names(list, prefix: prefix, &problems)
        for member in order where !names.list.contains(member) {
            let near = Spelling.nearest(to: member, in: names.list.filter { members[$0] == nil })
            problems.append(
                members[member]![0].problem(
                    near == nil ? .warning : .error, "configuration.not-listed", prefix: "\(prefix).\(name).\(member)",
                    "\"\(member)\" is not in the list \(prefix).\(name), so it is not used",
                    fix: near.map { "did you mean \"\($0)\"?" } ?? "add it to the list, or remove its lines"))
        }
        return names.list.compactMap { part($0, members[$0] ?? [], list!) }
    }

    private mutating func part(_ member: String, _ entries: [ConfigurationEntry], _ list: ConfigurationEntry) -> ConfiguredPart?
    {
        let inner = "\(prefix).\(name).\(member)"
        guard let type = entries.first(where: { $0.key == "type" }) else {
            problems.append(
                (entries.first ?? list).problem(
                    .error, "configuration.missing-type", key: "type", prefix: inner, "\"\(member)\" has no type",
                    fix: "add \(inner).type = <\(kinds.map(\.type).joined(separator: ", "))>"))
            return nil
        }
        guard let kind = kinds.first(where: { $0.isNamed(type.value) }) else {
            let near = Spelling.nearest(to: type.value, in: kinds.flatMap { [$0.type] + $0.classNames })
            problems.append(
                type.problem(
                    .error, "configuration.unknown-type", prefix: inner, "there is no type \"\(type.value)\" for \(name)",
                    fix: near.map { "did you mean \"\($0)\"?" } ?? "one of \(kinds.map(\.type).joined(separator: ", "))"))
            return nil
        }
        return ConfiguredPart(name: member, type: kind.type, configuration: kind.parse(entries, inner, &problems))
    }
}

/// A list of names, split at any white space; a name that is there twice counts once.
struct Names {
    private(set) var list: [String] = []

    init(_ entry: ConfigurationEntry?, prefix: String = "", _ problems: inout [ConfigurationProblem]) {
        for name in entry?.value.split(whereSeparator: \.isWhitespace).map(String.init) ?? [] {
            if list.contains(name) {
                problems.append(
                    entry!.problem(
                        .warning, "configuration.listed-twice", prefix: prefix, "\"\(name)\" is in the list twice",
                        fix: "leave it in once"))
            } else {
                list.append(name)
            }
        }
    }
}

extension PartKind {
    /// Aliases and class names in any case of letters; a builder's class with or without its `$Builder`.
    func isNamed(_ text: String) -> Bool {
        func bare(_ name: String) -> String {
            let name = name.lowercased()
            return name.hasSuffix("$builder") ? String(name.dropLast("$builder".count)) : name
        }
        return ([type] + classNames).contains { bare($0) == bare(text) }
    }
}
