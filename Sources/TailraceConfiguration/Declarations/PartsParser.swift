import TailraceCommandLine
import TailraceCore

/// "interceptors = a b", "interceptors.a.type = …", "interceptors.a.<key>": builds the parts in the order of the list.
struct PartsParser {
    private let name: String
    private let kinds: [PartKind]
    private let initialType: String?
    private let prefix: String
    private(set) var problems: [ConfigurationProblem] = []

    /// `name`: "interceptors"; `prefix`: what stands before it.
    init(_ name: String, _ kinds: [PartKind], initialType: String? = nil, prefix: String) {
        (self.name, self.kinds, self.initialType, self.prefix) = (name, kinds, initialType, prefix)
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
        let listed = members.listed(prefix: "\(prefix).\(name)", types: kinds.map(\.type), initial: initialType, &problems)
        return listed.compactMap { member in
            let inner = "\(prefix).\(name).\(member.name)"
            guard let kind = PartKinds(name, kinds).find(member.type, prefix: inner, &problems) else { return nil }
            let configuration = kind.parse(member.entries, prefix: inner, &problems)
            return ConfiguredPart(name: member.name, type: kind.type, configuration: configuration)
        }
    }
}

/// "serializer = text", "serializer.appendNewline = false"; or "selector.type = multiplexing", "selector.header = state".
struct PartParser {
    private let name: String
    private let typeKey: String
    private let kinds: [PartKind]
    private let prefix: String

    init(_ name: String, typeKey: String, _ kinds: [PartKind], prefix: String) {
        (self.name, self.typeKey, self.kinds, self.prefix) = (name, typeKey, kinds, prefix)
    }

    /// `entries`: all whose key is the name or begins with it and a dot. `initial`: the part without a line of its type.
    func parse(
        _ entries: [ConfigurationEntry], initial: ConfiguredPart, _ problems: inout [ConfigurationProblem]
    ) -> ConfiguredPart {
        let own = "\(prefix).\(name)"
        var type = entries.first { $0.key == typeKey }
        type?.key = "type"
        let inner = entries.filter { $0.key != typeKey && $0.key != name }.map {
            $0.renamed(String($0.key.dropFirst(name.utf8.count + 1)))
        }
        if let bare = entries.first(where: { $0.key == name && name != typeKey }) {
            problems.append(
                bare.problem(
                    .error, "configuration.unknown-key", prefix: prefix, "names nothing",
                    fix: "write \(prefix).\(typeKey) = <\(kinds.map(\.type).joined(separator: ", "))>"))
        }
        guard let type else {
            guard let first = inner.first, let kind = kinds.first(where: { $0.type == initial.type }) else { return initial }
            let configuration = kind.parse([first.renamed("type", value: kind.type)] + inner, prefix: own, &problems)
            return ConfiguredPart(name: initial.name, type: kind.type, configuration: configuration)
        }
        let place = typeKey == name ? prefix : own
        var line = type
        line.key = typeKey == name ? name : "type"
        guard let kind = PartKinds(name, kinds).find(line, prefix: place, &problems) else { return initial }
        let configuration = kind.parse([type] + inner, prefix: own, &problems)
        return ConfiguredPart(name: initial.name, type: kind.type, configuration: configuration)
    }
}

/// The types that the parts of one name may have.
struct PartKinds {
    private let name: String
    private let kinds: [PartKind]
    init(_ name: String, _ kinds: [PartKind]) { (self.name, self.kinds) = (name, kinds) }

    /// The kind that the line names; nil, and told, if there is none.
    func find(_ type: ConfigurationEntry, prefix: String, _ problems: inout [ConfigurationProblem]) -> PartKind? {
        if let kind = kinds.first(where: { $0.isNamed(type.value) }) { return kind }
        let unknown = UnknownType(
            noun: FlumeTypes.noun(ofParts: name), types: kinds.map(\.type), names: kinds.flatMap { [$0.type] + $0.otherNames },
            flume: FlumeTypes.parts(name))
        problems.append(unknown.problem(type, prefix: prefix))
        return nil
    }
}

extension PartKind {
    /// Aliases and class names in any case of letters; a builder's class with or without its `$Builder`.
    func isNamed(_ text: String) -> Bool { ([type] + otherNames).contains { TypeName.same($0, text) } }

    func parse(_ entries: [ConfigurationEntry], prefix: String, _ problems: inout [ConfigurationProblem])
        -> any ComponentConfiguration
    {
        func parse(_ declared: some AnyDeclaration) -> any ComponentConfiguration {
            declared.declaration.parse(entries, prefix: prefix, &problems)
        }
        return parse(declaration)
    }
}

/// Names of types as Flume's files have them.
enum TypeName {
    static func folded(_ name: String) -> String {
        let name = name.lowercased()
        return name.hasSuffix("$builder") ? String(name.dropLast("$builder".count)) : name
    }
    static func same(_ a: String, _ b: String) -> Bool { folded(a) == folded(b) }
}
