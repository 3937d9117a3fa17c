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
        var members = Members()
        for var entry in entries {
            let whole = entry
            if entry.key == name {
                members.list = entry
                continue
            }
            entry.key = String(entry.key.dropFirst(name.utf8.count + 1))
            if !members.add(entry) {
                problems.append(
                    whole.problem(
                        .error, "configuration.unknown-key", prefix: prefix,
                        "is neither the list nor a key of one of its parts",
                        fix: "write \(prefix).\(name).<name>.<key>"))
            }
        }
        let listed = members.listed(prefix: "\(prefix).\(name)", types: kinds.map(\.type), &problems)
        return listed.compactMap { member in
            let inner = "\(prefix).\(name).\(member.name)"
            guard let kind = kinds.first(where: { $0.isNamed(member.type.value) }) else {
                problems.append(unknown(member.type, inner))
                return nil
            }
            let configuration = kind.parse(member.entries, inner, &problems)
            return ConfiguredPart(name: member.name, type: kind.type, configuration: configuration)
        }
    }

    private func unknown(_ type: ConfigurationEntry, _ prefix: String) -> ConfigurationProblem {
        let types = kinds.isEmpty ? "take it out of \(name)" : "use one of \(kinds.map(\.type).joined(separator: ", "))"
        let flume = FlumeTypes.parts(name)
        if let known = flume.first(where: { $0.isNamed(type.value) }) {
            return type.problem(
                .error, "configuration.unsupported", prefix: prefix,
                "Flume's \"\(known.alias ?? known.className)\" is not supported among \(name) by this version of Tailrace",
                fix: types)
        }
        let near = Spelling.nearest(to: type.value, in: kinds.flatMap { [$0.type] + $0.classNames } + flume.flatMap(\.names))
        return type.problem(
            .error, "configuration.unknown-type", prefix: prefix, "there is no type \"\(type.value)\" for \(name)",
            fix: near.map { "did you mean \"\($0)\"?" } ?? types)
    }
}

extension PartKind {
    /// Aliases and class names in any case of letters; a builder's class with or without its `$Builder`.
    func isNamed(_ text: String) -> Bool { ([type] + classNames).contains { TypeName.same($0, text) } }
}

/// Names of types as Flume's files have them.
enum TypeName {
    static func folded(_ name: String) -> String {
        let name = name.lowercased()
        return name.hasSuffix("$builder") ? String(name.dropLast("$builder".count)) : name
    }
    static func same(_ a: String, _ b: String) -> Bool { folded(a) == folded(b) }
}
