import TailraceCore
import TailraceRPC
import TailraceSimulation
import TailraceWire
import Testing

/// The source with clients of every kind.
@Suite struct RPCSourceTests {
    private func connected(_ chain: Chain) -> RawPeer {
        let peer = RawPeer()
        peer.connect(chain.edge.makeEnvironment(component: "raw"), to: "aggregator")
        chain.world.run(for: .milliseconds(50))
        return peer
    }
    private static let hello = ControlMessage.hello(Hello(agent: "raw", compression: [], largestFrame: 1 << 16))

    private func frame(_ batch: EventBatch, call: UInt64) throws -> [UInt8] {
        var encoder = BatchEncoder()
        return flatten(
            try encoder.encode(
                batch, call: call, largestFrame: 1 << 26, compression: .none, Compressor(), WireArena()
            ).pieces)
    }

    @Test func greeting() throws {
        let chain = Chain()
        chain.source.start { _ in }
        let peer = connected(chain)
        peer.send(.hello(Hello(agent: "raw", compression: [.zstd, .lz4], largestFrame: 1 << 16)))
        peer.send(.ping(77))
        chain.world.run(for: .seconds(1))
        let messages = try peer.messages()
        guard case .helloReply(let reply)? = messages.first else {
            Issue.record("\(messages)")
            return
        }
        #expect(reply.version == 1 && reply.compression == .zstd && reply.largestFrame == 64 << 20)
        #expect(reply.window.batches == 16 && reply.window.size.bytes == 16 << 20)
        #expect(messages.last == .pong(77))
    }

    /// Each is refused with a reason that the client reads, and a line in the log; the source goes on.
    static let refusals: [(name: String, bytes: [UInt8], code: String)] = {
        let arena = WireArena()
        func bytes(_ message: ControlMessage) -> [UInt8] { Array(message.frame(arena)) }
        var damaged = bytes(hello)
        damaged[damaged.count - 1] ^= 1
        var large = [UInt8](repeating: 0, count: 32)
        large.withUnsafeMutableBytes {
            FrameHeader(
                kind: 3, envelopeLength: 10, bodyLength: 1 << 30, contentLength: 1 << 30, envelopeChecksum: 0, bodyChecksum: 0
            ).write(to: $0)
        }
        return [
            ("version", bytes(.hello(Hello(versions: 5...9, agent: "", compression: [], largestFrame: 1))), "rpc.version"),
            ("not greeted", bytes(.ping(1)), "rpc.unexpected"), ("twice", bytes(hello) + bytes(hello), "rpc.unexpected"),
            ("role", bytes(hello) + bytes(.goAway("")), "rpc.unexpected"), ("checksum", damaged, "rpc.checksum"),
            ("size", bytes(hello) + large, "rpc.too-large"),
            ("layout", Array("TRC1".utf8) + [7] + [UInt8](repeating: 0, count: 27), "rpc.version"),
        ]
    }()
    @Test(arguments: refusals)
    func refused(name: String, bytes: [UInt8], code: String) throws {
        let chain = Chain()
        chain.start()
        let peer = connected(chain)
        peer.send(bytes)
        chain.world.run(for: .seconds(1))
        guard case .refused(let refused)? = try peer.messages().last else {
            Issue.record("\(name) was not refused")
            return
        }
        #expect(refused.code == code)
        #expect(peer.hasEnded)
        #expect(chain.aggregator.log.lines(containing: "refuses").count == 1)
        peer.close()
        chain.world.run(for: .seconds(3))
        #expect(chain.source.connectionCount == 1)
        chain.offer(Chain.batch(["still alive"]))
        #expect(chain.settle())
        #expect(chain.offers.isDelivered(1))
    }

    /// Foreign clients get no bytes of ours; the log says what they are.
    @Test(arguments: [
        (Array("GET / HTTP/1.1\r\n\r\n".utf8), "rpc.peer-is-http"), ([0, 0, 0, 1, 0, 0, 0, 2], "rpc.peer-is-flume"),
        ([0x16, 3, 1, 2, 0, 1, 0, 1], "rpc.peer-is-tls"),
    ])
    func foreignClient(bytes: [UInt8], code: String) {
        let chain = Chain()
        chain.start()
        let peer = connected(chain)
        peer.send(bytes)
        chain.world.run(for: .seconds(1))
        #expect(peer.received.isEmpty)
        #expect(chain.source.connectionCount == 1)
        #expect(chain.aggregator.log.lines(containing: code).count == 1)
    }

