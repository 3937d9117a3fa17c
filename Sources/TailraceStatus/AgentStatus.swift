package import TailraceCore

/// What an agent says of itself: one JSON document per connection on `admin.sock` in its state directory. The client sends
/// ``request``, the agent answers with ``json()`` and closes. The live view, the audit and the metrics stand on it.
package struct AgentStatus: Codable, Hashable, Sendable {
    package enum State: String, Codable, Sendable { case starting, running, stopping }
    package enum Kind: String, Codable, Sendable { case source, channel, sink, group }
    package enum HealthWord: String, Codable, Sendable { case starting, ok, degraded, failed }

    package struct Component: Codable, Hashable, Sendable {
        /// "edge.sources.r1"
        package var name: String
        package var kind: Kind
        /// The alias of its declaration: "taildir".
        package var type: String
        package var health: HealthWord
        /// The error behind `degraded` and `failed`, else empty.
        package var message: String
        /// They only grow; names end in `_total`.
        package var counters: [String: Int]
        /// Values of this moment: a channel's `events`, `capacity_events` …
        package var gauges: [String: Int]

        package init(
            name: String, kind: Kind, type: String, health: Health, counters: [String: Int] = [:], gauges: [String: Int] = [:]
        ) {
            (self.name, self.kind, self.type, self.counters, self.gauges) = (name, kind, type, counters, gauges)
            switch health {
            case .starting: (self.health, message) = (.starting, "")
            case .ok: (self.health, message) = (.ok, "")
            case .degraded(let error): (self.health, message) = (.degraded, error.description)
            case .failed(let error): (self.health, message) = (.failed, error.description)
            }
        }
    }

    /// What one source has put into one channel, for streams that begin in this agent.
    package struct Stream: Codable, Hashable, Sendable {
        package var source: String
        package var channel: String
        /// 16 hexadecimal digits.
        package var stream: StreamID
        /// Numbers given: 0..<submitted.
        package var submitted: UInt64
        /// Answered as safe, without a gap: 0..<safe.
        package var safe: UInt64

        package init(source: String, channel: String, stream: StreamID, submitted: UInt64, safe: UInt64) {
            (self.source, self.channel, self.stream) = (source, channel, stream)
            (self.submitted, self.safe) = (submitted, safe)
        }
    }

    package var agent: String
    package var pid: Int32
    package var state: State
    package var components: [Component]
    package var streams: [Stream]

    package init(agent: String, pid: Int32, state: State, components: [Component] = [], streams: [Stream] = []) {
        (self.agent, self.pid, self.state, self.components, self.streams) = (agent, pid, state, components, streams)
    }

    /// The socket's name in the agent's state directory.
    package static let socketName = "admin.sock"
    /// What the client sends, first and only.
    package static let request = "GET status\n"
    /// A longer request is refused, and a longer answer is not read.
    package static let largestRequestBytes = 256
    package static let largestAnswerBytes = 8 << 20
}

extension StreamID {
    /// From 16 hexadecimal digits.
    package init?(digits: String) {
        guard digits.utf8.count == 16, digits.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
            let value = UInt64(digits, radix: 16)
        else { return nil }
        self.init(value: value)
    }
}

/// As its text, so that no JSON reader rounds it to a floating-point number.
extension StreamID: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer(), text = try container.decode(String.self)
        guard let stream = StreamID(digits: text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "a stream is 16 hexadecimal digits")
        }
        self = stream
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
