import TailraceCommandLine
import TailraceCore

// Keys that every component of a kind has, declared like those of a component.

/// When a source answers: see the design's section on acknowledgement.
enum Acknowledge: String, Choice {
    case safe, committed
    var custody: Custody { self == .safe ? .safe : .committed }
}

private let noStub = "Flume's configuration stubs are not used; all keys are checked anyway"

struct SourceWiring: ComponentConfiguration {
    var channels: [String] = []
    var optionalChannels: [String] = []
    var acknowledge = Acknowledge.safe
    var interceptors: [ConfiguredPart] = []

    static func declaration(_ interceptors: [PartKind]) -> Declaration<SourceWiring> {
        Declaration(
            type: "a source", summary: "Keys of every source.",
            keys: [
                .value(
                    "channels", \.channels, Allowed("at least one") { !$0.isEmpty }, isRequired: true,
                    "The channels that it puts its events into."),
                .custom(
                    "selector.type", unit: "replicating", initial: "replicating",
                    "Which channels get an event; replicating: all of them."
                ) { _, _, text throws(TailraceError) in
                    try checkSelector(text)
                    return nil
                },
                .value(
                    "selector.optional", \.optionalChannels, .anything,
                    "Channels that are tried once and not waited for; what they refuse is counted."),
                .value(
                    "acknowledge", \.acknowledge, .anything,
                    "When it answers for its events: safe, when no crash of this process can lose them; committed, when they are in its channels (as Flume does: a crash loses what is in a memory channel)."
                ),
                .parts(
                    "interceptors", \.interceptors, of: interceptors, "Change or drop events, in this order."),
                .ignored("config", because: noStub),
            ])
    }

    static func isReplicating(_ type: String) -> Bool {
        FlumeTypes.selectors.contains { $0.alias == "replicating" && $0.isNamed(type) }
    }

    private static func checkSelector(_ type: String) throws(TailraceError) {
        if isReplicating(type) { return }
        let known = FlumeTypes.selectors.first { $0.isNamed(type) }
        let supported = "remove the line, or write selector.type = replicating"
        if let alias = known?.alias {
            throw TailraceError(
                code: "configuration.unsupported",
                message: "Flume's channel selector \"\(alias)\" is not supported by this version of Tailrace", fix: supported)
        }
        let near = Spelling.nearest(to: type, in: FlumeTypes.selectors.flatMap(\.names))
        throw TailraceError(
            code: "configuration.unknown-type", message: "there is no channel selector \"\(type)\"",
            fix: near.map { "did you mean \"\($0)\"?" } ?? supported)
    }
}

struct SinkWiring: ComponentConfiguration {
    var channel = ""
    static let declaration = Declaration<SinkWiring>(
        type: "a sink", summary: "Keys of every sink.",
        keys: [
            .value("channel", \.channel, .notEmpty, isRequired: true, "The one channel that it takes events from."),
            .ignored("config", because: noStub),
        ])
}

struct ChannelWiring: ComponentConfiguration {
    static let declaration = Declaration<ChannelWiring>(
        type: "a channel", summary: "Keys of every channel.", keys: [.ignored("config", because: noStub)])
}

struct GroupWiring: ComponentConfiguration {
    var sinks: [String] = []
    static let declaration = Declaration<GroupWiring>(
        type: "a sink group", summary: "Keys of every sink group.",
        keys: [
            .value(
                "sinks", \.sinks, Allowed("at least one") { !$0.isEmpty }, isRequired: true,
                "Its sinks; all take from one channel."),
            .ignored("config", because: noStub),
        ])
}

struct NoConfiguration: ComponentConfiguration {}