    /// A batch beyond the limits that all agents have is rejected by itself.
    @Test func rejectedBatch() throws {
        let chain = Chain()
        chain.start()
        let peer = connected(chain)
        peer.send(Self.hello)
        let headers = (0..<300).map { Header("h\($0)", "v") }
        var builder = EventBatchBuilder(shared: headers)
        builder.append("x".utf8)
        peer.send(try frame(builder.finish().numbered(StreamID(value: 1), from: 0), call: 5))
        peer.send(try frame(Chain.batch(["y"]), call: 6))
        chain.world.run(for: .seconds(1))
        let replies = try peer.messages().compactMap { if case .batchReply(let reply) = $0 { reply } else { nil } }
        #expect(
            replies.map(\.status) == [.rejected(code: "rpc.too-many", reason: "257 shared headers, allowed are 256"), .ok])
        #expect(replies.map(\.call) == [5, 6])
    }

    @Test func maxConnections() throws {
        let chain = Chain(source: { $0.maxConnections = 3 })
        chain.source.start { _ in }
        let peers = (0..<5).map { _ in connected(chain) }
        for peer in peers { peer.send(Self.hello) }
        chain.world.run(for: .seconds(1))
        for (index, peer) in peers.enumerated() {
            guard let first = try peer.messages().first else {
                Issue.record("nothing came")
                continue
            }
            if case .refused(let refused) = first {
                #expect(index >= 3)
                #expect(refused.code == "rpc.too-many-connections" && refused.reason == "3 of 3 connections are in use")
            } else {
                #expect(index < 3)
            }
        }
        chain.world.run(for: .seconds(4))
        #expect(chain.source.connectionCount == 3)
    }

    /// Half a greeting, half a header, half a frame: each has its time, then it is closed.
    @Test func halfSent() throws {
        let chain = Chain()
        chain.source.start { _ in }
        let silent = connected(chain), halfHello = connected(chain), halfHeader = connected(chain), halfFrame = connected(chain)
        let hello = Array(Self.hello.frame(WireArena())), batch = try frame(Chain.batch(["abc"]), call: 1)
        halfHello.send(Array(hello.prefix(20)))
        halfHeader.send(hello + batch.prefix(10))
        halfFrame.send(hello + batch.dropLast())
        chain.world.run(for: .seconds(9))
        #expect(chain.source.connectionCount == 4)
        chain.world.run(for: .seconds(3))
        #expect(silent.hasEnded && halfHello.hasEnded && !halfHeader.hasEnded && !halfFrame.hasEnded)
        for peer in [silent, halfHello] { peer.close() }
        chain.world.run(for: .seconds(25))
        #expect(halfHeader.hasEnded && halfFrame.hasEnded)
        guard case .refused(let refused)? = try halfFrame.messages().last else {
            Issue.record("not told")
            return
        }
        #expect(refused.code == "rpc.timeout")
        #expect(refused.reason == "a frame of \(batch.count) bytes did not become whole within 30.0 s")
        #expect(chain.aggregator.memory.used == 0)
        chain.world.run(for: .seconds(5))
        #expect(chain.source.connectionCount == 0)
    }

    /// Idle clients of ours live for ever by their pings; a silent one does not.
    @Test func idle() {
        let chain = Chain()
        chain.start()
        let silent = connected(chain)
        silent.send(Self.hello)
        chain.world.run(for: .seconds(170))
        #expect(chain.source.connectionCount == 2)
        chain.world.run(for: .seconds(3600))
        #expect(chain.source.connectionCount == 1)
        #expect(chain.edge.metrics.value("connections_total", "edge.sinks.k1") == 1)
    }

    /// A client that sends and never reads: its answers stay few, since nothing more is read from it.
    @Test func clientThatNeverReads() throws {
        let chain = Chain()
        chain.source.start { _ in }
        let peer = connected(chain)
        peer.stopReading()
        peer.send(Self.hello)
        let ping = Array(ControlMessage.ping(1).frame(WireArena()))
        for _ in 0..<200 {
            peer.send((0..<1000).flatMap { _ in ping })
            chain.world.run(for: .milliseconds(20))
        }
        chain.world.run(for: .seconds(10))
        #expect(chain.source.connectionCount == 1)
        chain.offer(Chain.batch(["others are served"]))
        #expect(chain.settle())
        #expect(chain.offers.isDelivered(1))
    }

    @Test(arguments: (0..<40).map { UInt64($0) })
    func garbageFromClients(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let chain = Chain(seed: seed)
        chain.start()
        var batches = RandomBatches(seed: seed)
        for index in 0..<10 {
            let peer = connected(chain)
            var bytes = Array(Self.hello.frame(peer.arena)) + (try frame(batches.batch(), call: UInt64(index)))
            switch index % 3 {
            case 0: bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
            case 1: bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
            default: bytes += (0..<300).map { _ in UInt8.random(in: 0...255, using: &random) }
            }
            peer.send(bytes)
            chain.world.run(for: .milliseconds(Int64.random(in: 1...50, using: &random)))
            if index % 2 == 0 { peer.close() } else { peer.finishWriting() }
        }
        chain.world.run(for: .seconds(60))
        chain.offer(Chain.batch(["alive"]))
        #expect(chain.settle())
        #expect(chain.offers.isDelivered(1))
        chain.channel.forgetStored()
        chain.world.run(for: .seconds(1))
        #expect(chain.aggregator.memory.used == 0)
    }

    /// A stop: clients are told to go, what is open is answered, and nothing new is taken.
    @Test func goAway() {
        let chain = Chain()
        chain.channel.holdsAnswers = true
        chain.start()
        let open = chain.offer(Chain.batch(["open"]))
        chain.world.run(for: .seconds(1))
        var isStopped = false
        chain.source.stop(by: chain.world.now + .seconds(10)) { isStopped = true }
        chain.world.run(for: .seconds(1))
        #expect(!isStopped && chain.offers.openCount == 1)
        let late = chain.offer(Chain.batch(["late"], from: 1))
        #expect(chain.offers.error(late)?.code == "rpc.going-away")
        chain.channel.answerAll()
        chain.world.run(for: .seconds(1))
        #expect(isStopped && chain.offers.isDelivered(open))
        #expect(chain.source.connectionCount == 0)
        #expect(chain.channel.eventCount == 1)
        chain.world.run(for: .seconds(2))
        let after = chain.offer(Chain.batch(["late"], from: 1))
        #expect(chain.settle())
        #expect(chain.offers.error(after) != nil)
    }

    /// What is not answered at the deadline: the stop ends all the same, and the answer of the output still goes out.
    @Test func stopAtItsDeadline() {
        let chain = Chain()
        chain.channel.holdsAnswers = true
        chain.start()
        let open = chain.offer(Chain.batch(["open"]))
        chain.world.run(for: .seconds(1))
        var stopped: Instant?
        let deadline = chain.world.now + .seconds(3)
        chain.source.stop(by: deadline) { stopped = chain.world.now }
        chain.world.run(for: .seconds(4))
        #expect(stopped == deadline)
        chain.output.stop(by: chain.world.now + .seconds(1)) {}
        chain.world.run(for: .seconds(2))
        #expect(chain.offers.error(open)?.code == "component.stopped")
    }

    @Test func portTaken() {
        let chain = Chain()
        chain.start()
        let other = RPCSource(
            {
                var c = RPCSourceConfiguration(); (c.bind, c.port) = ("0.0.0.0", Chain.port); return c
            }(), chain.output,
            chain.aggregator.makeEnvironment(component: "aggregator.sources.r2"))
        var failure: TailraceError?
        other.start { if case .failure(let error) = $0 { failure = error } }
        chain.world.run(for: .seconds(1))
        #expect(failure?.code == "network.bind")
        #expect(failure?.component == "aggregator.sources.r2")
    }
}
