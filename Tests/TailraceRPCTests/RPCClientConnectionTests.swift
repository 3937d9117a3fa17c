import TailraceCore
import TailraceRPC
import Testing

/// The client's machine: each phase with each input.
@Suite struct RPCClientConnectionTests {
    typealias Phase = RPCClientConnection.Phase
    static let start = Instant(nanoseconds: 1_000_000_000)
    static let one = BatchSize(events: 1, bytes: 10)
    static let welcome = HelloReply(
        agent: "a", compression: .none, largestFrame: 1000,
        window: SendWindow(batches: 2, size: BatchSize(events: 100, bytes: 25)))
    static let gone = TailraceError(code: "network.reset", message: "reset")

    /// Brings a machine with `calls` offered calls into a phase.
    private func machine(_ phase: Phase, calls: Int = 1) -> RPCClientConnection {
        var machine = RPCClientConnection(.init()), random = SeededRandom(seed: 1)
        if phase == .idle { return machine }
        for _ in 0..<calls { _ = machine.offer(Self.one, now: Self.start) }
        if phase == .connecting { return machine }
        _ = machine.connected(now: Self.start)
        if phase == .greeting { return machine }
        _ = machine.received(.helloReply(Self.welcome), now: Self.start, random: &random)
        if phase == .draining { _ = machine.received(.goAway("x"), now: Self.start, random: &random) }
        if phase == .stopped { _ = machine.stop() }
        precondition(machine.phase == phase)
        return machine
    }

    /// Which phase follows, and what becomes of the one open call.
    enum Input: CaseIterable {
        case connected, failed, welcomed, ok, unknownCall, goAway, refused, pong, hello, silence, drain, stop
    }
    static let table: [(Phase, Input, Phase, calls: String)] = [
        (.connecting, .connected, .greeting, ""), (.connecting, .failed, .idle, "retry"),
        (.connecting, .welcomed, .connecting, ""),
        (.connecting, .ok, .connecting, ""), (.connecting, .unknownCall, .connecting, ""),
        (.connecting, .goAway, .connecting, ""),
        (.connecting, .refused, .connecting, ""), (.connecting, .pong, .connecting, ""), (.connecting, .hello, .connecting, ""),
        (.connecting, .silence, .idle, "retry"), (.connecting, .drain, .stopped, "retry"),
        (.connecting, .stop, .stopped, "retry"),
        (.greeting, .connected, .greeting, ""), (.greeting, .failed, .idle, "retry"), (.greeting, .welcomed, .ready, "sent"),
        (.greeting, .ok, .idle, "retry"), (.greeting, .unknownCall, .idle, "retry"), (.greeting, .goAway, .idle, "retry"),
        (.greeting, .refused, .idle, "retry"), (.greeting, .pong, .idle, "retry"), (.greeting, .hello, .idle, "retry"),
        (.greeting, .silence, .idle, "retry"), (.greeting, .drain, .stopped, "retry"), (.greeting, .stop, .stopped, "retry"),
        (.ready, .connected, .ready, ""), (.ready, .failed, .idle, "retry"), (.ready, .welcomed, .idle, "retry"),
        (.ready, .ok, .ready, "delivered"), (.ready, .unknownCall, .ready, ""), (.ready, .goAway, .draining, ""),
        (.ready, .refused, .idle, "retry"), (.ready, .pong, .ready, ""), (.ready, .hello, .idle, "retry"),
        (.ready, .silence, .idle, "retry"), (.ready, .drain, .draining, ""), (.ready, .stop, .stopped, "retry"),
        (.draining, .connected, .draining, ""), (.draining, .failed, .idle, "retry"), (.draining, .welcomed, .idle, "retry"),
        (.draining, .ok, .idle, "delivered"), (.draining, .unknownCall, .draining, ""), (.draining, .goAway, .draining, ""),
        (.draining, .refused, .idle, "retry"), (.draining, .pong, .draining, ""), (.draining, .hello, .idle, "retry"),
        (.draining, .silence, .idle, "retry"), (.draining, .drain, .draining, ""), (.draining, .stop, .stopped, "retry"),
    ]

    private func apply(_ input: Input, _ machine: inout RPCClientConnection) -> [RPCClientConnection.Action] {
        var random = SeededRandom(seed: 1)
        let now = Self.start
        func got(_ message: ControlMessage) -> [RPCClientConnection.Action] {
            machine.received(message, now: now, random: &random)
        }
        switch input {
        case .connected: return machine.connected(now: now)
        case .failed: return machine.closed(Self.gone, now: now, random: &random)
        case .welcomed: return got(.helloReply(Self.welcome))
        case .ok: return got(.batchReply(BatchReply(call: 1, status: .ok)))
        case .unknownCall: return got(.batchReply(BatchReply(call: 77, status: .ok)))
        case .goAway: return got(.goAway("x"))
        case .refused: return got(.refused(Refused(code: "a", reason: "b")))
        case .pong: return got(.pong(1))
        case .hello: return got(.hello(Hello(agent: "", compression: [], largestFrame: 1)))
        case .silence: return machine.tick(now: now + .seconds(21), random: &random)
        case .drain: return machine.drain()
        case .stop: return machine.stop()
        }
    }

