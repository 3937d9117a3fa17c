package import TailraceCore

/// The protocol's versions that this agent speaks. Every version has the same ``Refused``.
package enum ProtocolVersion {
    package static let spoken: ClosedRange<UInt32> = 1...1

    /// The highest that both speak.
    package static func common(with theirs: ClosedRange<UInt32>) -> UInt32? {
        let high = min(spoken.upperBound, theirs.upperBound)
        return high >= max(spoken.lowerBound, theirs.lowerBound) ? high : nil
    }
}

/// How much a client may have sent without an answer; one batch is always allowed.
package struct SendWindow: Hashable, Sendable {
    package var batches: Int
    package var size: BatchSize
    package init(batches: Int, size: BatchSize) { (self.batches, self.size) = (batches, size) }
}

package struct Hello: Hashable, Sendable {
    package var versions: ClosedRange<UInt32>
    package var agent: String
    package var compression: [Compression]
    /// What its sender reads.
    package var largestFrame: Int
    /// Whose runs the reply is to tell.
    package var streams: [StreamID]

    package init(
        versions: ClosedRange<UInt32> = ProtocolVersion.spoken, agent: String, compression: [Compression], largestFrame: Int,
        streams: [StreamID] = []
    ) {
        (self.versions, self.agent, self.compression) = (versions, agent, compression)
        (self.largestFrame, self.streams) = (largestFrame, streams)
    }
}

package struct HelloReply: Hashable, Sendable {
    package var version: UInt32
    package var agent: String
    /// What the client may use.
    package var compression: Compression
    package var largestFrame: Int
    package var window: SendWindow
    /// Numbers that the server has: a hint that saves sending.
    package var held: [HeldRuns]

    package struct HeldRuns: Hashable, Sendable {
        package var stream: StreamID
        package var runs: [Range<UInt64>]
        package init(stream: StreamID, runs: [Range<UInt64>]) { (self.stream, self.runs) = (stream, runs) }
    }
    package init(
        version: UInt32 = ProtocolVersion.spoken.upperBound, agent: String, compression: Compression, largestFrame: Int,
        window: SendWindow, held: [HeldRuns] = []
    ) {
        (self.version, self.agent, self.compression) = (version, agent, compression)
        (self.largestFrame, self.window, self.held) = (largestFrame, window, held)
    }
}

package struct BatchReply: Hashable, Sendable {
    package enum Status: Hashable, Sendable {
        case ok
        /// Nothing is certain.
        case failed(code: String, reason: String, retryAfter: Duration)
        /// Will never be taken.
        case rejected(code: String, reason: String)
        case notOwner(hint: Endpoint?)
    }
    package var call: UInt64
    package var status: Status
    /// Replaces the former one. nil: it stays.
    package var window: SendWindow?

    package init(call: UInt64, status: Status, window: SendWindow? = nil) {
        (self.call, self.status, self.window) = (call, status, window)
    }
}

package struct Refused: Hashable, Sendable {
    package var code: String
    package var reason: String
    package var versions: ClosedRange<UInt32>

    package init(code: String, reason: String, versions: ClosedRange<UInt32> = ProtocolVersion.spoken) {
        (self.code, self.reason, self.versions) = (code, reason, versions)
    }
    package init(_ error: TailraceError) { self.init(code: error.code, reason: error.message) }
}

/// Every message but ``MessageKind/appendBatch``, which has its own coder (``BatchEncoder``, ``BatchDecoder``).
package enum ControlMessage: Hashable, Sendable {
    case hello(Hello)
    case helloReply(HelloReply)
    case batchReply(BatchReply)
    case ping(UInt64)
    case pong(UInt64)
    case goAway(String)
    case refused(Refused)

    package var kind: MessageKind {
        switch self {
        case .hello: .hello
        case .helloReply: .helloReply
        case .batchReply: .batchReply
        case .ping: .ping
        case .pong: .pong
        case .goAway: .goAway
        case .refused: .refused
        }
    }
}
