import Glibc
import TailraceCore
import TailraceIO
import TailraceRdkafka
import Testing

@Suite struct RealKafkaTests {
    /// Real lines byte for byte; a group that hands over without loss or repetition; a broker killed and restarted.
    @Test(.enabled(if: RealKafka.isPresent, "no Kafka by TAILRACE_SHARED or ../shared"))
    func realKafka() async throws {
        let kafka = RealKafka(try EpollLoop())
        let isStarted = await kafka.cluster("start", "--port", "\(kafka.port)")
        do {
            try #require(isStarted)
            let world = try KafkaWorld(bootstraps: kafka.bootstraps)
            try await realLines(world)
            try await takeOver(world, "range", commitsMayFail: false)
            try await killAndRestart(world, kafka)
        } catch {
            _ = await kafka.end()
            throw error
        }
        #expect(await kafka.end())
    }

    private func realLines(_ world: KafkaWorld) async throws {
        let producer = try world.makeProducer(["linger.ms": "5"]), owner = TestOwner()
        var sent: [Bytes] = []
        for path in RealKafka.logs {
            let batch = try read(path)
            sent += (0..<batch.count).map { batch[$0].body }
            var records = RecordSet(batch, topic: .all("lines"))
            records.partition = .all(0)
            records.identityHeader = path.hasSuffix("Linux.log")
            #expect(await world.deliver(records, by: producer)?.confirmed == [0..<batch.count])
        }
        let consumer = try world.makeConsumer(owner, group: "lines")
        try consumer.subscribe(["lines"], pattern: nil)
        #expect(await world.loop.run { owner.events >= sent.count })
        let isEqual = owner.bodies == sent
        #expect(isEqual, "\(sent.count) lines were sent, \(owner.events) read")
        #expect(await world.close(consumer))
        #expect(await world.close(producer))
    }

    private func read(_ path: String) throws -> EventBatch {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var builder = BufferBuilder(capacity: 1 << 20)
        while true {
            builder.reserve(1 << 16)
            let count = fread(builder.spare.baseAddress, 1, builder.spare.count, file)
            if count == 0 { break }
            builder.filled(count)
        }
        let bytes = builder.finish()
        var bodies: [BodyRange] = [], start = 0
        for (index, byte) in bytes.enumerated() where byte == 0x0A {
            bodies.append(BodyRange(start: UInt32(start), end: UInt32(index)))
            start = index + 1
        }
        if start < bytes.count { bodies.append(BodyRange(start: UInt32(start), end: UInt32(bytes.count))) }
        return EventBatch(bytes.buffer, bodies).numbered(StreamID(value: 1), from: 0)
    }

    private func killAndRestart(_ world: KafkaWorld, _ kafka: RealKafka) async throws {
        let producer = try world.makeProducer(["reconnect.backoff.max.ms": "200", "linger.ms": "5"])
        var confirmed = 0, answers = 0
        func send(_ numbers: Range<Int>) {
            #expect(
                producer.produce(RecordSet(makeBatch(numbers), topic: .all("kill"))) {
                    confirmed += $0.confirmedCount
                    answers += 1
                })
        }
        send(0..<1000)
        #expect(await world.loop.run { answers == 1 })
        #expect(await kafka.cluster("kill", "--node", "0"))
        send(1000..<2000)
        #expect(await kafka.cluster("restart", "--node", "0"))
        #expect(await world.loop.run(limit: .seconds(60)) { answers == 2 })
        #expect(confirmed == 2000)
        #expect(world.failures.isEmpty)
        let stored = try readRecords(kafka.bootstraps, "kill", partitions: 4, count: 2000)
        #expect(Set(stored.map(\.value)) == Set((0..<2000).map { "line \($0) " }))
        #expect(await world.close(producer))
    }
}
