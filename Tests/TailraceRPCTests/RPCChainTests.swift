import TailraceCore
import TailraceRPC
import TailraceSimulation
import TailraceWire
import Testing

/// Sink and source together, over a simulated network.
@Suite struct RPCChainTests {
    @Test(arguments: [CompressionChoice.none, .lz4, .zstd, .deflate])
    func batchesArriveAndAreAnswered(compression: CompressionChoice) {
        let chain = Chain(sink: { $0.compression = compression })
        chain.start()
        var batches = RandomBatches(seed: 5)
        let sent = (0..<12).map { _ in batches.batch() }
        for batch in sent { chain.offer(batch) }
        #expect(chain.settle())
        #expect(chain.offers.outcomes.keys.allSatisfy(chain.offers.isDelivered))
        #expect(chain.channel.stored.map(BatchContent.init) == sent.map(BatchContent.init))
        #expect(chain.edge.metrics.value("sent_batches_total", "edge.sinks.k1") == 12)
        #expect(chain.aggregator.metrics.value("answered_batches_total", "aggregator.sources.r1") == 12)
        #expect(chain.edge.metrics.value("connections_total", "edge.sinks.k1") == 1)
    }

    /// Nothing is answered before the channel says so.
    @Test func answeredWhenSafe() {
        let chain = Chain()
        chain.channel.holdsAnswers = true
        chain.start()
        chain.offer(Chain.batch(["a", "b"]))
        chain.world.run(for: .seconds(5))
        #expect(chain.channel.eventCount == 2)
        #expect(chain.offers.openCount == 1)
        chain.channel.answerAll()
        #expect(chain.settle(within: .seconds(1)))
        #expect(chain.offers.isDelivered(1))
    }

    /// Several in flight, as many as the window says; then the sink is busy, and says when it is not.
    @Test func window() {
        let chain = Chain(source: { $0.windowBatches = 3 }, sink: { $0.window = 8 })
        chain.channel.holdsAnswers = true
        chain.start()
        #expect(chain.sink.openSlots == 3)
        for index in 0..<3 { chain.offer(Chain.batch(["x"], from: UInt64(index))) }
        #expect(chain.sink.openSlots == 0)
        chain.world.run(for: .seconds(1))
        #expect(chain.channel.stored.count == 3)
        #expect(chain.offers.slotSignals == 0)
        chain.channel.answerAll()
        #expect(chain.settle())
        chain.world.run(for: .milliseconds(10))
        #expect(chain.offers.slotSignals == 1)
        #expect(chain.sink.openSlots == 3)
    }

    /// The window shrinks with the channel's room, to one batch at the least.
    @Test func windowFollowsTheRoom() {
        let chain = Chain()
        chain.channel.capacity = BatchSize(events: 4, bytes: 1 << 20)
        chain.start()
        #expect(chain.sink.openSlots == 16)
        chain.offer(Chain.batch(["1", "2", "3", "4"]))
        #expect(chain.settle())
        #expect(chain.sink.openSlots == 1)
    }

    /// A full channel: FAILED after its keep-alive, so the take comes back to be offered elsewhere.
    @Test func fullChannel() {
        let chain = Chain()
        chain.channel.capacity = BatchSize(events: 2, bytes: 1 << 20)
        chain.start()
        chain.offer(Chain.batch(["1", "2"]))
        #expect(chain.settle())
        let began = chain.world.now
        chain.offer(Chain.batch(["3", "4"], from: 2))
        #expect(chain.settle())
        #expect(chain.offers.error(2)?.code == "channel.full")
        #expect(chain.offers.error(2)?.message.hasPrefix("the peer could not take a batch: no room for 2 events") == true)
        #expect(chain.world.now - began > .seconds(2.9) && chain.world.now - began < .seconds(4))
        chain.channel.empty()
        chain.offer(Chain.batch(["3", "4"], from: 2))
        #expect(chain.settle())
        #expect(chain.offers.isDelivered(3))
    }

    /// More clients than the output has slots: all in one line, and nobody waits longer than the keep-alive.
    @Test func fullChannelWithManyClients() {
        let chain = Chain()
        chain.channel.capacity = BatchSize(events: 1, bytes: 1 << 20)
        chain.start()
        chain.offer(Chain.batch(["first"]))
        #expect(chain.settle())
        var configuration = RPCSinkConfiguration()
        (configuration.hostname, configuration.port) = ("aggregator", Chain.port)
        let sinks = (0..<40).map { RPCSink(configuration, chain.edge.makeEnvironment(component: "edge.sinks.s\($0)")) }
        for (index, sink) in sinks.enumerated() {
            chain.offers.offer(Chain.batch(["x"], stream: UInt64(100 + index)), to: sink)
        }
        #expect(chain.settle(within: .seconds(8)))
        let codes = Set((2...41).compactMap { chain.offers.error(UInt64($0))?.code })
        #expect(codes == ["channel.full"])
        #expect(chain.aggregator.memory.used > 0)
        chain.channel.forgetStored()
        chain.world.run(for: .seconds(1))
        #expect(chain.aggregator.memory.used == 0)
    }

