import TailraceCore
package import TailraceSimulation

/// A whole chain in one thread from a seed: an edge that tails a file, a sink group, aggregators, Kafka; and everything that
/// can go wrong between them. ``run()`` plays it and tells what arrived.
package final class ChainScenario {
    package struct Shape: Sendable {
        package enum Source: String, Sendable, CaseIterable { case taildir, seq }
        package enum Group: String, Sendable, CaseIterable { case loadBalance, failover }
        package enum Channel: String, Sendable, CaseIterable { case memory, file }
        package var source = Source.taildir
        package var edgeChannel = Channel.memory
        package var aggregatorChannel = Channel.memory
        package var group = Group.loadBalance
        package var compression = "none"
        package var aggregators = 2
        package var lines = 400
        /// What the aggregators' source answers for: `committed` is the planted bug "acknowledge before safe".
        package var acknowledge = "safe"
        /// How long things go wrong.
        package var trouble = Duration.seconds(60)
        package init() {}

        /// Which chain a seed plays: all sources, groups and codecs come up.
        package static func of(seed: UInt64) -> Shape {
            var shape = Shape()
            shape.source = seed % 4 == 3 ? .seq : .taildir
            shape.group = seed % 2 == 0 ? .loadBalance : .failover
            shape.compression = ["none", "lz4", "zstd"][Int(seed / 4 % 3)]
            shape.edgeChannel = seed / 12 % 2 == 0 ? .memory : .file
            shape.aggregatorChannel = seed / 24 % 2 == 0 ? .memory : .file
            return shape
        }
    }

    package struct Report: Sendable, CustomStringConvertible {
        package var seed: UInt64
        package var transcript: UInt64
        /// Lines written, and those that never arrived although their edge lived on.
        package var lines: Int
        package var missingLines: [String]
        /// Numbers that were answered as safe and are not in Kafka.
        package var missingSafe: [String]
        package var invented: Int
        package var delivered: Int
        package var duplicates: Int
        package var crashes: Int
        /// Everything arrived within the time after the trouble.
        package var isSettled: Bool
        package var failures: [String]

        package var isCorrect: Bool {
            missingLines.isEmpty && missingSafe.isEmpty && invented == 0 && isSettled && failures.isEmpty
        }
        package var description: String {
            "seed \(seed): \(lines) lines, \(delivered) records, \(duplicates) duplicates, \(crashes) crashes, "
                + "\(missingSafe.count) safe missing \(missingSafe.prefix(5)), \(missingLines.count) lines missing "
                + "\(missingLines.prefix(5)), \(invented) invented, settled: \(isSettled) \(failures.prefix(3)), "
                + "transcript \(String(transcript, radix: 16))"
        }
    }

    package let world: SimulatedWorld
    private let seed: UInt64
    private let shape: Shape
    private var random: SeededRandom
    private let edge: SimulatedAgent
    private var aggregators: [SimulatedAgent] = []
    private var written: [String] = []
    private var crashes = 0
    private static let topic = "events"
    private static let log = "/logs/app.log"

    package init(seed: UInt64, _ shape: Shape = Shape()) {
        (self.seed, self.shape) = (seed, shape)
        world = SimulatedWorld(seed: seed)
        random = world.random("scenario")
        world.broker.createTopic(Self.topic, partitions: 4)
        for number in 1...shape.aggregators {
            let host = world.makeHost("aggregator-\(number)")
            aggregators.append(
                SimulatedAgent(host, name: "aggregator", configuration: ChainConfiguration.aggregator(shape, host: host.name)))
        }
        let host = world.makeHost("edge-1")
        host.files.makeDirectory("/logs")
        host.files.write(Self.log, "")
        edge = SimulatedAgent(host, name: "edge", configuration: ChainConfiguration.edge(shape))
    }

    package func run() -> Report {
        for agent in aggregators { agent.start() }
        edge.start()
        world.run(for: .seconds(1))
        let end = world.now + shape.trouble
        planFaults()
        planTrouble(until: end)
        planLines(until: end)
        world.run(until: end)
        // From here on nothing goes wrong any more, and everything must arrive.
        world.faults = .calm
        world.healAll()
        world.broker.isUp = true
        for partition in 0..<4 {
            world.broker.setLeader(of: TopicPartition(topic: Self.topic, partition: Int32(partition)), true)
        }
        for agent in aggregators + [edge] where !agent.host.isUp { agent.restart() }
        var isSettled = false
        for _ in 0..<6000 where !isSettled {
            world.run(for: .milliseconds(100))
            isSettled = isComplete
        }
        edge.noteStreams()
        return report(isSettled)
    }

    /// What the agents logged, and when, in seconds; for whoever looks into a seed.
    package var logs: [String] {
        (aggregators + [edge]).flatMap { agent in
            agent.host.log.lines.map { "\(Double($0.time.nanoseconds) / 1e9) \(agent.host.name) \($0)" }
        }.sorted()
            + (aggregators + [edge]).flatMap { agent in
                agent.host.metrics.snapshot().filter { $0.value != 0 }.map {
                    "\(agent.host.name) \($0.component) \($0.name) = \($0.value)"
                }
            }
    }

    // MARK: What goes wrong

    private func planFaults() {
        func draw(_ most: Double) -> Double { Double.random(in: 0...most, using: &random) }
        if Bool.random(using: &random) { world.faults.reset = draw(0.02) }
        if Bool.random(using: &random) { world.faults.delay = draw(0.1) }
        if Bool.random(using: &random) { world.faults.stall = draw(0.01) }
        if Bool.random(using: &random) { world.faults.refuse = draw(0.3) }
        if Bool.random(using: &random) { world.faults.loseConnect = draw(0.3) }
        if Bool.random(using: &random) { world.faults.brokerError = draw(0.2) }
        if Bool.random(using: &random) { world.faults.brokerFatal = draw(0.01) }
        if Bool.random(using: &random) { world.faults.watchOverflow = draw(0.2) }
    }

    private func planTrouble(until end: Instant) {
        let span = shape.trouble.milliseconds
        for _ in 0..<Int.random(in: 2...10, using: &random) {
            let begin = Duration.milliseconds(Int64.random(in: 0..<span, using: &random))
            let length = Duration.milliseconds(Int64.random(in: 10...20_000, using: &random))
            let kind = Int.random(in: 0..<10, using: &random), which = Int.random(in: 0..<aggregators.count, using: &random)
            world.after(begin) { [self] in
                guard world.now < end else { return }
                trouble(kind, aggregators[which], length)
            }
        }
    }
    private func trouble(_ kind: Int, _ aggregator: SimulatedAgent, _ length: Duration) {
        switch kind {
        case 0...3: crash(aggregator, for: length)
        case 4: if shape.source == .taildir { crash(edge, for: length) }
        case 5:
            world.partition(edge.host, aggregator.host)
            world.after(length) { [self] in world.heal(edge.host, aggregator.host) }
        case 6:
            world.broker.isUp = false
            world.after(length) { [self] in world.broker.isUp = true }
        case 7:
            let partition = TopicPartition(topic: Self.topic, partition: Int32(length.milliseconds % 4))
            world.broker.setLeader(of: partition, false)
            world.after(length) { [self] in world.broker.setLeader(of: partition, true) }
        case 8: if aggregator.host.isUp { aggregator.host.pause(for: length) }
        default:
            guard aggregator.host.isUp, aggregator.isRunning else { return }
            aggregator.stop(within: .seconds(5)) { [self] in
                world.after(.milliseconds(1)) { [self] in
                    crash(aggregator, for: length)  // what a process that has ended looks like from outside
                }
            }
        }
    }
    private func crash(_ agent: SimulatedAgent, for length: Duration) {
        guard agent.host.isUp else { return }
        crashes += 1
        agent.crash(losingPower: length.milliseconds % 2 == 0)
        world.after(length) { if !agent.host.isUp { agent.restart() } }
    }

    private func planLines(until end: Instant) {
        guard shape.source == .taildir else { return }
        let span = shape.trouble.milliseconds
        var times = (0..<shape.lines).map { _ in Int64.random(in: 0..<span, using: &random) }.sorted()
        while !times.isEmpty {
            let burst = min(times.count, Int.random(in: 1...20, using: &random)), time = times[burst - 1]
            times.removeFirst(burst)
            world.after(.milliseconds(time)) { [self] in
                var text = ""
                for _ in 0..<burst {
                    let line = "line \(written.count) of seed \(seed)"
                    written.append(line)
                    text += line + "\n"
                }
                edge.host.files.append(Self.log, text)
            }
        }
    }

    // MARK: What must hold

    private var isComplete: Bool {
        edge.noteStreams()
        guard edge.isRunning, world.broker.records(Self.topic).count >= written.count else { return false }
        if shape.source == .seq,
            !edge.streams.values.contains(where: { $0.submitted >= UInt64(shape.lines) && $0.safe == $0.submitted })
        {
            return false
        }
        return missingLines(distinct()).isEmpty && missingSafe(numbers().0).isEmpty
    }
    private func distinct() -> Set<String> { Set(world.broker.records(Self.topic).map(\.value.text)) }
    private func missingLines(_ arrived: Set<String>) -> [String] { written.filter { !arrived.contains($0) } }

    /// The numbers of each stream that are in Kafka, and how many records are there more than once.
    private func numbers() -> ([StreamID: Set<UInt64>], duplicates: Int) {
        var numbers: [StreamID: Set<UInt64>] = [:], duplicates = 0
        for record in world.broker.records(Self.topic) {
            guard let (stream, sequence) = record.identity else { continue }
            if !numbers[stream, default: []].insert(sequence).inserted { duplicates += 1 }
        }
        return (numbers, duplicates)
    }
    private func missingSafe(_ numbers: [StreamID: Set<UInt64>]) -> [String] {
        var missing: [String] = []
        for (stream, reached) in edge.streams.sorted(by: { $0.key < $1.key }) {
            let arrived = numbers[stream] ?? []
            for number in 0..<reached.safe where !arrived.contains(number) { missing.append("\(stream)/\(number)") }
        }
        return missing
    }

    private func report(_ isSettled: Bool) -> Report {
        let records = world.broker.records(Self.topic)
        let (numbers, duplicates) = numbers(), missingSafe = missingSafe(numbers)
        let arrived = distinct(), known = Set(written)
        let invented = shape.source == .seq ? 0 : arrived.count { !known.contains($0) }
        return Report(
            seed: seed, transcript: world.transcript.hash, lines: written.count, missingLines: missingLines(arrived),
            missingSafe: missingSafe, invented: invented, delivered: records.count, duplicates: duplicates, crashes: crashes,
            isSettled: isSettled, failures: (aggregators + [edge]).compactMap { $0.failure.map(\.description) })
    }
}
