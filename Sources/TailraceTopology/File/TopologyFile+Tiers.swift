import TailraceCommandLine

extension Topology {
    mutating func readTiers(_ node: YAMLNode, _ reader: inout NodeReader, _ hasFile: (String) -> Bool) {
        let items = reader.list(node, "'tiers'")
        if items.isEmpty, case .sequence = node.value {
            reader.report(node.place, "'tiers' is empty", fix: "describe at least one tier")
        }
        for item in items {
            guard let keys = reader.mapping(item, "a tier", known: Self.tierKeys) else { continue }
            var tier = Tier(place: item.place)
            for key in ["name", "agent", "configuration"] where keys[key] == nil {
                reader.report(item.place, "a tier without '\(key)'", fix: "add it")
            }
            if let node = keys["name"], let name = reader.name(node, "'name'") {
                tier.name = name
                if let reason = taken(name) {
                    reader.report(node.place, "tier '\(name)': \(reason)", fix: "give it another name")
                }
            }
            if let node = keys["count"] { tier.count = reader.number(node, "'count'", 1...Self.mostAgents) ?? 1 }
            if let node = keys["agent"] { tier.agent = reader.text(node, "'agent'") ?? "" }
            if let node = keys["configuration"], let path = reader.text(node, "'configuration'") {
                tier.configuration = path
                if !hasFile(path) {
                    reader.report(
                        node.place, "'\(path)' cannot be read",
                        fix: "name a .properties file; the path is relative to this file")
                }
            }
            tier.environment = environment(of: tier, keys["environment"], &reader)
            tiers.append(tier)
            if tiers.reduce(0, { $0 + $1.count }) > Self.mostAgents {
                reader.report(item.place, "more than \(Self.mostAgents) agents in all", fix: "lower the counts")
                return
            }
        }
    }
    private static let tierKeys = ["name", "count", "agent", "configuration", "environment"]

    /// Two names are one if their variables are: TAILRACE_A_1_PORT.
    private func taken(_ name: String) -> String? {
        if tiers.contains(where: { $0.name == name }) { return "listed twice" }
        return ["broker", "auditor", "supervisor"].contains(name) ? "the cluster uses this name itself" : nil
    }

    /// A mapping for all instances, or a list with a mapping for each.
    private func environment(of tier: Tier, _ node: YAMLNode?, _ reader: inout NodeReader) -> [[String: String]] {
        guard let node else { return Array(repeating: [:], count: tier.count) }
        guard case .sequence(let items) = node.value else {
            return Array(repeating: variables(node, &reader), count: tier.count)
        }
        let sets = items.map { variables($0, &reader) }
        if sets.count != tier.count {
            reader.report(
                node.place, "'environment' lists \(sets.count) instances and 'count' says \(tier.count)",
                fix: "write a mapping for each instance, or one mapping for all")
        }
        return sets
    }

    private func variables(_ node: YAMLNode, _ reader: inout NodeReader) -> [String: String] {
        guard case .mapping(let entries) = node.value else {
            reader.report(node.place, "'environment' is \(node.kind)", fix: "write NAME: value lines")
            return [:]
        }
        var result: [String: String] = [:]
        for entry in entries {
            if let mistake = Placeholders.mistake(inName: entry.key) {
                reader.report(entry.place, mistake.message, fix: mistake.fix)
            }
            guard case .scalar(let value) = entry.value.value else {
                reader.report(entry.value.place, "'\(entry.key)' is \(entry.value.kind)", fix: "write a text")
                continue
            }
            if let unknown = Placeholders.unknown(in: value) {
                let near = Spelling.nearest(to: unknown, in: Placeholders.names)
                reader.report(
                    entry.value.place, "there is no placeholder {\(unknown.prefix(60))}",
                    fix: near.map { "did you mean {\($0)}?" }
                        ?? "use one of \(Placeholders.names.map { "{\($0)}" }.joined(separator: ", "))")
            }
            result[entry.key] = value
        }
        return result
    }
}

/// `{instance}` and the like in values of the environment.
package enum Placeholders {
    package static let names = ["instance", "tier", "name", "cluster"]

    static func mistake(inName name: String) -> (message: String, fix: String)? {
        let isFine = name.utf8.allSatisfy {
            (65...90).contains($0) || (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "_")
        }
        if !isFine || name.isEmpty || (48...57).contains(name.utf8.first!) {
            return ("'\(name.prefix(60))' is no name for an environment variable", "use letters, digits and '_'")
        }
        guard name.hasPrefix("TAILRACE_") else { return nil }
        return ("'\(name)': the cluster itself sets the variables that begin with TAILRACE_", "use another name")
    }

    /// The first placeholder that does not exist. Braces that hold anything but a word are left alone.
    static func unknown(in text: String) -> String? {
        var found: String?
        walk(text) { name in
            if !names.contains(name), found == nil { found = name }
            return nil
        }
        return found
    }

    package static func fill(_ text: String, tier: String, instance: Int, cluster: String) -> String {
        walk(text) { name in
            switch name {
            case "instance": String(instance)
            case "tier": tier
            case "name": "\(tier)-\(instance)"
            case "cluster": cluster
            default: nil
            }
        }
    }

    /// `value`: what stands for a placeholder; nil leaves it as it is.
    @discardableResult
    private static func walk(_ text: String, _ value: (String) -> String?) -> String {
        var result = "", rest = Substring(text)
        while let open = rest.firstIndex(of: "{") {
            result += rest[..<open]
            let inside = rest[rest.index(after: open)...]
            let word = inside.prefix { $0.isLetter || $0 == "_" }
            guard !word.isEmpty, word.endIndex < inside.endIndex, inside[word.endIndex] == "}" else {
                result += "{"
                rest = inside
                continue
            }
            result += value(String(word)) ?? "{\(word)}"
            rest = inside[inside.index(after: word.endIndex)...]
        }
        return result + rest
    }
}
