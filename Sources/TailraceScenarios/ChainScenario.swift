import TailraceCore
package import TailraceSimulation

/// A whole chain in one thread from a seed: edges that read, a sink group, aggregators, Kafka; and everything that can go wrong
/// between them and with their disks. ``run()`` plays it and tells what arrived.
///
/// A failing seed is replayed with `tailrace simulate --chain NAME --seed N --log`.
package final class ChainScenario {
    package let world: SimulatedWorld
    private let seed: UInt64
    private let shape: Shape
    private var random: SeededRandom
    private var edges: [SimulatedAgent] = []
    private var aggregators: [SimulatedAgent] = []
    private let feeder: any ChainFeeder
    private var fed = 0
    private var crashes = 0
    private var broken: [String] = []
    private var mayMissLines = false
    /// Nothing goes wrong any more.
    private var isOver = false
    private static let partitions = 4

    package convenience init(_ chain: Chain, seed: UInt64) { self.init(seed: seed, chain.shape(seed: seed)) }

    package init(seed: UInt64, _ shape: Shape = Shape()) {
        (self.seed, self.shape) = (seed, shape)
        world = SimulatedWorld(seed: seed)
        world.transcript.keptLines = 0
        random = world.random("scenario")
        for topic in shape.topics { world.broker.createTopic(topic, partitions: Self.partitions) }
        for number in 0..<shape.aggregators {
            let host = world.makeHost("aggregator-\(number + 1)")
            let text = ChainConfiguration.aggregator(shape, host: host.name, topic: shape.topic(ofAggregator: number))
            aggregators.append(SimulatedAgent(host, name: "aggregator", configuration: text))
        }
        let hosts = (1...shape.edges).map { [world] in world.makeHost("edge-\($0)") }
        feeder = shape.makeFeeder(world, hosts)
        for (number, host) in hosts.enumerated() {
            let text = ChainConfiguration.edge(shape, source: feeder.configuration(ofEdge: number))
            edges.append(SimulatedAgent(host, name: "edge", configuration: text))
        }
        for agent in agents {
            // So little that it is spent now and then.
            agent.host.memoryLimit = 16 << 10
            agent.host.restart()
            agent.couldNotStart = { [unowned self, unowned agent] in couldNotStart(agent, $0) }
        }
    }
    private var agents: [SimulatedAgent] { aggregators + edges }

    package func run() -> Report {
        for aggregator in aggregators { aggregator.start() }
        // Where nothing may fail, nobody is called before it listens: that would be a fail-over already.
        if shape.isCalm { world.run(for: .seconds(1)) }
        for edge in edges { edge.start() }
        world.run(for: .seconds(1))
        let begin = world.now, end = begin + shape.trouble
        world.faults = ChainTrouble.faults(shape, &random)
        for trouble in ChainTrouble.plan(shape, &random) {
            world.at(begin + trouble.begin) { [self] in if !isOver { cause(trouble) } }
        }
        planLines()
        watch(until: end)
        world.run(until: end)
        calm()
        var isSettled = false
        for _ in 0..<1200 where !isSettled {
            world.run(for: .milliseconds(500))
            isSettled = isComplete
        }
        for edge in edges { edge.noteStreams() }
        // A frame that will never be whole keeps its memory until its connection times out.
        if isSettled { world.run(while: { !agents.allSatisfy { $0.host.memory.used == 0 } }, limit: .seconds(240)) }
        return report(isSettled)
    }

    /// What the agents logged, and when, in seconds; for whoever looks into a seed.
    package var logs: [String] {
        agents.flatMap { agent in
            agent.host.log.lines.map { "\(Double($0.time.nanoseconds) / 1e9) \(agent.host.name) \($0)" }
        }.sorted()
            + agents.flatMap { agent in
                agent.host.metrics.snapshot().filter { $0.value != 0 }.map {
                    "\(agent.host.name) \($0.component) \($0.name) = \($0.value)"
                }
            }
    }

    // MARK: What goes wrong

    private func cause(_ trouble: ChainTrouble) {
        let length = trouble.length, choice = trouble.choice
        let aggregator = aggregators[choice % aggregators.count], edge = edges[choice % edges.count]
        let any = agents[choice % agents.count]
        func then(_ body: @escaping () -> Void) { world.after(length, body) }
        switch trouble.kind {
        case .killAggregator: crash(aggregator, for: length)
        case .killEdge: if feeder.outlivesAgent { crash(edge, for: length) }
        case .drainAggregator: drain(aggregator, for: length)
        case .drainEdge: if feeder.outlivesAgent { drain(edge, for: length) }
        case .cutEdge:
            world.partition(edge.host, aggregator.host)
            then { [world] in world.heal(edge.host, aggregator.host) }
        case .cutBroker:
            world.setBrokerReachable(false, from: any.host)
            then { [world] in world.setBrokerReachable(true, from: any.host) }
        case .pauseAggregator: if aggregator.host.isUp { aggregator.host.pause(for: length) }
        case .pauseEdge: if edge.host.isUp { edge.host.pause(for: length) }
        case .brokerDown:
            world.broker.isUp = false
            then { [world] in world.broker.isUp = true }
        case .leaderless:
            let topic = shape.topics[choice % shape.topics.count]
            let partition = TopicPartition(topic: topic, partition: Int32(choice % Self.partitions))
            world.broker.setLeader(of: partition, false)
            then { [world] in world.broker.setLeader(of: partition, true) }
        case .failDisk:
            let operation = FileOperation.allCases[choice % FileOperation.allCases.count]
            any.host.files.fault = { kind, path, _ in
                guard kind == operation, path.hasPrefix("/state") else { return nil }
                return TailraceError(code: "disk.failed", message: "cannot \(kind.rawValue) \(path): Input/output error")
            }
            then { any.host.files.fault = nil }
        case .fillDisk:
            any.host.files.capacity = any.host.files.usedBytes + choice % 3 * (700 << 10)
            then { any.host.files.capacity = .max }
        case .stallDisks:
            let before = world.faults.slowSync
            world.faults.slowSync = 1
            then { [self] in if !isOver { world.faults.slowSync = before } }
        case .restoreEdge: restore(edge, after: length)
        }
    }

    private func crash(_ agent: SimulatedAgent, for length: Duration) {
        guard agent.host.isUp else { return }
        crashes += 1
        let losingPower = length.milliseconds % 2 == 0
        agent.crash(losingPower: losingPower)
        if losingPower, shape.syncMode != "commit", agent.name == "edge" {
            // What these modes may cost. (Of its lines those that its position file had passed.)
            agent.forgetStreams()
            mayMissLines = true
        }
        comeBack(agent, after: length)
    }
    private func comeBack(_ agent: SimulatedAgent, after length: Duration) {
        world.after(length) { [self] in if !isOver, !agent.host.isUp { agent.restart() } }
    }
    private func drain(_ agent: SimulatedAgent, for length: Duration) {
        guard agent.host.isUp, agent.isRunning else { return }
        agent.stop(within: .seconds(5)) { [self] in
            // What a process that has ended looks like from outside. (Not within the turn that ends it.)
            world.after(.milliseconds(1)) { [self] in
                guard agent.host.isUp, !agent.isRunning else { return }
                crashes += 1
                agent.host.crash(losingPower: false)
                if isOver { agent.restart() } else { comeBack(agent, after: length) }
            }
        }
    }
    /// As a service manager does it: what cannot start for the disk's sake is started again.
    private func couldNotStart(_ agent: SimulatedAgent, _ error: TailraceError) {
        let isDisk = error.code.hasPrefix("disk.") || error.code.hasPrefix("file.")
        if isOver || !isDisk { broken.append("\(agent.host.name) could not start: \(error)") }
        world.after(.milliseconds(1)) { [self] in
            guard agent.host.isUp, !agent.isRunning else { return }
            agent.crash()
            world.after(.seconds(1)) { if !agent.host.isUp { agent.restart() } }
        }
    }
    /// A backup of its state now; it goes on, and later it dies and finds the backup.
    private func restore(_ edge: SimulatedAgent, after length: Duration) {
        let backup = edge.host.files.backup("/state")
        world.after(length) { [self] in
            guard !isOver else { return }
            if edge.host.isUp {
                crashes += 1
                edge.crash()
            }
            edge.forgetStreams()
            world.note("restore", backup.files.count)
            edge.host.files.restore(backup, inPlace: shape.restoresInPlace)
            comeBack(edge, after: .seconds(2))
        }
    }

    /// From here on nothing goes wrong any more, and everything must arrive.
    private func calm() {
        isOver = true
        world.faults = .calm
        world.healAll()
        world.broker.isUp = true
        for topic in shape.topics {
            for partition in 0..<Self.partitions {
                world.broker.setLeader(of: TopicPartition(topic: topic, partition: Int32(partition)), true)
            }
        }
        for agent in agents {
            agent.host.files.fault = nil
            agent.host.files.capacity = .max
            if !agent.host.isUp { agent.restart() }
        }
    }

    private func planLines() {
        let span = shape.trouble.milliseconds
        var times = (0..<shape.lines).map { _ in Int64.random(in: 0..<span, using: &random) }.sorted()
        while !times.isEmpty {
            let burst = min(times.count, Int.random(in: 1...20, using: &random)), time = times[burst - 1]
            times.removeFirst(burst)
            world.after(.milliseconds(time)) { [self] in
                feeder.feed((fed..<fed + burst).map { "line \($0) of seed \(seed)" })
                fed += burst
            }
        }
    }

    /// Bounds hold at all times.
    private func watch(until end: Instant) {
        for agent in agents where broken.count < 10 { broken += agent.brokenBounds }
        guard world.now < end else { return }
        world.after(.milliseconds(500)) { [self] in watch(until: end) }
    }

    // MARK: What must hold

    private var isComplete: Bool {
        guard agents.allSatisfy(\.isEmpty) else { return false }
        for edge in edges { edge.noteStreams() }
        let truth = ChainTruth(world.broker, shape.topics)
        return missing(truth).isEmpty && truth.missingSafe(edges).isEmpty
    }

    private func missing(_ truth: ChainTruth) -> [String] { mayMissLines ? [] : truth.missing(feeder.owed) }

    private func report(_ isSettled: Bool) -> Report {
        let truth = ChainTruth(world.broker, shape.topics)
        var broken = broken + truth.disagreements
        let most = agents.reduce(0) { $0 + $1.mostRepeated }
        if truth.duplicates > most { broken.append("\(truth.duplicates) duplicates, the agents count \(most)") }
        if shape.readsOnce, truth.readAgain > 0 { broken.append("\(truth.readAgain) lines were read twice") }
        if shape.isCalm, truth.duplicates + truth.readAgain > 0 { broken.append("something came twice though nothing failed") }
        if shape.isCalm, shape.group == .failover, truth.outOfOrder > 0 {
            broken.append("\(truth.outOfOrder) out of order though nothing failed")
        }
        for agent in agents where isSettled && agent.host.memory.used != 0 {
            broken.append("\(agent.host.name) still has \(agent.host.memory.used) bytes of its budget")
        }
        broken += agents.compactMap { agent in agent.failure.map { "\(agent.host.name): \($0)" } }
        return Report(
            seed: seed, transcript: world.transcript.hash, lines: feeder.owed.count, missingLines: missing(truth),
            missingSafe: truth.missingSafe(edges), invented: truth.invented(feeder.known), delivered: truth.records,
            duplicates: truth.duplicates, readAgain: truth.readAgain, reused: truth.reused, crashes: crashes,
            isSettled: isSettled, broken: broken)
    }
}
