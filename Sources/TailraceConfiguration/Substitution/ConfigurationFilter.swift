import TailraceCommandLine
import TailraceCore

/// "edge.configfilters = f1", "edge.configfilters.f1.type = env": where `${f1['key']}` takes its values from.
struct ConfigurationFilter {
    /// Only environment variables: running a program or opening a Java key store is not for a collector.
    func value(_ key: String, _ environment: [String: String]) -> String? { environment[key] }

    private static let supported = ["env", "org.apache.flume.configfilter.environmentvariableconfigfilter"]
    private static let refused = [
        "external": "runs a program for each value", "hadoop": "needs Hadoop's Java credential store",
        "org.apache.flume.configfilter.externalprocessconfigfilter": "runs a program for each value",
        "org.apache.flume.configfilter.hadoopcredentialstoreconfigfilter": "needs Hadoop's Java credential store",
    ]

    /// The filters of an agent by name. `prefix`: "edge.configfilters".
    static func read(
        _ members: Members, prefix: String, _ problems: inout [ConfigurationProblem]
    ) -> [String: ConfigurationFilter] {
        var filters: [String: ConfigurationFilter] = [:]
        for member in members.listed(prefix: prefix, types: ["env"], &problems) {
            let type = member.type, place = "\(prefix).\(member.name)", kind = type.value.lowercased()
            if supported.contains(kind) {
                filters[member.name] = ConfigurationFilter()
                for entry in member.entries where entry.key != "type" {
                    problems.append(
                        entry.problem(
                            .error, "configuration.unknown-key", prefix: place, "the filter env has no key \"\(entry.key)\"",
                            fix: "remove the line"))
                }
                continue
            }
            let near = Spelling.nearest(to: type.value, in: ["env", "external", "hadoop"])
            let why = refused[kind].map { "the config filter \"\(type.value)\" is not supported: it \($0)" }
            problems.append(
                type.problem(
                    .error, why == nil ? "configuration.unknown-type" : "configuration.unsupported", prefix: place,
                    why ?? "there is no config filter \"\(type.value)\"",
                    fix: why == nil && near != nil
                        ? "did you mean \"\(near!)\"?"
                        : "use \(place).type = env, and set the environment variables before the start"))
        }
        return filters
    }
}