    /// Every byte of a frame is back in the budget when its batch is gone, also with a budget that fits one frame at a time.
    @Test(arguments: [Compression.none, .zstd])
    func memoryBudget(compression: Compression) {
        let chain = Chain(sink: { $0.compression = compression == .none ? .none : .zstd })
        chain.aggregator.memory.limit = 10_000
        chain.start()
        var most = 0
        let text = String(repeating: "abcdefgh", count: 1000)
        for index in 0..<10 {
            chain.offer(Chain.batch([text], from: UInt64(index)))
        }
        let limit = chain.world.now + .seconds(60)
        while chain.offers.openCount > 0, chain.world.now < limit {
            chain.world.run(for: .milliseconds(1))
            most = max(most, chain.aggregator.memory.used)
            chain.channel.forgetStored()
        }
        #expect(chain.offers.openCount == 0)
        #expect((1...10).allSatisfy { chain.offers.isDelivered(UInt64($0)) })
        #expect(most < 20_000)
        chain.world.run(for: .seconds(1))
        #expect(chain.aggregator.memory.used == 0)
    }

    /// A batch larger than what the peer reads is cut; a single event that is too large is dropped, visibly.
    @Test func smallerFramesAtThePeer() {
        let chain = Chain(source: { $0.maxFrameSizeBytes = 64 << 10 })
        chain.offer(Chain.batch([String(repeating: "a", count: 60_000), String(repeating: "b", count: 60_000)]))
        chain.start()
        #expect(chain.settle())
        #expect(chain.offers.error(1)?.code == "rpc.too-large")
        #expect(chain.sink.largestTake == BatchSize(events: 1, bytes: 48 << 10))
        chain.offer(Chain.batch([String(repeating: "a", count: 60_000)]))
        chain.offer(Chain.batch([String(repeating: "c", count: 70_000)], from: 1))
        #expect(chain.settle())
        #expect(chain.offers.isDelivered(2))
        guard case .delivered(let rejected)? = chain.offers.outcomes[3] else {
            Issue.record("not settled as rejected")
            return
        }
        #expect(rejected.map(\.events) == [0..<1])
        #expect(rejected[0].error.code == "rpc.too-large")
        #expect(chain.edge.log.lines(containing: "error edge.sinks.k1 drops 1 events that no peer takes, stream").count == 1)
        #expect(chain.edge.metrics.value("rejected_by_peer_events_total", "edge.sinks.k1") == 1)
    }

    @Test func boundEndpoint() {
        let chain = Chain(source: { $0.port = 0 })
        #expect(chain.source.boundEndpoint == nil)
        chain.source.start { _ in }
        chain.world.run(for: .seconds(1))
        guard case .host(_, let port)? = chain.source.boundEndpoint else {
            Issue.record("not bound")
            return
        }
        #expect(port > 0)
    }

    /// Whatever the network does, a delivered take is in the channel, and every take is settled.
    @Test(arguments: (0..<30).map { UInt64($0) })
    func faults(seed: UInt64) {
        let chain = Chain(
            seed: seed, source: { $0.maxFrameSizeBytes = seed % 3 == 0 ? 1 << 20 : 64 << 20 },
            sink: { $0.compression = [.none, .lz4, .zstd][Int(seed % 3)] })
        chain.world.faults.reset = 0.02
        chain.world.faults.delay = 0.1
        chain.world.faults.stall = 0.01
        chain.world.faults.refuse = 0.1
        chain.world.faults.partialRead = 0.3
        chain.start()
        var batches = RandomBatches(seed: seed), delivered = 0, attempts = 0
        var todo = (0..<40).map { _ in batches.batch(maximumEvents: 20) }
        chain.offers.settled = { id, outcome in
            if case .delivered = outcome { delivered += 1 } else { todo.append(chain.offers.batches[id]!) }
        }
        while delivered < 40, attempts < 20_000 {
            if chain.sink.openSlots > 0, let batch = todo.popLast() {
                chain.offer(batch)
                attempts += 1
            }
            chain.world.run(for: .milliseconds(20))
        }
        #expect(delivered == 40)
        let stored = Set(chain.channel.stored.map(\.identity))
        for (id, batch) in chain.offers.batches where chain.offers.isDelivered(id) {
            #expect(stored.contains(batch.identity))
        }
        chain.world.faults = .calm
        chain.world.run(for: .seconds(300))
        chain.channel.forgetStored()
        chain.world.run(for: .seconds(1))
        #expect(chain.aggregator.memory.used == 0)
    }
}
