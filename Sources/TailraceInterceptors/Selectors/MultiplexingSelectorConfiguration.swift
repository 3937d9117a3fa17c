package import TailraceCore

package struct MultiplexingSelectorConfiguration: SelectorConfiguration {
    package var header = "flume.selector.header"
    /// By value of the header: names of channels that get the event.
    package var mapping: [String: [String]] = [:]
    /// For events with another value, or without the header. nil: not given.
    package var initial: [String]?
    package var optional: [String: [String]] = [:]
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "multiplexing", classNames: ["org.apache.flume.channel.MultiplexingChannelSelector"],
        summary:
            "A header's value says which channels get an event. A channel that is required for one value is required for all: its events are never dropped.",
        keys: [
            .value("header", \.header, .headerName, "The header that is looked at."),
            .family(
                "mapping.<value>",
                "Channels for events with this value: exact, in this case of letters. Separated by blanks."
            ) { target, captured, text throws(TailraceError) in
                target.mapping[captured[0]] = try channels(text)
                return nil
            },
            .custom(
                "default", unit: "names separated by blanks",
                "Channels for events with another value, or without the header. Without it they go nowhere, and are counted in unrouted_events_total."
            ) { target, _, text throws(TailraceError) in
                target.initial = try channels(text)
                return nil
            },
            .family(
                "optional.<value>",
                "Channels that are tried once for events with this value and not waited for; what they refuse is counted in optional_channel_lost_events_total."
            ) { target, captured, text throws(TailraceError) in
                target.optional[captured[0]] = try channels(text)
                return nil
            },
        ])

    private static func channels(_ text: String) throws(TailraceError) -> [String] {
        let names = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard !names.isEmpty else {
            throw TailraceError(
                code: "configuration.range", message: "no channel is named", fix: "name one, or remove the line")
        }
        return names
    }

    package func problems() -> [ConfigurationProblem] {
        guard mapping.isEmpty, initial == nil, optional.isEmpty else { return [] }
        return [
            ConfigurationProblem(
                .error, code: "configuration.missing-key", key: "",
                message: "multiplexing without a mapping and a default sends every event nowhere",
                fix: "add mapping.<value> = <channels> and default = <channels>")
        ]
    }

    package var namedChannels: [(key: String, names: [String])] {
        func named(_ family: String, _ values: [String: [String]]) -> [(key: String, names: [String])] {
            values.sorted { $0.key < $1.key }.map { ("\(family).\($0.key)", $0.value) }
        }
        return named("mapping", mapping) + [("default", initial ?? [])] + named("optional", optional)
    }

    package func problems(channels: [String]) -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        for (value, names) in optional.sorted(by: { $0.key < $1.key }) {
            for name in names where required.contains(name) && mapping[value]?.contains(name) != true {
                problems.append(
                    ConfigurationProblem(
                        .note, code: "configuration.optional-and-required", key: "optional.\(value)",
                        message: "\"\(name)\" is required for other events, so it is waited for with these too",
                        fix: "use a channel of its own for what may be lost"))
            }
        }
        if initial == nil {
            problems.append(
                ConfigurationProblem(
                    .warning, code: "configuration.no-default", key: "type",
                    message: "events whose header \"\(header)\" has another value, or which have no such header, go nowhere",
                    fix: "add default = <channels>, or leave it: they are counted in unrouted_events_total"))
        }
        let used = required.union(optional.values.joined())
        for name in channels where !used.contains(name) {
            problems.append(
                ConfigurationProblem(
                    .warning, code: "configuration.unused-channel", key: "type",
                    message: "no mapping names the channel \"\(name)\": it gets nothing",
                    fix: "add it to a mapping, or take it out of the source's channels"))
        }
        return problems
    }

    package var required: Set<String> { Set(mapping.values.joined()).union(initial ?? []) }

    package func optional(_ channels: [String]) -> [String] { channels.filter { !required.contains($0) } }

    package func makeSelector(_ channels: [String], _ environment: Environment) -> any ChannelSelector {
        let required = required
        func indices(_ names: [String]) -> [Int] { channels.indices.filter { names.contains(channels[$0]) } }
        let values = Set(mapping.keys).union(optional.keys).sorted()
        // A value that has only optional channels has the default's required ones, as in Flume.
        let routes = values.map { value in
            MultiplexingSelector.Route(value, indices((mapping[value] ?? initial ?? []) + (optional[value] ?? [])))
        }
        return MultiplexingSelector(
            header, routes, otherwise: indices(initial ?? []), isRequired: channels.map(required.contains),
            unrouted: environment.counter("unrouted_events_total"))
    }
}
