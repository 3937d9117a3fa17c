import TailraceConfiguration
import TailraceCore
import TailraceRuntime
import Testing

/// A configuration in the shape that Flume's user guide shows for a component, in our own words.
struct GuideExample: Sendable, CustomTestStringConvertible {
    /// What the check must say of it.
    enum Outcome: Sendable {
        /// It starts as it stands.
        case starts
        /// One error, of the line with this key, with this in its message and in its remedy.
        case refused(key: String, because: String, instead: String)
    }
    let name: String
    let text: String
    let outcome: Outcome
    var testDescription: String { name }

    /// `text`: whole, of agent a1.
    static func agent(_ name: String, _ text: String, _ outcome: Outcome = .starts) -> GuideExample {
        GuideExample(name: name, text: text, outcome: outcome)
    }
    /// `lines`: keys of the source r1, with the rest of the agent around them.
    static func source(_ name: String, _ lines: String, _ outcome: Outcome = .starts) -> GuideExample {
        agent(name, around("sources.r1", lines, channel: "type = memory", sink: "type = null"), outcome)
    }
    static func channel(_ name: String, _ lines: String, _ outcome: Outcome = .starts) -> GuideExample {
        agent(name, around("", "", channel: lines, sink: "type = null"), outcome)
    }
    static func sink(_ name: String, _ lines: String, _ outcome: Outcome = .starts) -> GuideExample {
        agent(name, around("", "", channel: "type = memory", sink: lines), outcome)
    }

    static func notSupported(_ noun: String, _ type: String, _ because: String, instead: String) -> Outcome {
        .refused(
            key: "a1.\(noun)s.\(noun == "source" ? "r1" : noun == "channel" ? "c1" : "k1").type",
            because: "Flume's \(noun) \"\(type)\" is not supported: \(because)", instead: instead)
    }

    private static func around(_ place: String, _ lines: String, channel: String, sink: String) -> String {
        func behind(_ place: String, _ lines: String) -> String {
            lines.split(separator: "\n").map { "a1.\(place).\($0)\n" }.joined()
        }
        return "a1.sources = r1\na1.channels = c1\na1.sinks = k1\na1.sources.r1.channels = c1\na1.sinks.k1.channel = c1\n"
            + behind(place.isEmpty ? "sources.r1" : place, place.isEmpty ? "type = seq" : lines)
            + behind("channels.c1", channel) + behind("sinks.k1", sink)
    }

    /// With the catalogue of the program, and the environment that the guide's examples need.
    var loaded: LoadedConfiguration {
        ConfigurationLoader.load(
            files: [("guide.properties", Array(text.utf8))], agent: "a1",
            environment: ["NC_PORT": "44444", "KAFKA_PASSWORD": "secret"], catalogue: .standard())
    }
}
