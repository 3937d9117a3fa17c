import TailraceCore
import TailraceSimulation
import Testing

@testable import TailraceKafka

/// Sink → simulated Kafka → two sources of one group, with faults of the broker, lost leaders and rebalances.
struct SimulatedKafkaTests {
    private final class Reader {
        let source: KafkaSource
        let output: SourceOutput
        let channel: FakeChannel

        init(_ environment: Environment) throws {
            channel = FakeChannel(environment.loop)
            channel.isPrompt = true
            output = SourceOutput([channel], [], ReplicatingSelector(isRequired: [true]), environment)
            var configuration = KafkaSourceConfiguration()
            (configuration.bootstrapServers, configuration.topics, configuration.batchSize) = ("kafka:9092", ["logs"], 7)
            _ = try configuration.consumer.set("auto.offset.reset", "earliest", by: ClientSettings.consumerRules)
            source = try KafkaSource(configuration, output, environment)
            output.source = source
            source.start { _ in }
        }
    }

    @Test(arguments: 0..<25) func everyEventComesOutAtTheOtherEnd(seed: UInt64) throws {
        let world = SimulatedWorld(seed: seed)
        world.broker.createTopic("logs", partitions: 3)
        world.faults.brokerError = 0.05
        world.faults.brokerFatal = 0.02
        let writer = world.makeHost("writer"), takes = RecordedTakes()
        let sink = try KafkaSink(
            makeSinkConfiguration(["identityHeaders": "true"]), writer.makeEnvironment(component: "a.sinks.k"))
        sink.start { _ in }
        let first = try Reader(world.makeHost("r1").makeEnvironment(component: "b.sources.r"))
        var waiting = (0..<40).map { makeBatch(10, from: UInt64($0 * 10)) }, nextID: UInt64 = 0,
            open: [UInt64: EventBatch] = [:]
        takes.settled = { id, outcome in
            let batch = open.removeValue(forKey: id)!
            if case .delivered = outcome { return }
            waiting.insert(batch, at: 0)
        }
        var second: Reader?
        for round in 0..<600 where !(waiting.isEmpty && open.isEmpty) {
            for _ in 0..<2 where sink.openSlots > 0 && !waiting.isEmpty {
                nextID += 1
                let batch = waiting.removeFirst()
                open[nextID] = batch
                sink.deliver(takes.take(batch, nextID))
            }
            if round == 3 { second = try Reader(world.makeHost("r2").makeEnvironment(component: "c.sources.r")) }
            if round == 5 { world.broker.setLeader(of: TopicPartition(topic: "logs", partition: 1), false) }
            if round == 100 { world.faults = .calm }
            world.run(for: .milliseconds(500))
        }
        #expect(waiting.isEmpty && open.isEmpty, "seed \(seed)")
        world.broker.setLeader(of: TopicPartition(topic: "logs", partition: 1), true)
        world.run(for: .seconds(60))
        let written = Set(world.broker.records("logs").map(\.value.text)), wanted = Set((0..<400).map { "event \($0)" })
        #expect(written == wanted, "seed \(seed): \(wanted.subtracting(written).sorted())")
        var read: [String] = []
        for reader in [first, second!] {
            for batch in reader.channel.batches { batch.forEach { read.append($1.body.text) } }
        }
        #expect(Set(read) == wanted, "seed \(seed): not read \(wanted.subtracting(read).sorted())")
        // What a reader hands on twice, it reads twice: each rebalance commits what was safe.
        #expect(read.count == world.broker.records("logs").count, "seed \(seed)")
        for partition in 0..<3 {
            let partition = TopicPartition(topic: "logs", partition: Int32(partition))
            let end = Int64(world.broker.records(of: partition).count)
            #expect(end == 0 || world.broker.committed("flume", partition) == end, "seed \(seed): \(partition)")
        }
    }
}
