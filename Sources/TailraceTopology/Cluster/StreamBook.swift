import TailraceCore
package import TailraceStatus

/// What all agents have said of their streams, kept when an agent is gone: so that the audit knows what a killed edge had sent.
package struct StreamBook: Sendable {
    private struct Key: Hashable {
        var agent: String
        var stream: StreamID
    }
    private var streams: [Key: KnownStream] = [:]
    private var endedOrder: [Key] = []
    /// Streams that ended and are remembered; the oldest is forgotten first.
    package static let mostEnded = 1_000

    package init() {}

    package var known: [KnownStream] {
        streams.values.sorted { ($0.agent, $0.channel, $0.stream) < ($1.agent, $1.channel, $1.stream) }
    }

    /// A status of an agent that runs (all its components have started): what it does not name any more, it has forgotten.
    package mutating func heard(_ agent: String, _ status: [AgentStatus.Stream]) {
        var named: Set<Key> = []
        for stream in status {
            let key = Key(agent: agent, stream: stream.stream), before = streams[key]
            named.insert(key)
            // A number that was given stays given, also if a restarted agent has not yet read all of its own log.
            streams[key] = KnownStream(
                agent: agent, source: stream.source, channel: stream.channel, stream: stream.stream,
                submitted: max(stream.submitted, before?.submitted ?? 0), safe: max(stream.safe, before?.safe ?? 0),
                state: .live)
        }
        for key in streams.keys where key.agent == agent && !named.contains(key) && streams[key]!.state != .ended {
            streams[key]!.state = .ended
            endedOrder.append(key)
        }
        while endedOrder.count > Self.mostEnded { streams[endedOrder.removeFirst()] = nil }
    }

    /// Its process is gone.
    package mutating func exited(_ agent: String) {
        for key in streams.keys where key.agent == agent && streams[key]!.state == .live { streams[key]!.state = .down }
    }
}
