import CRdkafka
import TailraceCore
import Testing

@testable import TailraceRdkafka

@Suite struct ConsumerTests {
    private func fill(_ world: KafkaWorld, _ count: Int, partitions: Int, topic: String = "t") async throws {
        try world.embedded!.createTopic(topic, partitions: partitions)
        let producer = try world.makeProducer(["linger.ms": "1"])
        var records = RecordSet(makeBatch(0..<count), topic: .all(topic))
        records.partition = .each((0..<count).map { Int32($0 % partitions) })
        #expect(await world.deliver(records, by: producer)?.confirmedCount == count)
        #expect(await world.close(producer))
    }

    /// Batches are of one partition, in order, without a gap, and within the limits.
    @Test func batchesAreBounded() async throws {
        let world = try KafkaWorld()
        try await fill(world, 3000, partitions: 3)
        let owner = TestOwner(), consumer = try world.makeConsumer(owner, group: "g")
        owner.limit = BatchSize(events: 70, bytes: 500)
        try consumer.subscribe(["t"], pattern: nil)
        #expect(await world.loop.run { owner.events == 3000 })
        var next: [TopicPartition: Int64] = [:]
        for batch in owner.batches {
            #expect(batch.events.size.fits(in: owner.limit))
            for offset in batch.offsets {
                #expect(offset == next[batch.partition, default: 0])
                next[batch.partition] = offset + 1
            }
        }
        #expect(next.values.sorted() == [1000, 1000, 1000])
        #expect(owner.failures.isEmpty)
        #expect(await world.close(consumer))
    }

    /// After a nil there is one signal, in a later turn, and none without a nil.
    @Test func oneSignalAfterANil() async throws {
        let world = try KafkaWorld()
        try await fill(world, 10, partitions: 1)
        let owner = TestOwner(), consumer = try world.makeConsumer(owner, group: "g")
        owner.isEager = false
        try consumer.subscribe(["t"], pattern: nil)
        #expect(await world.loop.run { !owner.assigned.isEmpty })
        await world.loop.run(for: .milliseconds(200))
        #expect(owner.signals == 0)
        while consumer.poll(upTo: .unlimited) != nil {}
        let producer = try world.makeProducer()
        #expect(await world.deliver(RecordSet(makeBatch(10..<20), topic: .all("t")), by: producer)?.confirmed == [0..<10])
        #expect(await world.loop.run { owner.signals == 1 })
        await world.loop.run(for: .milliseconds(100))
        #expect(owner.signals == 1)
        #expect(consumer.poll(upTo: .unlimited)?.events.count ?? 0 > 0)
        #expect(await world.close(producer))
        #expect(await world.close(consumer))
    }

