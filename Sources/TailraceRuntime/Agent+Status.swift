package import TailraceCore
package import TailraceStatus

extension Agent {
    /// Of the streams that begin in this agent.
    package var streams: [StreamStatus] { sources.flatMap(\.output.streams) }

    /// What it says of itself on its socket. `values`: of the metrics registry, counters end in `_total`.
    package func status(pid: Int32, values: [(component: String, name: String, value: Int)]) -> AgentStatus {
        var counters: [String: [String: Int]] = [:], gauges: [String: [String: Int]] = [:]
        for (component, name, value) in values {
            if name.hasSuffix("_total") {
                counters[component, default: [:]][name] = value
            } else {
                gauges[component, default: [:]][name] = value
            }
        }
        func component(_ part: any Component, _ kind: AgentStatus.Kind, _ type: String) -> AgentStatus.Component {
            AgentStatus.Component(
                name: part.name, kind: kind, type: type, health: part.health, counters: counters[part.name] ?? [:],
                gauges: gauges[part.name] ?? [:])
        }
        let state: AgentStatus.State =
            switch self.state {
            case .new, .starting: .starting
            case .running: .running
            case .stopping, .stopped: .stopping
            }
        return AgentStatus(
            agent: name, pid: pid, state: state,
            components: sources.map { component($0.source, .source, $0.type) }
                + channels.map { component($0.channel, .channel, $0.type) } + sinks.map { component($0.sink, .sink, $0.type) },
            streams: sources.flatMap { source in
                source.output.streams.map {
                    AgentStatus.Stream(
                        source: source.source.name, channel: $0.channel, stream: $0.stream, submitted: $0.submitted,
                        safe: $0.safe)
                }
            })
    }
}
