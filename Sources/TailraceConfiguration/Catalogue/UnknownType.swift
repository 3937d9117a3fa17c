import TailraceCommandLine
import TailraceCore

/// What is told of a type that this program does not have: never only that it is unknown, but the reason and the nearest
/// thing that works.
struct UnknownType {
    /// "source", "interceptor" …
    var noun: String
    /// What there is, for the remedy.
    var types: [String]
    /// All names of these.
    var names: [String]
    var flume: [FlumeTypes.Known]

    private static func remedy(_ types: [String]) -> String {
        types.isEmpty ? "take it out" : "use one of \(types.joined(separator: ", "))"
    }

    /// The same for the check and the manual. `types`: what there is of the kind.
    static func refusal(_ known: FlumeTypes.Known, _ types: [String]) -> (reason: String?, instead: String) {
        (known.refusal?.reason, known.refusal?.instead ?? remedy(types))
    }

    func problem(_ type: ConfigurationEntry, prefix: String) -> ConfigurationProblem {
        let remedy = Self.remedy(types)
        if let known = flume.first(where: { $0.isNamed(type.value) }) {
            let refused = "Flume's \(noun) \"\(known.alias ?? known.className)\" is not supported"
            let told = Self.refusal(known, types)
            return type.problem(
                .error, "configuration.unsupported", prefix: prefix,
                told.reason.map { "\(refused): \($0)" } ?? "\(refused) by this version of Tailrace", fix: told.instead)
        }
        if type.value.contains("."), !type.value.hasPrefix("org.apache.flume.") {
            let alike = alike(type.value).map { "the nearest here is \($0); or \(remedy)" }
            return type.problem(
                .error, "configuration.java-class", prefix: prefix,
                "the \(noun) \"\(type.value)\" is a Java class, which this program cannot load", fix: alike ?? remedy)
        }
        let near = Spelling.nearest(to: type.value, in: names + flume.flatMap(\.names)).map { "did you mean \"\($0)\"?" }
        let alike = alike(type.value).map { "the nearest here is \($0); or \(remedy)" }
        return type.problem(
            .error, "configuration.unknown-type", prefix: prefix, "there is no \(noun) \"\(type.value)\"",
            fix: near ?? alike ?? remedy)
    }

    /// Of the types there are, the one whose name the class's own name contains; the longest of several.
    private func alike(_ name: String) -> String? {
        guard name.contains(".") else { return nil }
        let simple = TypeName.folded(String(name.split(separator: ".").last ?? "")).filter { $0 != "_" }
        return types.filter { simple.contains(TypeName.folded($0).filter { $0 != "_" }) }.max { $0.count < $1.count }
    }
}
