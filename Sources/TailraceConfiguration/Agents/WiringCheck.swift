import TailraceCommandLine
import TailraceCore

/// What no component can know alone: whether the names that they give each other exist, and fit together.
struct WiringCheck {
    private let plan: AgentPlan
    private let lines: AgentLines
    /// All that the file means to have, whether it could be read or not: no mistake is told a second time here.
    private let channelNames: [String]
    private(set) var problems: [ConfigurationProblem] = []

    init(_ plan: AgentPlan, _ lines: AgentLines) {
        (self.plan, self.lines) = (plan, lines)
        channelNames = Names.words(lines[.channels].list)
    }

    mutating func check() {
        checkLists()
        for source in plan.sources { check(source) }
        for sink in plan.sinks where !sink.channel.isEmpty { check(sink) }
        for channel in plan.channels { check(channel) }
    }

    /// Whether a channel is filled and emptied by others too.
    private func isShared(_ name: String) -> Bool {
        plan.channels.first { $0.part.name == name }?.part.configuration is any SharedChannelConfiguration
    }

    private mutating func checkLists() {
        if lines[.channels].list == nil { tellMissing("channels", "every agent needs a channel", .error) }
        let hasSources = lines[.sources].list != nil, hasSinks = lines[.sinks].list != nil
        let areShared = !channelNames.isEmpty && channelNames.allSatisfy(isShared)
        switch (hasSources, hasSinks) {
        case (false, false): tellMissing("sources", "it has neither sources nor sinks, so there is nothing to do", .error)
        case (false, true) where !areShared:
            tellMissing("sources", "it has no sources: nothing comes into its channels", .warning)
        case (true, false) where !areShared:
            tellMissing("sinks", "it has no sinks: its channels fill up and stay full", .warning)
        default: break
        }
    }
    private mutating func tellMissing(_ list: String, _ message: String, _ severity: ConfigurationProblem.Severity) {
        problems.append(
            lines.first.problem(
                severity, "configuration.no-\(list)", key: "\(lines.name).\(list)", prefix: "", message,
                fix: "add \(lines.name).\(list) = <names>"))
    }

    private mutating func check(_ source: PlannedSource) {
        let list = line(.sources, source.part.name, "channels")
        let known = source.channels.filter { isKnown($0, list, source.fullName) }
        checkSelector(source)
        checkCustody(source)
        guard let batching = source.part.configuration as? any BatchingConfiguration else { return }
        for name in known { compare(batching, source.fullName, .sources, source.part.name, name, "is cut into pieces of") }
    }

    private mutating func checkSelector(_ source: PlannedSource) {
        guard !source.channels.isEmpty, let selector = source.selector.configuration as? any SelectorConfiguration else {
            return
        }
        func line(_ key: String) -> ConfigurationEntry {
            self.line(.sources, source.part.name, "selector.\(key)", or: "selector.type")
        }
        for (key, names) in selector.namedChannels {
            for name in names where !source.channels.contains(name) {
                let near = Spelling.nearest(to: name, in: source.channels).map { "did you mean \"\($0)\"?" }
                tell(
                    line(key), .error, "configuration.unknown-channel", source.fullName,
                    "\"\(name)\" is not among the source's channels: \(source.channels.joined(separator: " "))",
                    fix: near ?? "add it to \(source.fullName).channels too")
            }
        }
        for problem in selector.problems(channels: source.channels) {
            problems.append(
                line(problem.key).problem(
                    problem.severity, problem.code, key: "selector.\(problem.key)", prefix: source.fullName, problem.message,
                    fix: problem.fix))
        }
        let optional = selector.optional(source.channels)
        if source.channels.allSatisfy(optional.contains) {
            tell(
                line("optional"), .warning, "configuration.all-optional", source.fullName,
                "all channels are optional: what they refuse is lost, and the source is told that it is safe",
                fix: "take one of them out of selector.optional")
        }
    }

    private mutating func checkCustody(_ source: PlannedSource) {
        let volatile = plan.channels.filter {
            source.channels.contains($0.part.name) && !($0.part.configuration is any DurableChannelConfiguration)
        }
        guard source.acknowledge == .committed, !volatile.isEmpty else { return }
        let names = volatile.map(\.part.name).joined(separator: ", ")
        tell(
            line(.sources, source.part.name, "acknowledge"), .note, "configuration.committed", source.fullName,
            "committed answers for events that are in memory only: a crash loses what is in \(names)",
            fix: "write acknowledge = safe, or use a file channel")
    }