    /// Committed offsets come with the assignment; the next consumer of the group goes on there.
    @Test func commitAndGoOn() async throws {
        let world = try KafkaWorld()
        try await fill(world, 100, partitions: 2)
        let first = TestOwner(), consumer = try world.makeConsumer(first, group: "g")
        try consumer.subscribe(["t"], pattern: nil)
        #expect(await world.loop.run { first.events == 100 })
        #expect(first.committed.isEmpty)
        var commits: [Bool] = []
        consumer.commit([(TopicPartition(topic: "t", partition: 0), 20), (TopicPartition(topic: "t", partition: 1), 50)]) {
            if case .success = $0 { commits.append(true) } else { commits.append(false) }
        }
        consumer.commit([]) { _ in commits.append(true) }
        #expect(commits.isEmpty)
        #expect(await world.loop.run { commits.count == 2 })
        #expect(commits == [true, true])
        #expect(await world.close(consumer))

        let second = TestOwner(), again = try world.makeConsumer(second, group: "g")
        try again.subscribe(["t"], pattern: nil)
        #expect(await world.loop.run { second.events == 30 })
        #expect(
            second.committed == [TopicPartition(topic: "t", partition: 0): 20, TopicPartition(topic: "t", partition: 1): 50])
        await world.loop.run(for: .milliseconds(100))
        #expect(second.events == 30)
        #expect(Set(second.batches.flatMap(\.offsets)) == Set(20..<50))
        #expect(await world.close(again))
    }

    /// What a paused partition has waits; nothing of it is lost or repeated.
    @Test func pauseAndResume() async throws {
        let world = try KafkaWorld()
        try await fill(world, 4000, partitions: 2)
        let owner = TestOwner(), consumer = try world.makeConsumer(owner, group: "g")
        owner.isEager = false
        owner.limit = BatchSize(events: 100, bytes: 1 << 20)
        try consumer.subscribe(["t"], pattern: nil)
        let zero = TopicPartition(topic: "t", partition: 0), one = TopicPartition(topic: "t", partition: 1)
        #expect(
            await world.loop.run {
                if let batch = consumer.poll(upTo: owner.limit) { owner.batches.append(batch) }
                return owner.batches.contains { $0.partition == zero } && owner.batches.contains { $0.partition == one }
            })
        consumer.pause([zero])
        let before = owner.batches.count
        #expect(
            await world.loop.run {
                if let batch = consumer.poll(upTo: owner.limit) { owner.batches.append(batch) }
                return owner.positions(of: [one]).first!.1 == 2000
            })
        #expect(owner.batches[before...].allSatisfy { $0.partition == one })
        owner.isEager = true
        owner.take()
        consumer.resume([zero])
        #expect(await world.loop.run { owner.events == 4000 })
        let offsets = owner.batches.filter { $0.partition == zero }.flatMap(\.offsets)
        #expect(offsets == Array(0..<2000))
        #expect(await world.close(consumer))
    }

    /// A second consumer of the group: the first finishes, commits and lets go; nothing is lost, and nothing that was
    /// committed comes again.
    @Test(arguments: ["range", "cooperative-sticky"])
    func secondConsumerTakesOver(strategy: String) async throws {
        let world = try KafkaWorld()
        try world.embedded!.createTopic("t", partitions: 4)
        // It refuses commits while the group forms anew, where a real one does not.
        try await takeOver(world, strategy, commitsMayFail: true)
    }

    /// The group forgot the consumer: its partitions are lost, nothing of them may be committed, and it begins again.
    @Test func lostPartitionsMayNotBeCommitted() async throws {
        let world = try KafkaWorld()
        try await fill(world, 10, partitions: 1)
        let owner = TestOwner(), consumer = try world.makeConsumer(owner, group: "g")
        var revocations: [Bool] = []
        owner.beforeRevocation = { _, mayCommit, done in
            revocations.append(mayCommit)
            done()
        }
        try consumer.subscribe(["t"], pattern: nil)
        #expect(await world.loop.run { owner.events == 10 })
        world.embedded!.fail(.heartbeat, with: [25])  // UNKNOWN_MEMBER_ID
        #expect(await world.loop.run { owner.rebalances == ["+1", "-1", "+1"] })
        #expect(revocations == [false])
        #expect(await world.loop.run { owner.events == 20 }, "nothing was committed, so all comes again")
        #expect(await world.close(consumer))
    }

    /// Without the group's offsets nothing starts: it is told, and asked again.
    @Test func committedOffsetsAreAskedForAgain() async throws {
        let world = try KafkaWorld()
        try await fill(world, 10, partitions: 1)
        world.embedded!.fail(.offsetFetch, with: [30])  // GROUP_AUTHORIZATION_FAILED
        let owner = TestOwner(), consumer = try world.makeConsumer(owner, group: "g")
        try consumer.subscribe(["t"], pattern: nil)
        #expect(await world.loop.run { owner.events == 10 })
        #expect(owner.failures.map(\.code) == ["kafka.committed"])
        #expect(owner.failures.first?.fix == "grant the user of this client the right to read with this group.")
        #expect(owner.rebalances == ["+1"])
        #expect(await world.close(consumer))
    }

    /// Topics by pattern; wrong names and patterns are told.
    @Test func subscriptions() async throws {
        let world = try KafkaWorld()
        try await fill(world, 10, partitions: 1, topic: "logs.a")
        let owner = TestOwner(), consumer = try world.makeConsumer(owner, group: "g")
        let name = #expect(throws: TailraceError.self) { try consumer.subscribe(["a b"], pattern: nil) }
        #expect(name?.message == "\"a b\" is no topic name and no pattern")
        let pattern = #expect(throws: TailraceError.self) { try consumer.subscribe([], pattern: "logs.*") }
        #expect(pattern?.code == "kafka.subscribe")
        let broken = #expect(throws: TailraceError.self) { try consumer.subscribe([], pattern: "^logs(") }
        #expect(broken?.code == "kafka.subscribe")
        try consumer.subscribe([], pattern: "^logs\\..*")
        #expect(await world.loop.run { owner.events == 10 })
        #expect(await world.close(consumer))
    }

    /// Nobody polls for longer than `max.poll.interval.ms`: back-pressure does not cost the membership.
    @Test func quietConsumerStaysInTheGroup() async throws {
        let world = try KafkaWorld()
        try await fill(world, 10, partitions: 1)
        let owner = TestOwner()
        owner.isEager = false
        let consumer = try world.makeConsumer(
            owner, group: "g", ["max.poll.interval.ms": "3500"])
        try consumer.subscribe(["t"], pattern: nil)
        #expect(await world.loop.run { !owner.assigned.isEmpty })
        await world.loop.run(for: .milliseconds(5000))
        #expect(owner.failures.isEmpty)
        #expect(owner.rebalances == ["+1"])
        #expect(await world.loop.run { consumer.poll(upTo: .unlimited) != nil })
        #expect(await world.close(consumer))
    }

    /// Closing in the middle of a revocation, or before the group answered, ends too.
    @Test(arguments: [false, true])
    func closeAtAnyTime(inRevocation: Bool) async throws {
        let world = try KafkaWorld()
        try await fill(world, 10, partitions: 4)
        let owner = TestOwner(), consumer = try world.makeConsumer(owner, group: "g")
        var isRevoking = false
        owner.beforeRevocation = { _, _, _ in isRevoking = true }
        try consumer.subscribe(["t"], pattern: nil)
        if inRevocation {
            #expect(await world.loop.run { owner.assigned.count == 4 })
            let other = TestOwner(), second = try world.makeConsumer(other, group: "g")
            try second.subscribe(["t"], pattern: nil)
            #expect(await world.loop.run { isRevoking })
            #expect(await world.close(consumer))
            #expect(await world.loop.run { other.assigned.count == 4 })
            #expect(await world.close(second))
        } else {
            #expect(await world.close(consumer))
        }
        #expect(consumer.poll(upTo: .unlimited) == nil)
        var answer: Result<Void, TailraceError>?
        consumer.commit([(TopicPartition(topic: "t", partition: 0), 1)]) { answer = $0 }
        #expect(await world.loop.run { answer != nil })
    }

    /// The owner lets go at once: `done` comes all the same, and nothing stays.
    @Test func droppedWhileClosing() async throws {
        let world = try KafkaWorld(), owner = TestOwner()
        var consumer: (any ConsumerClient)? = try world.makeConsumer(owner, group: "g")
        weak let gone = consumer
        var isClosed = false
        consumer!.close { isClosed = true }
        (consumer, owner.client) = (nil, nil)
        #expect(await world.loop.run { isClosed })
        #expect(await world.loop.run { gone == nil })
    }

    /// A fatal error: told once by its code, and nothing more is handed out.
    @Test func fatalErrorEndsTheConsumer() async throws {
        let world = try KafkaWorld()
        try await fill(world, 10, partitions: 1)
        let owner = TestOwner(), consumer = try world.makeConsumer(owner, group: "g")
        owner.isEager = false
        try consumer.subscribe(["t"], pattern: nil)
        #expect(await world.loop.run { owner.assigned.count == 1 })
        let client = try #require(consumer as? RdkafkaConsumer).client
        rd_kafka_test_fatal_error(client.pointer, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "made by the test")
        #expect(await world.loop.run { owner.failures.contains { $0.code == "kafka.fatal" } })
        #expect(consumer.poll(upTo: .unlimited) == nil)
        #expect(await world.close(consumer))
        #expect(owner.failures.count { $0.code == "kafka.fatal" } == 1)
    }
}
