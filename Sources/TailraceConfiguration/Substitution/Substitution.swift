import TailraceCore

/// Replaces `${…}` in values, as Flume does: `${env:X}`, `${sys:x}`, `${key}` of the same configuration, `${…:-default}`,
/// names within names, `$${…}` for a literal `${…}`; and `${filter['key']}` of the agent's config filters. In whatever order
/// the lines stand. What cannot be resolved stays as it is written, and is told.
struct Substitution {
    private let properties: PropertySet
    private let environment: [String: String]
    private let definitions: [String: String]
    private let filters: [String: ConfigurationFilter]
    /// Keys that were expanded for the sake of another one.
    private var known: [String: String] = [:]
    /// Keys that are being expanded, the outermost first.
    private var open: [String] = []
    private var entry = ConfigurationEntry(key: "", value: "")
    private var problems: [ConfigurationProblem] = []
    /// Bytes of all results so far: references behind references can multiply.
    private var spent = 0

    init(
        _ properties: PropertySet, environment: [String: String], definitions: [String: String],
        filters: [String: ConfigurationFilter] = [:]
    ) {
        (self.properties, self.environment, self.definitions) = (properties, environment, definitions)
        self.filters = filters
    }

    /// The entry with its value expanded. The same problem of the same line is told once.
    mutating func expand(_ entry: ConfigurationEntry, _ told: inout [ConfigurationProblem]) -> ConfigurationEntry {
        guard entry.value.utf8.contains(UInt8(ascii: "$")) else { return entry }
        (self.entry, problems) = (entry, [])
        var result = entry
        open = [entry.key]
        do throws(Stop) { result.value = try expand(entry.value, depth: 0) } catch { tell(error) }
        for problem in problems where !told.contains(problem) { told.append(problem) }
        return result
    }

    /// Why the whole value stays as it is written.
    private struct Stop: Error {
        var code: String
        var message: String
        var fix: String
    }
    private mutating func tell(_ stop: Stop) {
        problems.append(entry.problem(.error, stop.code, stop.message, fix: stop.fix))
    }

    private mutating func expand(_ text: String, depth: Int) throws(Stop) -> String {
        guard depth < Limits.configurationNesting else {
            throw Stop(
                code: "configuration.nesting", message: "${…} is nested deeper than \(Limits.configurationNesting) levels",
                fix: "use fewer names within names")
        }
        let template = Template(text)
        guard template.hasReferences else { return text }
        var result = ""
        for piece in template.pieces {
            switch piece {
            case .text(let text): result += text
            case .reference(let inner, let fallback): result += try value(of: inner, fallback, depth: depth)
            }
            guard result.utf8.count <= Limits.configurationValueBytes else {
                throw Stop(
                    code: "configuration.value-size",
                    message: "the value grows over \(Limits.configurationValueBytes) bytes when its names are replaced",
                    fix: "look at what its names refer to")
            }
        }
        spent += result.utf8.count
        guard spent <= 16 * Limits.configurationValueBytes else {
            throw Stop(
                code: "configuration.value-size",
                message: "all values together grow over \(16 * Limits.configurationValueBytes) bytes when names are replaced",
                fix: "look at what its names refer to")
        }
        return result
    }

    /// What is not resolved stays as it is written, and is told.
    private mutating func value(of nameText: String, _ fallback: String?, depth: Int) throws(Stop) -> String {
        let name = try expand(nameText, depth: depth + 1)
        if let found = try lookUp(name, depth: depth) { return found }
        if let fallback { return try expand(fallback, depth: depth + 1) }
        let (message, fix) = reason(name)
        problems.append(
            entry.problem(.warning, "configuration.unresolved", "${\(nameText)} stays as it is written: \(message)", fix: fix))
        return "${\(nameText)}"
    }

    private mutating func lookUp(_ name: String, depth: Int) throws(Stop) -> String? {
        if let (filter, key) = Self.filterReference(name), let filter = filters[filter] {
            return filter.value(key, environment)
        }
        if name.hasPrefix("env:"), let value = environment[String(name.dropFirst(4))] {
            return try expand(value, depth: depth + 1)
        }
        if name.hasPrefix("sys:"), let value = definitions[String(name.dropFirst(4))] {
            return try expand(value, depth: depth + 1)
        }
        if let property = properties[name] {
            if let done = known[name] { return done }
            guard !open.contains(name) else {
                throw Stop(
                    code: "configuration.loop", message: "refers to itself: \((open + [name]).joined(separator: " → "))",
                    fix: "break the circle")
            }
            let referring = entry
            entry = property  // what is odd in its line is told there
            open.append(name)
            let value = try expand(property.value, depth: depth + 1)
            open.removeLast()
            entry = referring
            known[name] = value
            return value
        }
        return readsBareNames ? environment[name] : nil
    }

    /// How Flume up to 1.9 was told to replace `${NAME}` by environment variables.
    private var readsBareNames: Bool {
        definitions["propertiesImplementation"] == "org.apache.flume.node.EnvVarResolverProperties"
    }

    /// `f1['key']`, `f1["key"]`, `f1[key]`.
    static func filterReference(_ name: String) -> (filter: String, key: String)? {
        guard let bracket = name.firstIndex(of: "["), name.hasSuffix("]"), bracket > name.startIndex else { return nil }
        var key = name[name.index(after: bracket)...].dropLast()
        if let quote = key.first, quote == "'" || quote == "\"" {
            guard key.count >= 2, key.last == quote else { return nil }
            key = key.dropFirst().dropLast()
        }
        guard !key.isEmpty,
            key.unicodeScalars.allSatisfy({ "-_".unicodeScalars.contains($0) || $0.properties.isAlphabetic || $0.isDigit })
        else { return nil }
        return (String(name[..<bracket]), String(key))
    }

    private func reason(_ name: String) -> (message: String, fix: String) {
        if let (filter, key) = Self.filterReference(name) {
            return filters[filter] == nil
                ? ("there is no config filter \"\(filter)\"", "declare it: <agent>.configfilters.\(filter).type = env")
                : ("the config filter \"\(filter)\" has no value for \(key)", "set the environment variable \(key)")
        }
        if name.hasPrefix("env:") {
            let variable = name.dropFirst(4)
            return ("the environment has no \(variable)", "set \(variable), or write ${\(name):-default}")
        }
        if name.hasPrefix("sys:") {
            return ("no -D sets \(name.dropFirst(4))", "start with -D\(name.dropFirst(4))=…, or write ${\(name):-default}")
        }
        for kind in ["java:", "date:"] where name.hasPrefix(kind) {
            return ("\(kind.dropLast()) look-ups are not supported", "write the value itself, or take it from ${env:NAME}")
        }
        let fix =
            environment[name] == nil
            ? "set the key \(name), or write $${\(name)} for these very characters" : "write ${env:\(name)}"
        return ("no line sets the key \"\(name)\"", fix)
    }
}

extension Unicode.Scalar {
    fileprivate var isDigit: Bool { ("0"..."9").contains(self) }
}
