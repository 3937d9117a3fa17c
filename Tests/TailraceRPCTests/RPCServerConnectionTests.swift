import TailraceCore
import TailraceRPC
import Testing

/// The server's machine: each phase with each message, and its clocks.
@Suite struct RPCServerConnectionTests {
    typealias Phase = RPCServerConnection.Phase
    static let start = Instant(nanoseconds: 0)
    static let hello = ControlMessage.hello(Hello(agent: "edge", compression: [], largestFrame: 1))
    static let reply = HelloReply(
        agent: "a", compression: .none, largestFrame: 1, window: SendWindow(batches: 1, size: .unlimited))

    private func machine(_ phase: Phase) -> RPCServerConnection {
        var machine = RPCServerConnection(now: Self.start)
        if phase == .greeting { return machine }
        _ = machine.received(Self.hello) { _ in Self.reply }
        if phase == .draining { _ = machine.goAway("x") }
        if phase == .closing { machine.close() }
        precondition(machine.phase == phase)
        return machine
    }

    /// What is done: sent, refused (with the code), closed.
    static let table: [(Phase, ControlMessage, String, Phase)] = {
        let messages: [ControlMessage] = [
            hello, .ping(1), .pong(1), .goAway(""), .helloReply(reply), .batchReply(BatchReply(call: 1, status: .ok)),
            .refused(Refused(code: "a", reason: "b")),
        ]
        let open = [
            "refused rpc.unexpected", "pong", "none", "refused rpc.unexpected", "refused rpc.unexpected",
            "refused rpc.unexpected",
            "closed rpc.refused",
        ]
        var greeting = Array(repeating: "refused rpc.unexpected", count: 6)
        greeting[0] = "helloReply"
        var rows: [(Phase, ControlMessage, String, Phase)] = []
        for (index, message) in messages.enumerated() {
            rows.append(
                (.greeting, message, index == 6 ? "closed rpc.refused" : greeting[index], index == 0 ? .open : .closing))
            let stays = open[index] == "pong" || open[index] == "none"
            rows.append((.open, message, open[index], stays ? .open : .closing))
            rows.append((.draining, message, open[index], stays ? .draining : .closing))
            rows.append((.closing, message, "none", .closing))
        }
        return rows
    }()

    @Test(arguments: table)
    func transitions(from: Phase, message: ControlMessage, action: String, to: Phase) {
        var machine = machine(from)
        #expect(text(machine.received(message) { _ in Self.reply }) == action)
        #expect(machine.phase == to)
    }

    private func text(_ action: RPCServerConnection.Action) -> String {
        switch action {
        case .none: "none"
        case .take: "take"
        case .send(let message): "\(message.kind)"
        case .refuse(let error): "refused \(error.code)"
        case .close(let error): "closed \(error?.code ?? "as agreed")"
        }
    }

    @Test func batches() {
        var greeting = machine(.greeting), open = machine(.open), draining = machine(.draining), closing = machine(.closing)
        #expect(text(greeting.receivedBatch(call: 1)) == "refused rpc.unexpected")
        #expect(text(open.receivedBatch(call: 1)) == "take" && open.unanswered == 1)
        open.answered()
        #expect(open.unanswered == 0)
        guard case .send(.batchReply(let reply)) = draining.receivedBatch(call: 4), case .failed(let code, _, _) = reply.status
        else {
            Issue.record("a batch after GoAway has no answer")
            return
        }
        #expect(reply.call == 4 && code == "rpc.going-away")
        #expect(text(closing.receivedBatch(call: 1)) == "none")
    }

    @Test func versions() {
        for (versions, isSpoken) in [(1...1, true), (1...9, true), (0...1, true), (2...3, false), (0...0, false)]
            as [(ClosedRange<UInt32>, Bool)]
        {
            var machine = RPCServerConnection(now: Self.start)
            let hello = Hello(versions: versions, agent: "", compression: [], largestFrame: 1)
            let action = text(machine.received(.hello(hello)) { _ in Self.reply })
            #expect(action == (isSpoken ? "helloReply" : "refused rpc.version"), "\(versions)")
        }
    }

    @Test func clocks() {
        func after(_ seconds: Double, _ phase: Phase, partOfFrame bytes: Int? = nil, isWaiting: Bool = false) -> String {
            var machine = machine(phase)
            if let bytes { machine.heard(partOfFrame: true, bytes: bytes, now: Self.start) }
            return text(machine.tick(now: Self.start + .seconds(seconds), isWaiting: isWaiting))
        }
        #expect(after(9.9, .greeting) == "none" && after(10, .greeting) == "refused rpc.timeout")
        #expect(after(179, .open) == "none" && after(180, .open) == "closed rpc.timeout")
        #expect(after(29, .open, partOfFrame: 32) == "none" && after(30, .open, partOfFrame: 32) == "refused rpc.timeout")
        // A large frame has a second for each 256 KiB.
        #expect(after(93, .open, partOfFrame: 16 << 20) == "none")
        #expect(after(94, .open, partOfFrame: 16 << 20) == "refused rpc.timeout")
        // What this side makes it wait is no fault of the peer's.
        #expect(after(999, .open, partOfFrame: 32, isWaiting: true) == "none" && after(999, .open, isWaiting: true) == "none")
        #expect(after(999, .closing) == "none")
    }
}
