import TailraceCommandLine

/// Reads YAML nodes into values, and collects every mistake instead of stopping at the first.
struct NodeReader {
    let file: String
    private(set) var problems: [FileProblem] = []

    init(file: String) { self.file = file }

    mutating func report(_ place: FilePlace, _ message: String, fix: String) {
        problems.append(FileProblem(file: file, place: place, message: message, fix: fix))
    }
    mutating func add(_ more: [FileProblem]) { problems += more }

    /// The entries by key; a key that is not in `known` is a mistake, with the nearest known one. nil: no mapping.
    mutating func mapping(_ node: YAMLNode, _ what: String, known: [String]) -> [String: YAMLNode]? {
        guard case .mapping(let entries) = node.value else {
            report(node.place, "\(what) is \(node.kind)", fix: "write a mapping with the keys \(known.joined(separator: ", "))")
            return nil
        }
        for entry in entries where !known.contains(entry.key) {
            let near = Spelling.nearest(to: entry.key, in: known)
            report(
                entry.place, "'\(entry.key)' is no key of \(what)",
                fix: near.map { "did you mean '\($0)'?" } ?? "use one of \(known.joined(separator: ", "))")
        }
        return Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
    }

    mutating func list(_ node: YAMLNode, _ what: String) -> [YAMLNode] {
        if case .sequence(let items) = node.value { return items }
        report(node.place, "\(what) is \(node.kind)", fix: "write a list: each item on a line that begins with '- '")
        return []
    }

    mutating func text(_ node: YAMLNode, _ what: String) -> String? {
        if case .scalar(let text) = node.value, !text.isEmpty { return text }
        report(node.place, "\(what) is \(node.kind)", fix: "write a text")
        return nil
    }

    mutating func number(_ node: YAMLNode, _ what: String, _ range: ClosedRange<Int>) -> Int? {
        if case .scalar(let text) = node.value, let number = Int(text), range.contains(number) { return number }
        report(
            node.place, "\(what) is \(node.kind)",
            fix: "write a whole number from \(range.lowerBound) to \(range.upperBound)")
        return nil
    }

    /// Small letters, digits and hyphens: names become folders, environment variables and arguments.
    mutating func name(_ node: YAMLNode, _ what: String) -> String? {
        guard let text = text(node, what) else { return nil }
        let allowed = text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") }
        guard allowed, text.utf8.count <= 40, (97...122).contains(text.utf8.first!), text.utf8.last != UInt8(ascii: "-") else {
            report(
                node.place, "\(what) is \"\(text.prefix(60))\"",
                fix: "use 1 to 40 small letters, digits and hyphens, beginning with a letter")
            return nil
        }
        return text
    }
}