    @Test(arguments: table)
    func transitions(from: Phase, input: Input, to: Phase, calls: String) {
        var machine = machine(from)
        let actions = apply(input, &machine)
        machine.checkInvariants()
        #expect(machine.phase == to)
        let outcomes: [String] = actions.compactMap { action in
            switch action {
            case .retry(let calls, _, _): calls == [1] ? "retry" : "retry of \(calls)"
            case .delivered(1): "delivered"
            case .sendBatch(1): "sent"
            default: nil
            }
        }
        #expect(outcomes.joined() == calls)
        if to == .idle || to == .stopped { #expect(machine.isIdle) }
    }

    @Test func everyPhaseMeetsEveryInput() {
        for phase in [Phase.connecting, .greeting, .ready, .draining] {
            for input in Input.allCases {
                #expect(Self.table.filter { $0.0 == phase && $0.1 == input }.count == 1, "\(phase) \(input)")
            }
        }
        var idle = machine(.idle), stopped = machine(.stopped)
        for input in Input.allCases where input != .drain && input != .stop {
            #expect(apply(input, &idle) == [] && idle.phase == .idle)
            #expect(apply(input, &stopped) == [] && stopped.phase == .stopped)
        }
    }

    /// The server's window in bytes: two of ten fit into 25, a third waits; one always goes.
    @Test func windowOfBytes() {
        var machine = machine(.ready), random = SeededRandom(seed: 1)
        #expect(machine.openSlots == 1)
        #expect(machine.offer(Self.one, now: Self.start).actions == [.sendBatch(call: 2)])
        #expect(machine.openSlots == 0)
        #expect(machine.offer(Self.one, now: Self.start).actions == [])
        let window = SendWindow(batches: 9, size: BatchSize(events: 1, bytes: 1))
        let first = machine.received(
            .batchReply(BatchReply(call: 1, status: .ok, window: window)), now: Self.start, random: &random)
        #expect(first == [.delivered(call: 1)])
        let second = machine.received(.batchReply(BatchReply(call: 2, status: .ok)), now: Self.start, random: &random)
        #expect(second == [.delivered(call: 2), .sendBatch(call: 3)])
        machine.checkInvariants()
    }

    /// An answer to a call that was not sent yet settles nothing: else a faulty server could make events vanish.
    @Test func answerToAnUnsentCall() {
        var machine = machine(.ready), random = SeededRandom(seed: 1)
        _ = machine.offer(Self.one, now: Self.start)
        let third = machine.offer(Self.one, now: Self.start).call
        let reply = ControlMessage.batchReply(BatchReply(call: third, status: .ok))
        #expect(machine.received(reply, now: Self.start, random: &random) == [])
        #expect(!machine.isIdle)
    }

    /// The pause doubles with each failure, and is forgotten with the first answer, not with a mere connection.
    @Test func backoff() {
        var machine = RPCClientConnection(.init()), random = SeededRandom(seed: 3), now = Self.start
        var pauses: [Duration] = []
        for _ in 0..<10 {
            _ = machine.offer(Self.one, now: now)
            _ = machine.connected(now: now)
            _ = machine.received(.helloReply(Self.welcome), now: now, random: &random)
            let actions = machine.closed(Self.gone, now: now, random: &random)
            guard case .retry(_, _, let pause?)? = actions.last else {
                Issue.record("\(actions)")
                return
            }
            pauses.append(pause)
            now = now + pause
        }
        for (index, pause) in pauses.enumerated() {
            let whole = min(Duration.milliseconds(100 << index), .seconds(10))
            #expect(pause >= whole / 2 && pause <= whole)
        }
        _ = machine.offer(Self.one, now: now)
        _ = machine.connected(now: now)
        _ = machine.received(.helloReply(Self.welcome), now: now, random: &random)
        _ = machine.received(.batchReply(BatchReply(call: 11, status: .ok)), now: now, random: &random)
        guard case .close? = machine.closed(Self.gone, now: now, random: &random).first else {
            Issue.record("not closed")
            return
        }
        guard case .retry(_, Self.gone, let pause?)? = machine.offer(Self.one, now: now).actions.first else {
            Issue.record("no pause")
            return
        }
        #expect(pause <= .milliseconds(100))
    }

    @Test func pings() {
        var machine = machine(.ready, calls: 0 + 1), random = SeededRandom(seed: 1)
        #expect(machine.nextDeadline == Self.start + .seconds(10))
        #expect(machine.tick(now: Self.start + .seconds(9), random: &random) == [])
        #expect(machine.tick(now: Self.start + .seconds(10), random: &random) == [.send(.ping(1))])
        #expect(machine.nextDeadline == Self.start + .seconds(20))
        machine.heard(now: Self.start + .seconds(11))
        #expect(machine.received(.batchReply(BatchReply(call: 1, status: .ok)), now: Self.start, random: &random).count == 1)
        #expect(machine.nextDeadline == Self.start + .seconds(41))
    }
}
