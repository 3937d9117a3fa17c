import TailraceCommandLine
import TailraceCore

/// Makes the plan of one agent from its lines, and tells every mistake. The plan is complete only if none is an error.
struct AgentReader {
    private let lines: AgentLines
    private let catalogue: Catalogue
    private(set) var problems: [ConfigurationProblem] = []

    init(_ lines: AgentLines, _ catalogue: Catalogue) { (self.lines, self.catalogue) = (lines, catalogue) }

    mutating func read() -> AgentPlan {
        lines.tellMisfits(&problems)
        let channels = readChannels(), sources = readSources(), sinks = readSinks()
        let groups = readGroups(sinks)
        let plan = AgentPlan(name: lines.name, channels: channels, sources: sources, sinks: sinks, groups: groups)
        var wires = WiringCheck(plan, lines)
        wires.check()
        problems += wires.problems
        return plan
    }

    // MARK: - Components

    /// What a line of a component is for: its kind's common keys, or its type's own.
    private struct Reading<Wiring> {
        var type: String
        var wiring: Wiring
        var configuration: any ComponentConfiguration
        var fullName: String
    }

    /// nil: its type is unknown; the common keys were read all the same, for their mistakes.
    private mutating func read<Wiring, Make>(
        _ member: Members.Member, _ kind: AgentLines.Kind, _ section: CatalogueSection<Make>, _ wiring: Declaration<Wiring>
    ) -> Reading<Wiring>? {
        let fullName = "\(lines.name).\(kind.rawValue).\(member.name)"
        func isCommon(_ entry: ConfigurationEntry) -> Bool { wiring.recognises(entry.key) }
        let entry = section.find(member.type, prefix: fullName, &problems)
        let others = member.entries.filter { !isCommon($0) }
        let commonNames = wiring.keys.flatMap { key in [key.name] + others.flatMap { key.suggestions(for: $0.key) } }
        let own = entry?.read(others, fullName, ["type"] + commonNames, &problems)
        var parser = DeclarationParser(
            wiring, [member.type] + member.entries.filter(isCommon), prefix: fullName, alsoKnown: [],
            suggested: own?.suggested ?? [])
        let common = parser.parse()
        problems += parser.problems
        guard let entry, let own else { return nil }
        return Reading(type: entry.type, wiring: common, configuration: own.configuration, fullName: fullName)
    }

    private mutating func members<Make>(_ kind: AgentLines.Kind, _ section: CatalogueSection<Make>) -> [Members.Member] {
        lines[kind].listed(prefix: "\(lines.name).\(kind.rawValue)", types: section.entries.map(\.type), &problems)
    }

    private mutating func readChannels() -> [PlannedChannel] {
        members(.channels, catalogue.channels).compactMap { member in
            read(member, .channels, catalogue.channels, ChannelWiring.declaration).map {
                PlannedChannel(
                    fullName: $0.fullName,
                    part: ConfiguredPart(name: member.name, type: $0.type, configuration: $0.configuration))
            }
        }
    }

    private mutating func readSources() -> [PlannedSource] {
        let wiring = SourceWiring.declaration(catalogue)
        return members(.sources, catalogue.sources).compactMap { member in
            read(member, .sources, catalogue.sources, wiring).map {
                PlannedSource(
                    fullName: $0.fullName,
                    part: ConfiguredPart(name: member.name, type: $0.type, configuration: $0.configuration),
                    channels: $0.wiring.channels, selector: $0.wiring.selector,
                    acknowledge: $0.wiring.acknowledge.custody, interceptors: $0.wiring.interceptors)
            }
        }
    }

    private mutating func readSinks() -> [PlannedSink] {
        members(.sinks, catalogue.sinks).compactMap { member in
            read(member, .sinks, catalogue.sinks, SinkWiring.declaration).map {
                PlannedSink(
                    fullName: $0.fullName,
                    part: ConfiguredPart(name: member.name, type: $0.type, configuration: $0.configuration),
                    channel: $0.wiring.channel)
            }
        }
    }

    // MARK: - Sink groups

