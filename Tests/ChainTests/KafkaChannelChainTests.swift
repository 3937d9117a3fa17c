import TailraceCore
import TailraceScenarios
import TailraceSimulation
import Testing

/// A Kafka channel between agents: one that has a source only, two that have a sink only and share its group; with everything
/// that can go wrong between them and the broker.
@Suite struct KafkaChannelChainTests {
    private final class Chain {
        let world: SimulatedWorld
        let seed: UInt64
        let writer: SimulatedAgent
        var relays: [SimulatedAgent] = []
        var random: SeededRandom
        var written = 0
        private(set) var crashes = 0

        init(seed: UInt64) {
            self.seed = seed
            world = SimulatedWorld(seed: seed)
            random = world.random("kafka channel")
            for topic in ["flume-channel", "events"] { world.broker.createTopic(topic, partitions: 4) }
            let channel = """
                a.channels = c
                a.channels.c.type = org.apache.flume.channel.kafka.KafkaChannel
                a.channels.c.kafka.bootstrap.servers = kafka:9092
                a.channels.c.parseAsFlumeEvent = \(seed % 2 == 0)

                """
            let host = world.makeHost("writer")
            host.files.makeDirectory("/logs")
            host.files.write("/logs/app.log", "")
            writer = SimulatedAgent(
                host, name: "a",
                configuration: channel + """
                    a.sources = r
                    a.sources.r.type = TAILDIR
                    a.sources.r.filegroups = f1
                    a.sources.r.filegroups.f1 = /logs/app.log
                    a.sources.r.fileHeader = true
                    a.sources.r.positionFile = /state/taildir_position.json
                    a.sources.r.batchSize = 20
                    a.sources.r.channels = c
                    """)
            for number in 1...2 {
                let relay =
                    channel + """
                        a.sinks = k
                        a.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
                        a.sinks.k.kafka.bootstrap.servers = kafka:9092
                        a.sinks.k.kafka.topic = events
                        a.sinks.k.flumeBatchSize = 15
                        a.sinks.k.identityHeaders = true
                        a.sinks.k.header.file = file
                        a.sinks.k.channel = c
                        """
                relays.append(SimulatedAgent(world.makeHost("relay-\(number)"), name: "a", configuration: relay))
            }
        }

        func line(_ number: Int) -> String { "line \(number) of seed \(seed)" }
        func write(_ count: Int) {
            writer.host.files.append("/logs/app.log", (written..<written + count).map { line($0) + "\n" }.joined())
            written += count
        }
        var arrived: Set<String> { Set(world.broker.records("events").map(\.value.text)) }

        /// Numbers that the writer's channel called safe, and that are not in the last topic.
        var missingSafe: [String] {
            writer.noteStreams()
            var numbers: [StreamID: Set<UInt64>] = [:]
            for record in world.broker.records("events") {
                if let (stream, number) = record.identity { numbers[stream, default: []].insert(number) }
            }
            return writer.streams.sorted { $0.key < $1.key }.flatMap { stream, reached in
                (0..<reached.safe).filter { numbers[stream]?.contains($0) != true }.map { "\(stream)/\($0)" }
            }
        }

        func run(trouble: Duration, lines: Int) {
            for agent in [writer] + relays { agent.start() }
            world.run(for: .seconds(1))
            world.faults.brokerError = Double.random(in: 0...0.2, using: &random)
            world.faults.brokerFatal = Double.random(in: 0...0.02, using: &random)
            let end = world.now + trouble
            func moment() -> Duration { .milliseconds(Int64.random(in: 0..<trouble.milliseconds, using: &random)) }
            for _ in 0..<lines / 10 { world.after(moment()) { self.write(10) } }
            for _ in 0..<Int.random(in: 3...10, using: &random) {
                let kind = Int.random(in: 0..<8, using: &random)
                let length = Duration.milliseconds(Int64.random(in: 10...20_000, using: &random))
                world.after(moment()) { self.goWrong(kind, length) }
            }
            world.run(until: end)
            world.faults = .calm
            world.broker.isUp = true
            for partition in 0..<4 as Range<Int32> {
                world.broker.setLeader(of: TopicPartition(topic: "flume-channel", partition: partition), true)
            }
            for agent in [writer] + relays where !agent.host.isUp { agent.restart() }
            world.run(while: { arrived.count < written || !missingSafe.isEmpty }, limit: .seconds(600))
        }
        private func goWrong(_ kind: Int, _ length: Duration) {
            switch kind {
            case 0...2: crash(relays[kind % 2], length)
            case 3: crash(writer, length)
            case 4:
                world.broker.isUp = false
                world.after(length) { self.world.broker.isUp = true }
            case 5:
                let partition = TopicPartition(topic: "flume-channel", partition: Int32(length.milliseconds % 4))
                world.broker.setLeader(of: partition, false)
                world.after(length) { self.world.broker.setLeader(of: partition, true) }
            case 6: if relays[0].host.isUp { relays[0].host.pause(for: length) }
            default:
                let relay = relays[1]
                guard relay.host.isUp, relay.isRunning else { return }
                relay.stop(within: .seconds(5)) { self.world.after(.milliseconds(1)) { self.crash(relay, length) } }
            }
        }
        private func crash(_ agent: SimulatedAgent, _ length: Duration) {
            guard agent.host.isUp else { return }
            crashes += 1
            agent.crash()
            world.after(length) { if !agent.host.isUp { agent.restart() } }
        }
    }

    @Test(arguments: 0..<8)
    func nothingSafeIsMissing(block: UInt64) {
        var crashes = 0
        for seed in block * 20..<(block + 1) * 20 {
            let chain = Chain(seed: seed)
            chain.run(trouble: .seconds(60), lines: 300)
            let sent = Set((0..<chain.written).map(chain.line)), arrived = chain.arrived
            let missing = sent.subtracting(arrived), invented = arrived.subtracting(sent)
            #expect(missing.isEmpty && invented.isEmpty, "seed \(seed): missing \(missing.count), invented \(invented.count)")
            // The identity of the writer's events went through the topic; so did their headers.
            #expect(chain.missingSafe.isEmpty, "seed \(seed): safe and missing: \(chain.missingSafe.prefix(5))")
            let records = chain.world.broker.records("events")
            #expect(records.allSatisfy { $0.headers.contains { $0.name == "file" && $0.value.text == "/logs/app.log" } })
            crashes += chain.crashes
        }
        #expect(crashes > 0)
    }
}
