import TailraceCore
import TailraceScenarios
import TailraceSimulation
import Testing

/// What the sink groups promise, over whole agents: an aggregator that dies costs no more than one request time-out, one that
/// returns gets its share back within the penalty, a hanging name server holds up nobody else.
@Suite struct FailoverChainTests {
    private final class Chain {
        let world: SimulatedWorld
        let edge: SimulatedAgent
        let aggregators: [SimulatedAgent]
        var written = 0

        init(seed: UInt64, _ shape: ChainScenario.Shape, hangingName: Bool = false) {
            world = SimulatedWorld(seed: seed)
            let world = world
            world.broker.createTopic("events", partitions: 4)
            if hangingName { world.fabric.names["aggregator-1"] = .hangs }
            aggregators = (1...shape.aggregators).map { number in
                let host = world.makeHost("aggregator-\(number)")
                let text = ChainConfiguration.aggregator(shape, host: host.name)
                return SimulatedAgent(host, name: "aggregator", configuration: text)
            }
            let host = world.makeHost("edge-1")
            host.files.makeDirectory("/logs")
            host.files.write("/logs/app.log", "")
            edge = SimulatedAgent(host, name: "edge", configuration: ChainConfiguration.edge(shape))
            for agent in aggregators where !(hangingName && agent.host.name == "aggregator-1") { agent.start() }
            edge.start()
            world.run(for: .seconds(2))
        }
        func write(_ lines: Int) {
            edge.host.files.append("/logs/app.log", (written..<written + lines).map { "line \($0)\n" }.joined())
            written += lines
        }
        var arrived: Int { Set(world.broker.records("events").map(\.value.text)).count }
        /// How long it took until all lines were there.
        func timeToDeliver(limit: Duration = .seconds(120)) -> Duration {
            let begin = world.now
            world.run(while: { arrived < written }, limit: limit)
            return arrived == written ? world.now - begin : .seconds(1_000_000)
        }
        func delivered(by sink: String) -> Int { edge.host.metrics.value("delivered_events_total", "edge.sinks.\(sink)") ?? 0 }
    }
    private static func shape(_ group: ChainScenario.Shape.Group, aggregators: Int = 2) -> ChainScenario.Shape {
        var shape = ChainScenario.Shape()
        shape.group = group
        shape.aggregators = aggregators
        return shape
    }
    private static let requestTimeOut = Duration.seconds(5)  // as ChainConfiguration has it

    /// The worst death: the machine is gone without a word, with batches in flight.
    @Test(arguments: [ChainScenario.Shape.Group.loadBalance, .failover], [1, 2, 3, 4, 5] as [UInt64])
    func aDeathCostsNoMoreThanOneRequestTimeOut(group: ChainScenario.Shape.Group, seed: UInt64) {
        let chain = Chain(seed: seed, Self.shape(group))
        chain.write(100)
        _ = chain.timeToDeliver()
        chain.write(100)
        chain.world.partition(chain.edge.host, chain.aggregators[0].host)
        #expect(chain.timeToDeliver() <= Self.requestTimeOut + .seconds(1))
        // Those that follow are not held up at all.
        chain.write(100)
        #expect(chain.timeToDeliver() <= .seconds(1))
    }

    @Test(arguments: [ChainScenario.Shape.Group.loadBalance, .failover])
    func whoReturnsGetsItsShareBackWithinThePenalty(group: ChainScenario.Shape.Group) {
        let chain = Chain(seed: 7, Self.shape(group))
        chain.write(50)
        _ = chain.timeToDeliver()
        chain.aggregators[0].crash()
        for _ in 0..<10 {
            chain.write(20)
            chain.world.run(for: .seconds(1))
        }
        let before = chain.delivered(by: "k1")
        chain.aggregators[0].restart()
        // The longest penalty (maxTimeOut, maxpenalty) is 30 s; after 10 s of failures it is at most 8 s.
        for _ in 0..<20 {
            chain.write(20)
            chain.world.run(for: .milliseconds(500))
        }
        #expect(chain.delivered(by: "k1") > before)
        #expect(chain.timeToDeliver() <= .seconds(2))
    }

    @Test(arguments: [ChainScenario.Shape.Group.loadBalance, .failover])
    func aHangingNameHoldsUpNobodyElse(group: ChainScenario.Shape.Group) {
        let chain = Chain(seed: 3, Self.shape(group), hangingName: true)
        chain.write(100)
        // One connect time-out (2 s) at the most, for the batch that was given to the sink with that name.
        #expect(chain.timeToDeliver() <= .seconds(4))
        chain.write(100)
        #expect(chain.timeToDeliver() <= .seconds(4))
    }

    /// A single sink backs off, and everything arrives when its peer is there.
    @Test func aSingleSinkBacksOffToo() {
        let chain = Chain(seed: 5, Self.shape(.loadBalance, aggregators: 1))
        chain.aggregators[0].crash()
        chain.write(100)
        chain.world.run(for: .seconds(60))
        #expect(chain.arrived == 0)
        let tries = (chain.edge.host.metrics.value("retried_events_total", "edge.sinks.k1") ?? 0) / 20
        #expect(tries > 5 && tries < 200, "\(tries) batches were offered in a minute")
        chain.aggregators[0].restart()
        #expect(chain.timeToDeliver() <= .seconds(10))
    }

    /// SIGTERM of an edge with events in its channel: it drains before it ends.
    @Test func aStopDrains() {
        let chain = Chain(seed: 6, Self.shape(.loadBalance))
        chain.write(150)
        var isStopped = false
        chain.world.run(for: .milliseconds(20))
        chain.edge.stop(within: .seconds(10)) { isStopped = true }
        chain.world.run(while: { !isStopped }, limit: .seconds(20))
        #expect(isStopped)
        let reached = chain.edge.streams.values.first
        #expect(reached?.submitted == reached?.safe)
    }
}
