import TailraceCommandLine

/// Reads a topology file: all mistakes at once, each with line, column and remedy.
package enum TopologyFile {
    package struct Mistakes: Error, Hashable, Sendable, CustomStringConvertible {
        package var problems: [FileProblem]
        package var description: String { problems.map(\.description).joined(separator: "\n") }
    }

    /// `hasFile`: whether a path that is relative to the topology file leads to a readable file.
    package static func read(
        _ bytes: [UInt8], file: String, hasFile: (String) -> Bool
    ) throws(Mistakes) -> Topology {
        let yaml = YAMLReader.read(bytes, file: file)
        var reader = NodeReader(file: file)
        reader.add(yaml.problems)
        var topology = Topology()
        if let root = yaml.root { topology.read(root, &reader, hasFile) }
        guard reader.problems.isEmpty else {
            throw Mistakes(problems: reader.problems.sorted { $0.place < $1.place })
        }
        return topology
    }
}

extension Topology {
    fileprivate mutating func read(_ root: YAMLNode, _ reader: inout NodeReader, _ hasFile: (String) -> Bool) {
        let known = ["name", "broker", "topics", "tiers", "generator", "audit"]
        guard let keys = reader.mapping(root, "the topology", known: known) else { return }
        for key in ["name", "topics", "tiers"] where keys[key] == nil {
            reader.report(root.place, "'\(key)' is missing", fix: "add it; topologies/two-tier.yaml shows how")
        }
        if let node = keys["name"] { name = reader.name(node, "'name'") ?? "" }
        if let node = keys["broker"] { readBroker(node, &reader) }
        if let node = keys["topics"] { readTopics(node, &reader) }
        if let node = keys["tiers"] { readTiers(node, &reader, hasFile) }
        generator.tier = tiers.first?.name ?? ""
        if let node = keys["generator"] { readGenerator(node, &reader) }
        if let node = keys["audit"], let keys = reader.mapping(node, "'audit'", known: ["deadline"]) {
            if let node = keys["deadline"] {
                audit.deadlineSeconds = reader.number(node, "'deadline' (seconds)", 1...86_400) ?? audit.deadlineSeconds
            }
        }
    }

    private mutating func readBroker(_ node: YAMLNode, _ reader: inout NodeReader) {
        let kinds = ["embedded", "home", "bootstrap"]
        var kindNode = node, keys: [String: YAMLNode] = [:]
        if case .mapping = node.value {
            keys = reader.mapping(node, "'broker'", known: ["kind", "home", "servers", "port"]) ?? [:]
            guard let kind = keys["kind"] else {
                return reader.report(
                    node.place, "'broker' has no 'kind'", fix: "add kind: one of \(kinds.joined(separator: ", "))")
            }
            kindNode = kind
        }
        guard let kind = reader.text(kindNode, "'broker'") else { return }
        switch kind {
        case "embedded": broker = .embedded
        case "home": broker = .home(keys["home"].flatMap { reader.text($0, "'home'") })
        case "bootstrap":
            guard let servers = keys["servers"] else {
                return reader.report(
                    kindNode.place, "a broker of kind 'bootstrap' needs 'servers'",
                    fix: "write broker: {kind: bootstrap, servers: \"host:9092\"}")
            }
            broker = .bootstrap(reader.text(servers, "'servers'") ?? "")
        default:
            let near = Spelling.nearest(to: kind, in: kinds)
            reader.report(
                kindNode.place, "there is no broker '\(kind.prefix(60))'",
                fix: near.map { "did you mean '\($0)'?" } ?? "use one of \(kinds.joined(separator: ", "))")
        }
        for (key, owner) in [("home", "home"), ("servers", "bootstrap")] where kind != owner {
            if let extra = keys[key] {
                reader.report(extra.place, "'\(key)' is for a broker of kind '\(owner)'", fix: "remove it, or change 'kind'")
            }
        }
        if let node = keys["port"] { brokerPort = reader.number(node, "'port'", 0...65_535) ?? 0 }
    }

    private mutating func readTopics(_ node: YAMLNode, _ reader: inout NodeReader) {
        let items = reader.list(node, "'topics'")
        if items.isEmpty, case .sequence = node.value {
            reader.report(node.place, "'topics' is empty", fix: "name the topics that the last tier writes to")
        }
        for item in items {
            guard let keys = reader.mapping(item, "a topic", known: ["name", "partitions"]) else { continue }
            var topic = Topic(name: "")
            if let node = keys["name"] {
                topic.name = reader.text(node, "'name'") ?? ""
                if topics.contains(where: { $0.name == topic.name }) {
                    reader.report(node.place, "topic '\(topic.name)' is listed twice", fix: "remove one of them")
                }
                if !TopicName.isValid(topic.name) {
                    reader.report(
                        node.place, "'\(topic.name.prefix(60))' is no name for a topic",
                        fix: "use 1 to 249 letters, digits, '.', '_' and '-', and not '.' or '..' alone")
                }
            } else {
                reader.report(item.place, "a topic without 'name'", fix: "add it")
            }
            if let node = keys["partitions"] {
                topic.partitions = reader.number(node, "'partitions'", 1...Topology.mostPartitions) ?? topic.partitions
            }
            topics.append(topic)
        }
    }

    private mutating func readGenerator(_ node: YAMLNode, _ reader: inout NodeReader) {
        guard let keys = reader.mapping(node, "'generator'", known: ["tier", "file", "bytes", "rate", "ahead"]) else { return }
        if let node = keys["tier"], let tier = reader.text(node, "'tier'") {
            if !tiers.contains(where: { $0.name == tier }) {
                let near = Spelling.nearest(to: tier, in: tiers.map(\.name))
                reader.report(
                    node.place, "there is no tier '\(tier.prefix(60))'",
                    fix: near.map { "did you mean '\($0)'?" } ?? "name one of the tiers")
            }
            generator.tier = tier
        }
        if let node = keys["file"], let file = reader.text(node, "'file'") {
            if file.contains("/") || file == "." || file == ".." {
                reader.report(
                    node.place, "'file' is a path", fix: "write a file name; the folder is the instance's TAILRACE_LOG_DIR")
            }
            generator.file = file
        }
        if let node = keys["bytes"] { generator.bytes = reader.number(node, "'bytes'", 64...65_536) ?? generator.bytes }
        if let node = keys["rate"] { generator.rate = reader.number(node, "'rate'", 0...10_000_000) ?? generator.rate }
        if let node = keys["ahead"] { generator.ahead = reader.number(node, "'ahead'", 100...10_000_000) ?? generator.ahead }
    }
}

/// What Kafka allows as a topic's name.
enum TopicName {
    static func isValid(_ name: String) -> Bool {
        let allowed = name.utf8.allSatisfy {
            (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || [45, 46, 95].contains($0)
        }
        return allowed && (1...249).contains(name.utf8.count) && name != "." && name != ".."
    }
}
