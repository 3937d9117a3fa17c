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
    var selector = ConfiguredPart(name: "selector", type: "replicating", configuration: ReplicatingSelectorConfiguration())
    var acknowledge = Acknowledge.safe
    var interceptors: [ConfiguredPart] = []

    static func declaration(_ catalogue: Catalogue) -> Declaration<SourceWiring> {
        Declaration(
            type: "a source", summary: "Keys of every source.",
            keys: [
                .value(
                    "channels", \.channels, Allowed("at least one") { !$0.isEmpty }, isRequired: true,
                    "The channels that it puts its events into."),
                .part(
                    "selector", typeKey: "selector.type", \.selector, of: catalogue.selectors,
                    "Which channels get an event."),
                .value(
                    "acknowledge", \.acknowledge, .anything,
                    "When it answers for its events: safe, when no crash of this process can lose them; committed, when they are in its channels (as Flume does: a crash loses what is in a memory channel)."
                ),
                .parts(
                    "interceptors", \.interceptors, of: catalogue.interceptors, "Change or drop events, in this order."),
                .ignored("config", because: noStub),
            ])
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
