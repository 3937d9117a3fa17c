import TailraceCore
import TailraceRPC
import TailraceSimulation
import TailraceWire
import Testing

/// The sink without a sane peer, and at its end.
@Suite struct RPCSinkTests {
    /// Nobody listens: every take comes back at once, with the pause to make.
    @Test func nobodyListens() {
        let chain = Chain()
        let first = chain.offer(Chain.batch(["a"]))
        #expect(chain.settle(within: .seconds(1)))
        guard case .retry(let error, let after?)? = chain.offers.outcomes[first] else {
            Issue.record("no retry")
            return
        }
        #expect(error.component == "edge.sinks.k1")
        #expect(after >= .milliseconds(50) && after <= .milliseconds(100))
        // Within the pause it is not even tried.
        let second = chain.offer(Chain.batch(["a"]))
        #expect(chain.offers.error(second) == error)
        #expect(chain.edge.log.lines(containing: "no connection to aggregator:4545").count == 1)
        chain.start()
        chain.world.run(for: .milliseconds(100))
        let third = chain.offer(Chain.batch(["a"]))
        #expect(chain.settle())
        #expect(chain.offers.isDelivered(third))
    }

    /// No packet comes through: a take is held for the connect time-out, or for the request time-out, and no longer.
    @Test func silentNetwork() {
        let chain = Chain()
        chain.world.partition(chain.edge, chain.aggregator)
        let began = chain.world.now
        chain.offer(Chain.batch(["a"]))
        #expect(chain.settle(within: .seconds(30)))
        #expect(chain.world.now - began <= .seconds(20.1))
        chain.world.healAll()
        chain.world.run(for: .seconds(2))
        chain.start()
        for index in 0..<3 {
            chain.offer(Chain.batch(["b"], from: UInt64(index)))
            #expect(chain.settle())
        }
        chain.world.partition(chain.edge, chain.aggregator)
        let cut = chain.world.now
        let lost = chain.offer(Chain.batch(["c"], from: 3))
        #expect(chain.settle(within: .seconds(60)))
        #expect(chain.world.now - cut <= .seconds(20.1))
        #expect(chain.offers.error(lost)?.code == "rpc.timeout")
        #expect(chain.offers.error(lost)?.message == "no answer to a batch of 1 events within 20.0 s")
    }

    /// The aggregator dies with batches open: they come back at once, by the reset.
    @Test func crash() {
        let chain = Chain()
        chain.channel.holdsAnswers = true
        chain.start()
        for index in 0..<5 { chain.offer(Chain.batch(["x"], from: UInt64(index))) }
        chain.world.run(for: .seconds(1))
        chain.aggregator.crash()
        #expect(chain.settle(within: .seconds(1)))
        #expect((1...5).allSatisfy { chain.offers.error(UInt64($0)) != nil })
    }

    /// An idle connection is found dead by its pings.
    @Test func idleConnectionThatDied() {
        let chain = Chain()
        chain.start()
        chain.world.partition(chain.edge, chain.aggregator)
        chain.world.run(for: .seconds(120))
        #expect(chain.edge.log.lines(containing: "no answer to a ping within 20.0 s").count == 1)
    }

