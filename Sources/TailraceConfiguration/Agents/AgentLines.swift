import TailraceCommandLine
import TailraceCore

/// The lines of one agent, sorted by kind. Values are as they are written.
struct AgentLines {
    enum Kind: String, CaseIterable, Sendable {
        case sources, channels, sinks, sinkgroups, configfilters
    }
    let name: String
    private(set) var members: [Kind: Members] = [:]
    /// Lines that fit nowhere.
    private var misfits: [ConfigurationEntry] = []
    private(set) var first: ConfigurationEntry

    subscript(kind: Kind) -> Members { members[kind] ?? Members() }
    /// Lines alone make no agent: it lists something.
    var isDeclared: Bool { members.values.contains { $0.list != nil } }

    /// All agents of the files in the order of their first lines, and the lines that belong to none (no dot in the key).
    static func read(_ entries: [ConfigurationEntry]) -> (agents: [AgentLines], others: [ConfigurationEntry]) {
        var agents: [AgentLines] = [], places: [String: Int] = [:], others: [ConfigurationEntry] = []
        for entry in entries {
            guard let dot = entry.key.firstIndex(of: "."), dot != entry.key.startIndex else {
                others.append(entry)
                continue
            }
            let name = String(entry.key[..<dot])
            if places[name] == nil {
                places[name] = agents.count
                agents.append(AgentLines(name: name, first: entry))
            }
            agents[places[name]!].add(entry, String(entry.key[entry.key.index(after: dot)...]))
        }
        return (agents, others)
    }

    private init(name: String, first: ConfigurationEntry) { (self.name, self.first) = (name, first) }

    /// `rest`: the key behind the agent's name.
    private mutating func add(_ entry: ConfigurationEntry, _ rest: String) {
        let words = rest.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let kind = Kind(rawValue: String(words[0])) else { return misfits.append(entry) }
        guard words.count == 2 else {
            members[kind, default: Members()].list = entry
            return
        }
        var inner = entry
        inner.key = String(words[1])
        if !members[kind, default: Members()].add(inner) { misfits.append(entry) }
    }

    /// The same lines with every value changed by `body`; nil drops the line.
    func mapped(_ kinds: [Kind], _ body: (ConfigurationEntry) -> ConfigurationEntry?) -> AgentLines {
        var copy = self
        for kind in kinds { copy.members[kind] = members[kind]?.mapped(prefix: "\(name).\(kind.rawValue)", body) }
        return copy
    }

    func tellMisfits(_ problems: inout [ConfigurationProblem]) {
        let kinds = Kind.allCases.map(\.rawValue)
        for entry in misfits {
            let words = entry.key.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
            let rest = words.dropFirst(2).map { ".\($0)" }.joined()
            if kinds.contains(String(words[1])) {
                problems.append(
                    entry.problem(
                        .error, "configuration.incomplete-key", "names no key of a component; the line has no effect",
                        fix: "write \(name).\(words[1]).<name>.<key>, for example \(name).\(words[1]).x1.type"))
            } else if let near = Spelling.nearest(to: String(words[1]), in: kinds) {
                problems.append(
                    entry.problem(
                        .error, "configuration.unknown-kind", "there is nothing called \"\(words[1])\" in an agent",
                        fix: "did you mean \(name).\(near)\(rest)?"))
            } else {
                problems.append(
                    entry.problem(
                        .warning, "configuration.unknown-kind",
                        "\"\(words[1])\" is none of \(kinds.joined(separator: ", ")); the line has no effect",
                        fix: "remove the line"))
            }
        }
    }
}

extension Members {
    /// `prefix`: what stands before the names.
    func mapped(prefix: String, _ body: (ConfigurationEntry) -> ConfigurationEntry?) -> Members {
        var copy = Members()
        copy.list = list.flatMap(body)
        for name in order {
            for entry in entries[name]! {
                var whole = entry
                whole.key = "\(prefix).\(name).\(entry.key)"
                guard var changed = body(whole) else { continue }
                changed.key = "\(name).\(entry.key)"
                _ = copy.add(changed)
            }
        }
        return copy
    }
}
