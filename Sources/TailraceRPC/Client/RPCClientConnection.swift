package import TailraceCore
import TailraceWire

/// The client's side: connects, greets, sends what fits into the window, knows what became of each call. A value without
/// IO, clock or randomness of its own; its owner feeds it what happened and does what it says, in order.
///
/// Every call that was offered ends in exactly one of `delivered`, `rejected`, `notOwner`, `retry`.
package struct RPCClientConnection: Sendable {
    package struct Settings: Hashable, Sendable {
        package var agent = ""
        package var connectTimeout: Duration = .seconds(20)
        package var requestTimeout: Duration = .seconds(20)
        /// Silence after which a ping is sent, while nothing is owed.
        package var pingInterval: Duration = .seconds(30)
        /// Batches in flight at most, whatever the server grants.
        package var window = 16
        package var compression = Compression.none
        /// After this time the connection is made anew, to get a share of servers behind a load balancer.
        package var resetInterval: Duration?
        package var backoff = Backoff(first: .milliseconds(100), limit: .seconds(10))
        package init() {}
    }
    package enum Phase: Hashable, Sendable {
        /// Nothing there. Can transition to: connecting, stopped.
        case idle
        /// Can transition to: greeting, idle, stopped.
        case connecting
        /// Hello was sent. Can transition to: ready, idle, stopped.
        case greeting
        /// Can transition to: draining, idle, stopped.
        case ready
        /// Nothing new is sent; closed when the last answer is in. Can transition to: idle, stopped.
        case draining
        /// Can transition to: nothing.
        case stopped
    }
    package enum Action: Hashable, Sendable {
        case connect(deadline: Instant)
        case send(ControlMessage)
        case sendBatch(call: UInt64)
        case delivered(call: UInt64)
        case rejected(call: UInt64, TailraceError)
        case notOwner(call: UInt64, hint: Endpoint?)
        case retry(calls: [UInt64], TailraceError, after: Duration?)
        /// Also gives up an attempt to connect. The error is for the log; nil: as agreed.
        case close(TailraceError?)
        case ready(HelloReply)
    }
    private struct Call: Sendable {
        var number: UInt64
        var size: BatchSize
        /// When it was offered, or the connection became ready: the request time-out counts from here.
        var since: Instant
    }

    package private(set) var phase = Phase.idle
    /// What the server said last. Before: what is assumed of one.
    package private(set) var window: SendWindow
    package private(set) var largestFrame = Int.max
    package private(set) var compression = Compression.none
    private let settings: Settings
    /// In the order of their numbers; the first ``sent`` of them are in flight.
    private var calls: [Call] = []
    private var sent = 0
    private var sentSize = BatchSize.zero
    private var nextCall: UInt64 = 1
    private var nextPing: UInt64 = 1
    /// When the phase ends by itself: connecting, greeting.
    private var phaseDeadline: Instant?
    private var readySince: Instant?
    private var lastHeard = Instant(nanoseconds: 0)
    private var pingSent: Instant?
    private var failures = 0
    /// Draining ends in stopped.
    private var isStopping = false
    /// Draining ends in a new connection; what is offered meanwhile waits for it.
    private var isResetting = false
    /// No attempt to connect before; with what went wrong.
    private var blocked: (until: Instant, TailraceError)?

    package init(_ settings: Settings) {
        self.settings = settings
        window = SendWindow(batches: settings.window, size: .unlimited)
    }

    package var isIdle: Bool { calls.isEmpty }
    package var inFlight: Int { sent }
    /// Calls that it would accept. Not 0 because the peer is away: then they are answered with `retry`.
    package var openSlots: Int {
        guard phase != .stopped, sent == calls.count else { return 0 }
        return max(0, min(settings.window, window.batches) - calls.count)
    }

    // MARK: what its owner wants

    /// Connects before anything is offered.
    package mutating func warmUp(now: Instant) -> [Action] {
        guard phase == .idle, blocked.map({ $0.until <= now }) ?? true else { return [] }
        return connect(now)
    }

    package mutating func offer(_ size: BatchSize, now: Instant) -> (call: UInt64, actions: [Action]) {
        let call = nextCall
        nextCall += 1
        switch phase {
        case .idle:
            if let blocked, blocked.until > now {
                return (call, [.retry(calls: [call], blocked.1, after: blocked.until - now)])
            }
            calls.append(Call(number: call, size: size, since: now))
            return (call, connect(now))
        case .connecting, .greeting:
            calls.append(Call(number: call, size: size, since: now))
            return (call, [])
        case .ready:
            calls.append(Call(number: call, size: size, since: now))
            return (call, pump())
        case .draining where isResetting:
            calls.append(Call(number: call, size: size, since: now))
            return (call, [])
        case .draining:
            return (call, [.retry(calls: [call], .rpcGoAway("it is about to close"), after: .seconds(1))])
        case .stopped:
            return (call, [.retry(calls: [call], .stopped, after: nil)])
        }
    }

    /// The owner could not send it after all (it does not fit a frame): it has settled it already.
    package mutating func forget(call: UInt64) -> [Action] {
        remove(call)
        return pump()
    }

    /// Sends nothing new. What is in flight may finish until ``stop()``.
    package mutating func drain() -> [Action] {
        switch phase {
        case .idle, .connecting, .greeting:
            let actions = giveBack(calls, .stopped, after: nil)
            phase = .stopped
            return actions + [.close(nil)]
        case .ready, .draining:
            (phase, isStopping, isResetting) = (.draining, true, false)
            let actions = giveBack(Array(calls.dropFirst(sent)), .stopped, after: nil)
            return actions + closeIfDrained(now: lastHeard)
        case .stopped: return []
        }
    }
    package mutating func stop() -> [Action] {
        guard phase != .stopped else { return [] }
        let actions = giveBack(calls, .stopped, after: nil)
        phase = .stopped
        return actions + [.close(nil)]
    }

    // MARK: what happened

    package mutating func connected(now: Instant) -> [Action] {
        guard phase == .connecting else { return [] }
        (phase, phaseDeadline, lastHeard) = (.greeting, now + settings.requestTimeout, now)
        let offered: [Compression] = settings.compression == .none ? [] : [settings.compression]
        let hello = Hello(agent: settings.agent, compression: offered, largestFrame: FrameLimits.control.frameBytes)
        return [.send(.hello(hello))]
    }

    /// Connecting failed, or the connection ended or broke.
    package mutating func closed(_ error: TailraceError, now: Instant, random: inout SeededRandom) -> [Action] {
        switch phase {
        case .idle, .stopped: return []
        case .draining where calls.isEmpty: return close(nil, now: now, random: &random)
        case .connecting, .greeting, .ready, .draining: return close(error, now: now, random: &random)
        }
    }

    package mutating func heard(now: Instant) { (lastHeard, pingSent) = (now, nil) }

    package mutating func received(_ message: ControlMessage, now: Instant, random: inout SeededRandom) -> [Action] {
        switch (phase, message) {
        case (.idle, _), (.connecting, _), (.stopped, _): return []
        case (_, .refused(let refused)):
            let isVersion = refused.code == "rpc.version"
            let error: TailraceError =
                isVersion
                ? .rpcVersion(theirs: refused.versions, ours: ProtocolVersion.spoken)
                : .rpcRefused(code: refused.code, reason: refused.reason)
            return close(error, now: now, random: &random)
        case (.greeting, .helloReply(let reply)): return greeted(reply, now: now, random: &random)
        case (.greeting, _): return refuse(.rpcUnexpected(message.kind, "before its HelloReply"), now, &random)
        case (_, .batchReply(let reply)): return settled(reply, now: now)
        case (_, .ping(let number)): return [.send(.pong(number))]
        case (_, .pong): return []
        case (_, .goAway(let reason)):
            guard phase == .ready || isResetting else { return [] }
            (phase, isResetting) = (.draining, false)
            blocked = (now + .seconds(1), .rpcGoAway(reason))
            let unsent = Array(calls.dropFirst(sent))
            return giveBack(unsent, .rpcGoAway(reason), after: .seconds(1)) + closeIfDrained(now: now)
        case (_, .helloReply): return refuse(.rpcUnexpected(.helloReply, "twice"), now, &random)
        case (_, .hello): return refuse(.rpcUnexpected(.hello, "although it is the server"), now, &random)
        }
    }

    private mutating func greeted(_ reply: HelloReply, now: Instant, random: inout SeededRandom) -> [Action] {
        guard ProtocolVersion.spoken.contains(reply.version) else {
            return refuse(.rpcVersion(theirs: reply.version...reply.version, ours: ProtocolVersion.spoken), now, &random)
        }
        guard reply.compression == .none || reply.compression == settings.compression else {
            return refuse(.rpcMalformed("the server chose \(reply.compression), which was not offered"), now, &random)
        }
        (phase, phaseDeadline, readySince) = (.ready, nil, now)
        (window, largestFrame, compression) = (reply.window, reply.largestFrame, reply.compression)
        for index in calls.indices { calls[index].since = now }
        return [.ready(reply)] + pump()
    }

    private mutating func settled(_ reply: BatchReply, now: Instant) -> [Action] {
        if let window = reply.window { self.window = window }
        // Of a call that is gone, or was never sent: there is nothing to settle.
        guard let index = calls.firstIndex(where: { $0.number == reply.call }), index < sent else { return [] }
        remove(reply.call)
        failures = 0
        let outcome: Action
        switch reply.status {
        case .ok: outcome = .delivered(call: reply.call)
        case .rejected(let code, let reason):
            outcome = .rejected(call: reply.call, TailraceError(code: code, message: "the peer rejected a batch: \(reason)"))
        case .notOwner(let hint): outcome = .notOwner(call: reply.call, hint: hint)
        case .failed(let code, let reason, let after):
            let error = TailraceError(
                code: code, message: "the peer could not take a batch: \(reason)", fix: "see the log of the peer")
            outcome = .retry(calls: [reply.call], error, after: after)
        }
        return [outcome] + (phase == .draining ? closeIfDrained(now: now) : pump())
    }

    /// When ``tick(now:random:)`` wants to be called; it may be called at any time.
    package var nextDeadline: Instant? {
        switch phase {
        case .idle, .stopped: return nil
        case .connecting, .greeting: return phaseDeadline
        case .ready, .draining: break
        }
        var next = pingSent.map { $0 + settings.requestTimeout } ?? lastHeard + silence
        if let first = calls.first { next = min(next, first.since + settings.requestTimeout) }
        if phase == .ready, let interval = settings.resetInterval, let readySince { next = min(next, readySince + interval) }
        return next
    }
    /// After which a ping is sent: earlier while answers are owed, so that a dead peer costs one request time-out in all.
    private var silence: Duration {
        calls.isEmpty ? settings.pingInterval : min(settings.pingInterval, settings.requestTimeout / 2)
    }

    package mutating func tick(now: Instant, random: inout SeededRandom) -> [Action] {
        switch phase {
        case .idle, .stopped: return []
        case .connecting:
            guard let phaseDeadline, phaseDeadline <= now else { return [] }
            return close(.rpcTimeout("no connection", settings.connectTimeout, fix: Self.reachFix), now: now, random: &random)
        case .greeting:
            guard let phaseDeadline, phaseDeadline <= now else { return [] }
            let error = TailraceError.rpcTimeout(
                "the peer did not answer the greeting", settings.requestTimeout,
                fix: "check that hostname and port belong to a Tailrace rpc source: Flume's own waits for ever")
            return close(error, now: now, random: &random)
        case .ready, .draining: return tickConnected(now, &random)
        }
    }
    private static let reachFix = "check that the aggregator runs, and hostname and port"

    private mutating func tickConnected(_ now: Instant, _ random: inout SeededRandom) -> [Action] {
        if let first = calls.first, first.since + settings.requestTimeout <= now {
            let error = TailraceError.rpcTimeout(
                "no answer to a batch of \(first.size.events) events", settings.requestTimeout,
                fix: "see what the aggregator waits for, or raise request-timeout")
            return close(error, now: now, random: &random)
        }
        if let pingSent {
            guard pingSent + settings.requestTimeout <= now else { return [] }
            let error = TailraceError.rpcTimeout("no answer to a ping", settings.requestTimeout, fix: Self.reachFix)
            return close(error, now: now, random: &random)
        }
        if phase == .ready, let interval = settings.resetInterval, let readySince, readySince + interval <= now {
            (phase, isResetting) = (.draining, true)
            return closeIfDrained(now: now)
        }
        guard lastHeard + silence <= now else { return [] }
        pingSent = now
        defer { nextPing += 1 }
        return [.send(.ping(nextPing))]
    }

    // MARK: within

    private mutating func connect(_ now: Instant) -> [Action] {
        (phase, phaseDeadline) = (.connecting, now + settings.connectTimeout)
        return [.connect(deadline: now + settings.connectTimeout)]
    }

    /// What fits into the window; one batch always does.
    private mutating func pump() -> [Action] {
        guard phase == .ready else { return [] }
        var actions: [Action] = []
        let limit = max(1, min(settings.window, window.batches))
        while sent < calls.count, sent < limit {
            let next = calls[sent]
            guard sent == 0 || (sentSize + next.size).fits(in: window.size) else { break }
            sent += 1
            sentSize += next.size
            actions.append(.sendBatch(call: next.number))
        }
        return actions
    }

    private mutating func remove(_ call: UInt64) {
        guard let index = calls.firstIndex(where: { $0.number == call }) else { return }
        if index < sent {
            sent -= 1
            sentSize -= calls[index].size
        }
        calls.remove(at: index)
    }

    private mutating func giveBack(_ some: [Call], _ error: TailraceError, after: Duration?) -> [Action] {
        guard !some.isEmpty else { return [] }
        for call in some { remove(call.number) }
        return [.retry(calls: some.map(\.number), error, after: after)]
    }

    private mutating func closeIfDrained(now: Instant) -> [Action] {
        guard sent == 0, calls.isEmpty || isResetting else { return [] }
        disconnected()
        return [.close(nil)] + (calls.isEmpty ? [] : connect(now))
    }

    private mutating func refuse(_ error: TailraceError, _ now: Instant, _ random: inout SeededRandom) -> [Action] {
        [.send(.refused(Refused(error)))] + close(error, now: now, random: &random)
    }

    /// `error` nil: as agreed, which is no failure.
    private mutating func close(_ error: TailraceError?, now: Instant, random: inout SeededRandom) -> [Action] {
        var after: Duration?
        if let error {
            failures += 1
            after = settings.backoff.delay(failures, jitter: &random)
            blocked = (now + after!, error)
        }
        let actions = giveBack(calls, error ?? .rpcClosed("as agreed"), after: after)
        disconnected()
        return [.close(error)] + actions
    }
    private mutating func disconnected() {
        (phase, phaseDeadline, readySince, pingSent) = (isStopping ? .stopped : .idle, nil, nil, nil)
        isResetting = false
        (largestFrame, compression) = (.max, .none)
        window = SendWindow(batches: settings.window, size: .unlimited)
    }

    /// For tests and the simulation.
    package func checkInvariants() {
        precondition(sent <= calls.count && sent >= 0)
        precondition(sentSize == calls.prefix(sent).reduce(.zero) { $0 + $1.size })
        precondition(sent == 0 || phase == .ready || phase == .draining)
        precondition(phase != .stopped && phase != .idle || calls.isEmpty)
    }
}