    /// What a server may answer that is no answer; the error says what it is.
    static let strangers: [(answer: [UInt8], code: String)] = [
        (Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), "rpc.peer-is-http"),
        ([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4], "rpc.peer-is-flume"),
        ([0x15, 3, 1, 0, 2, 2, 0x46, 0, 0], "rpc.peer-is-tls"), (Array("SSH-2.0-OpenSSH_9.2\r\n".utf8), "rpc.peer-is-foreign"),
        (Array("TRC1".utf8) + [9, 2] + Array(repeating: 0, count: 26), "rpc.version"),
        (Array("TRC1".utf8) + [1, 2] + Array(repeating: 0xFF, count: 26), "rpc.checksum"),
    ]
    @Test(arguments: strangers)
    func strangeServer(answer: [UInt8], code: String) throws {
        let chain = Chain(), server = RawPeer()
        try server.listen(chain.aggregator.makeEnvironment(component: "raw"), answer: answer)
        let id = chain.offer(Chain.batch(["a"]))
        #expect(chain.settle(within: .seconds(2)))
        #expect(chain.offers.error(id)?.code == code)
    }

    private func connected(_ answers: [ControlMessage]) throws -> (Chain, RawPeer, UInt64) {
        let chain = Chain(), server = RawPeer()
        try server.listen(
            chain.aggregator.makeEnvironment(component: "raw"), answer: answers.flatMap { Array($0.frame(server.arena)) })
        let id = chain.offer(Chain.batch(["a"]))
        chain.world.run(for: .seconds(1))
        return (chain, server, id)
    }
    static let welcome = HelloReply(
        agent: "raw", compression: .none, largestFrame: 1 << 20, window: SendWindow(batches: 4, size: .unlimited))

    /// Messages that a server must not send, or must not send now, end the connection; the server is told.
    @Test(arguments: [
        [ControlMessage.pong(1)], [.helloReply(welcome), .helloReply(welcome)],
        [.hello(Hello(agent: "", compression: [], largestFrame: 1))],
        [.helloReply(HelloReply(version: 9, agent: "", compression: .none, largestFrame: 1, window: welcome.window))],
        [.helloReply(HelloReply(agent: "", compression: .lz4, largestFrame: 1, window: welcome.window))],
    ])
    func unexpectedMessages(answers: [ControlMessage]) throws {
        let (chain, server, id) = try connected(answers)
        #expect(chain.offers.error(id) != nil)
        guard case .refused? = try server.messages().last else {
            Issue.record("the server was not told")
            return
        }
    }

    @Test func refusedVersion() throws {
        let refused = Refused(code: "rpc.version", reason: "too old", versions: 3...4)
        let (chain, _, id) = try connected([.refused(refused)])
        #expect(chain.offers.error(id)?.code == "rpc.version")
        #expect(
            chain.offers.error(id)?.message == "the peer speaks versions 3 to 4 of the protocol, this agent 1 to 1")
    }

    @Test func answersOfAllKinds() throws {
        let (chain, server, id) = try connected([.helloReply(Self.welcome)])
        let second = chain.offer(Chain.batch(["b"]))
        let third = chain.offer(Chain.batch(["c"]))
        let hint = Endpoint.host("other", port: 7)
        chain.world.run(for: .seconds(1))
        #expect(try server.batches().count == 3)
        // Calls that were never made, or were answered before, settle nothing.
        server.send(.batchReply(BatchReply(call: 99, status: .ok)))
        server.send(.batchReply(BatchReply(call: 1, status: .notOwner(hint: hint))))
        server.send(.batchReply(BatchReply(call: 1, status: .ok)))
        server.send(.batchReply(BatchReply(call: 2, status: .rejected(code: "rpc.too-many", reason: "headers"))))
        server.send(.batchReply(BatchReply(call: 3, status: .failed(code: "x.y", reason: "z", retryAfter: .seconds(9)))))
        chain.world.run(for: .seconds(1))
        guard case .notOwner(hint)? = chain.offers.outcomes[id], case .delivered(let rejected)? = chain.offers.outcomes[second],
            case .retry(let error, .seconds(9)?)? = chain.offers.outcomes[third]
        else {
            Issue.record("\(chain.offers.outcomes)")
            return
        }
        #expect(rejected.count == 1 && rejected[0].error.message == "the peer rejected a batch: headers")
        #expect(error.code == "x.y")
        // All of it on one connection, which goes on.
        #expect(chain.edge.metrics.value("connections_total", "edge.sinks.k1") == 1)
    }

    /// A server that answers garbage, or cuts off anywhere, never gets a take settled as delivered.
    @Test(arguments: (0..<40).map { UInt64($0) })
    func garbageFromTheServer(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let chain = Chain(seed: seed), server = RawPeer()
        var bytes = Array(ControlMessage.helloReply(Self.welcome).frame(server.arena))
        if seed % 2 == 0 { bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random) }
        bytes += (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) }
        try server.listen(chain.aggregator.makeEnvironment(component: "raw"), answer: bytes)
        chain.offer(Chain.batch(["a"]))
        #expect(chain.settle(within: .seconds(60)))
        #expect(chain.offers.error(1) != nil)
    }

    /// Every so often the connection is made anew, between two batches, without a failed take.
    @Test func resetInterval() {
        let chain = Chain(sink: { $0.resetConnectionInterval = 5 })
        chain.start()
        for index in 0..<30 {
            chain.offer(Chain.batch(["x"], from: UInt64(index)))
            chain.world.run(for: .seconds(1))
        }
        #expect((1...30).allSatisfy { chain.offers.isDelivered(UInt64($0)) })
        let connections = chain.edge.metrics.value("connections_total", "edge.sinks.k1") ?? 0
        #expect((5...7).contains(connections))
    }

    /// Stopping waits for what is in flight, until its deadline.
    @Test(arguments: [true, false])
    func stop(isAnswered: Bool) {
        let chain = Chain()
        chain.channel.holdsAnswers = true
        chain.start()
        let id = chain.offer(Chain.batch(["x"]))
        chain.world.run(for: .seconds(1))
        var isStopped = false
        chain.sink.stop(by: chain.world.now + .seconds(5)) { isStopped = true }
        chain.world.run(for: .seconds(1))
        #expect(!isStopped)
        if isAnswered { chain.channel.answerAll() }
        chain.world.run(for: .seconds(isAnswered ? 1 : 5))
        #expect(isStopped)
        #expect(chain.offers.isDelivered(id) == isAnswered)
        #expect(chain.offers.error(chain.offer(Chain.batch(["y"]))) == .stopped.named("edge.sinks.k1"))
    }
}