    private mutating func readGroups(_ sinks: [PlannedSink]) -> [PlannedGroup] {
        let prefix = "\(lines.name).sinkgroups"
        var groups: [PlannedGroup] = [], owner: [String: String] = [:]
        for (name, entries) in lines[.sinkgroups].named(prefix: prefix, key: "sinks", &problems) {
            let fullName = "\(prefix).\(name)"
            guard let (members, list) = readMembers(entries, fullName) else { continue }
            var listed: [String] = []
            for sink in members where isMember(sink, list, fullName, owner[sink]) {
                owner[sink] = name
                listed.append(sink)
            }
            guard !listed.isEmpty, let processor = readProcessor(entries, fullName, sinks: listed, list) else { continue }
            let planned = listed.compactMap { sink in sinks.first { $0.part.name == sink } }
            let channels = Set(planned.map(\.channel)).subtracting([""]).sorted()
            if channels.count > 1 {
                tell(
                    list, .error, "configuration.group-channels", fullName,
                    "the sinks of a group take from one channel, these from \(channels.joined(separator: ", "))",
                    fix: "give all of them the same channel")
            }
            groups.append(
                PlannedGroup(fullName: fullName, channel: planned.first?.channel ?? "", sinks: listed, processor: processor))
        }
        return groups + sinks.filter { owner[$0.part.name] == nil }.map(single)
    }

    private func single(_ sink: PlannedSink) -> PlannedGroup {
        let entry = catalogue.processors["default"]
        let processor = ConfiguredPart(
            name: "processor", type: "default", configuration: entry?.initial ?? NoConfiguration())
        return PlannedGroup(fullName: sink.fullName, channel: sink.channel, sinks: [sink.part.name], processor: processor)
    }

    /// The names of the group's list, and its line.
    private mutating func readMembers(_ entries: [ConfigurationEntry], _ fullName: String) -> ([String], ConfigurationEntry)? {
        let own = entries.filter { !$0.key.hasPrefix("processor.") }
        var parser = DeclarationParser(
            GroupWiring.declaration, own.isEmpty ? [entries[0].renamed("type")] : own, prefix: fullName,
            alsoKnown: ["processor.type"])
        _ = parser.parse()
        problems += parser.problems
        guard let list = own.first(where: { $0.key == "sinks" }) else { return nil }
        return (Names(list, &problems, prefix: "\(fullName).sinks").list, list)
    }

    private mutating func isMember(
        _ sink: String, _ list: ConfigurationEntry, _ fullName: String, _ owner: String?
    ) -> Bool {
        if let owner {
            tell(
                list, .error, "configuration.two-groups", fullName, "the sink \"\(sink)\" is in the group \"\(owner)\" already",
                fix: "leave it in one of the two")
            return false
        }
        let names = Names.words(lines[.sinks].list)
        guard !names.contains(sink) else { return true }
        let near = Spelling.nearest(to: sink, in: names).map { "did you mean \"\($0)\"?" }
        tell(
            list, .error, "configuration.unknown-sink", fullName,
            "there is no sink \"\(sink)\"; the sinks are: \(names.joined(separator: ", "))",
            fix: near ?? "take it out of the list, or add it to \(lines.name).sinks")
        return false
    }

    private mutating func readProcessor(
        _ entries: [ConfigurationEntry], _ fullName: String, sinks: [String], _ list: ConfigurationEntry
    ) -> ConfiguredPart? {
        let inner = entries.filter { $0.key.hasPrefix("processor.") }.map { $0.renamed(String($0.key.dropFirst(10))) }
        let place = "\(fullName).processor"
        var type = inner.first { $0.key == "type" }
        if type == nil, sinks.count == 1 { type = list.renamed("type", value: "default") }
        guard let type else {
            let types = catalogue.processors.entries.map(\.type).filter { $0 != "default" }
            problems.append(
                list.problem(
                    .error, "configuration.missing-key", key: "type", prefix: place,
                    "a group of \(sinks.count) sinks needs a processor",
                    fix: "add \(place).type = <\(types.joined(separator: ", "))>"))
            return nil
        }
        guard let entry = catalogue.processors.find(type, prefix: place, &problems) else { return nil }
        let before = problems.count
        let reading = entry.read(inner.contains { $0.key == "type" } ? inner : [type] + inner, place, [], &problems)
        if !problems[before...].contains(where: { $0.severity == .error }) {
            // A processor is a value: making it shows what is wrong between its keys and the group's sinks.
            do throws(TailraceError) { _ = try entry.make(reading.configuration, sinks) } catch {
                problems.append(
                    type.problem(.error, error.code, prefix: place, error.message, fix: error.fix))
            }
        }
        return ConfiguredPart(name: "processor", type: entry.type, configuration: reading.configuration)
    }

    private mutating func tell(
        _ entry: ConfigurationEntry, _ severity: ConfigurationProblem.Severity, _ code: String, _ prefix: String,
        _ message: String, fix: String
    ) {
        problems.append(entry.problem(severity, code, prefix: prefix, message, fix: fix))
    }
}

extension ConfigurationEntry {
    func renamed(_ key: String, value: String? = nil) -> ConfigurationEntry {
        ConfigurationEntry(key: key, value: value ?? self.value, file: file, line: line)
    }
}