    private mutating func check(_ sink: PlannedSink) {
        guard isKnown(sink.channel, line(.sinks, sink.part.name, "channel"), sink.fullName),
            let batching = sink.part.configuration as? any BatchingConfiguration,
            line(.sinks, sink.part.name, type(of: batching).batchKey).key != "type"  // not for a default
        else { return }
        compare(
            batching, sink.fullName, .sinks, sink.part.name, sink.channel, "is never full: the channel has batches of at most")
    }

    private mutating func compare(
        _ batching: any BatchingConfiguration, _ fullName: String, _ kind: AgentLines.Kind, _ name: String, _ channel: String,
        _ what: String
    ) {
        let planned = plan.channels.first { $0.part.name == channel }
        guard let capacity = planned?.part.configuration as? any ChannelCapacityConfiguration else { return }
        let batch = batching.batchEvents, key = type(of: batching).batchKey
        guard batch > capacity.largestPutEvents else { return }
        let entry = line(kind, name, key)
        problems.append(
            entry.problem(
                .note, "configuration.batch-cut", key: key, prefix: fullName,
                "a batch of \(batch) events \(what) \(capacity.largestPutEvents) (transactionCapacity of \(channel))",
                fix: "raise \(lines.name).channels.\(channel).transactionCapacity to \(batch), or leave it"))
    }

    private mutating func check(_ channel: PlannedChannel) {
        let name = channel.part.name
        // By the lines, so that a source which could not be read counts.
        let isFed = uses(.sources, name), isDrained = uses(.sinks, name)
        let type = line(.channels, name, "type")
        switch (isFed, isDrained) {
        case (true, true): break
        case (true, false) where isShared(name), (false, true) where isShared(name): break
        case (false, false):
            tell(
                type, .warning, "configuration.unused-channel", channel.fullName, "no source and no sink uses this channel",
                fix: "connect it, or take it out of \(lines.name).channels")
        case (true, false) where lines[.sinks].list != nil:
            tell(
                type, .warning, "configuration.no-sink", channel.fullName,
                "no sink takes from this channel: it fills up and stays full", fix: "give a sink the line channel = \(name)")
        case (false, true) where lines[.sources].list != nil:
            tell(
                type, .warning, "configuration.no-source", channel.fullName, "no source puts into this channel",
                fix: "add it to the channels of a source")
        default: break
        }
    }

    /// Under `channel` or `channels`, in the list or not: which of them is right is told elsewhere.
    private func uses(_ kind: AgentLines.Kind, _ channel: String) -> Bool {
        lines[kind].entries.values.contains { entries in
            entries.contains { ["channel", "channels"].contains($0.key) && Names.words($0).contains(channel) }
        }
    }

    private mutating func isKnown(_ channel: String, _ line: ConfigurationEntry, _ fullName: String) -> Bool {
        if channelNames.contains(channel) { return true }
        let near = Spelling.nearest(to: channel, in: channelNames).map { "did you mean \"\($0)\"?" }
        tell(
            line, .error, "configuration.unknown-channel", fullName,
            "there is no channel \"\(channel)\"; the channels are: \(channelNames.joined(separator: ", "))",
            fix: near ?? "add it to \(lines.name).channels, or name one that is there")
        return false
    }

    /// The line of a component's key, or of its type.
    private func line(
        _ kind: AgentLines.Kind, _ name: String, _ key: String, or other: String = "type"
    ) -> ConfigurationEntry {
        let entries = lines[kind].entries[name] ?? []
        return entries.first { $0.key == key } ?? entries.first { $0.key == other } ?? entries.first { $0.key == "type" }
            ?? lines.first
    }

    private mutating func tell(
        _ entry: ConfigurationEntry, _ severity: ConfigurationProblem.Severity, _ code: String, _ prefix: String,
        _ message: String, fix: String
    ) {
        problems.append(entry.problem(severity, code, prefix: prefix, message, fix: fix))
    }
}
