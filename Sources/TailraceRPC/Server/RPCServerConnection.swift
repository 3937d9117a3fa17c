package import TailraceCore

/// The server's side of one connection: what may come when, what is answered, when it has taken too long. A value without
/// IO, clock or memory; its owner feeds it what was decoded and does what it says.
package struct RPCServerConnection: Sendable {
    package struct Timeouts: Hashable, Sendable {
        /// From the accept to the whole Hello.
        package var handshake: Duration = .seconds(10)
        /// For a frame from its first byte on, beside one second for each ``bytesPerSecond``.
        package var frame: Duration = .seconds(30)
        /// From the last byte of a peer that keeps silent between frames; clients send a ping long before.
        package var idle: Duration = .seconds(180)
        package static let bytesPerSecond = 256 << 10
        package init() {}
    }
    package enum Phase: Hashable, Sendable {
        /// Can transition to: open, closing.
        case greeting
        /// Can transition to: draining, closing.
        case open
        /// GoAway was sent: what is open is answered, what still comes is answered with FAILED. Can transition to: closing.
        case draining
        /// Nothing is sent or expected any more but the peer's end.
        case closing
    }
    package enum Action: Hashable, Sendable {
        case none
        case send(ControlMessage)
        /// A batch may be submitted; ``answered()`` follows.
        case take
        /// Tell the peer (``ControlMessage/refused(_:)``), then close.
        case refuse(TailraceError)
        /// nil: as agreed.
        case close(TailraceError?)
    }

    package private(set) var phase = Phase.greeting
    /// Batches taken whose answer is owed.
    package private(set) var unanswered = 0
    /// For people: what the peer called itself.
    package private(set) var agent = ""
    /// Since when a part of a frame is here, and its size as far as known.
    private var frame: (since: Instant, bytes: Int)?
    private var lastHeard: Instant
    private let began: Instant
    private let timeouts: Timeouts

    package init(now: Instant, _ timeouts: Timeouts = Timeouts()) {
        (began, lastHeard) = (now, now)
        self.timeouts = timeouts
    }

    /// Bytes came, and after them part of a frame is here (or not). `bytes`: its size if the header is whole.
    package mutating func heard(partOfFrame: Bool, bytes: Int, now: Instant) {
        lastHeard = now
        guard partOfFrame else { return frame = nil }
        if frame == nil { frame = (now, bytes) } else { frame!.bytes = bytes }
    }
    /// The frame's time begins now: it had to wait for this side's memory.
    package mutating func frameResumed(now: Instant) {
        lastHeard = now
        frame?.since = now
    }

    package mutating func received(_ message: ControlMessage, reply: (Hello) -> HelloReply) -> Action {
        switch (phase, message) {
        case (.closing, _): return .none
        case (.greeting, .hello(let hello)):
            agent = hello.agent
            guard ProtocolVersion.common(with: hello.versions) != nil else {
                return refuse(.rpcVersion(theirs: hello.versions, ours: ProtocolVersion.spoken))
            }
            phase = .open
            return .send(.helloReply(reply(hello)))
        case (_, .refused(let refused)):
            phase = .closing
            return .close(.rpcRefused(code: refused.code, reason: refused.reason))
        case (.greeting, _): return refuse(.rpcUnexpected(message.kind, "before its Hello"))
        case (_, .ping(let number)): return .send(.pong(number))
        case (_, .pong): return .none
        case (_, .hello): return refuse(.rpcUnexpected(.hello, "twice"))
        case (_, .helloReply), (_, .batchReply), (_, .goAway):
            return refuse(.rpcUnexpected(message.kind, "although it is the client"))
        }
    }

    /// A batch is whole and decoded.
    package mutating func receivedBatch(call: UInt64) -> Action {
        switch phase {
        case .greeting: return refuse(.rpcUnexpected(.appendBatch, "before its Hello"))
        case .open:
            unanswered += 1
            return .take
        case .draining:
            let error = TailraceError.rpcGoAway("the agent is stopping")
            let status = BatchReply.Status.failed(code: error.code, reason: error.message, retryAfter: .seconds(1))
            return .send(.batchReply(BatchReply(call: call, status: status)))
        case .closing: return .none
        }
    }
    /// A batch that was taken has its answer.
    package mutating func answered() {
        precondition(unanswered > 0, "an answer without a batch")
        unanswered -= 1
    }

    package mutating func goAway(_ reason: String) -> Action {
        switch phase {
        case .greeting:
            phase = .closing
            return .close(nil)
        case .open:
            phase = .draining
            return .send(.goAway(reason))
        case .draining, .closing: return .none
        }
    }

    package mutating func refuse(_ error: TailraceError) -> Action {
        guard phase != .closing else { return .none }
        phase = .closing
        return .refuse(error)
    }
    package mutating func close() { phase = .closing }

    /// Now and then. `isWaiting`: the owner does not read, for want of memory or room: then silence is no fault of the peer's.
    package mutating func tick(now: Instant, isWaiting: Bool) -> Action {
        if phase == .closing { return .none }
        if phase == .greeting, now - began >= timeouts.handshake {
            return refuse(
                .rpcTimeout("no whole Hello came", timeouts.handshake, fix: "check that the peer is a Tailrace agent"))
        }
        if isWaiting { return .none }
        if let frame {
            let limit = timeouts.frame + .seconds(frame.bytes / Timeouts.bytesPerSecond)
            guard now - frame.since < limit else {
                return refuse(
                    .rpcTimeout(
                        "a frame of \(frame.bytes) bytes did not become whole", limit, fix: "look at the peer and the link"))
            }
            return .none
        }
        guard now - lastHeard < timeouts.idle else {
            phase = .closing
            let fix = "none needed if the peer is gone; else check that it sends pings"
            return .close(.rpcTimeout("the peer sent nothing", timeouts.idle, fix: fix))
        }
        return .none
    }
}
