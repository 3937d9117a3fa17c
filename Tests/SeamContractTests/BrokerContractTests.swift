import TailraceCore
import Testing

/// A batch of `count` numbered events, "0" to "count - 1".
func numbers(_ range: Range<Int>) -> EventBatch {
    var builder = EventBatchBuilder()
    for number in range { builder.append("\(number)".utf8) }
    return builder.finish().numbered(StreamID(value: 7), from: UInt64(range.lowerBound))
}

/// Takes whatever comes, as a Kafka source does, and keeps it.
final class Reader: ConsumerOwner {
    private(set) var consumer: (any ConsumerClient)?
    private(set) var records: [TopicPartition: [(offset: Int64, value: String, key: String?, headers: [RecordHeader])]] = [:]
    private(set) var assignments: [[TopicPartition]] = []
    private(set) var committedAtStart: [TopicPartition: Int64] = [:]
    private(set) var revocations: [[TopicPartition]] = []
    private(set) var errors: [TailraceError] = []
    private(set) var signals = 0, noes = 0
    /// Of this assignment.
    private var lasts: [TopicPartition: Int64] = [:]
    var answersRevocations = true
    var count: Int { records.values.reduce(0) { $0 + $1.count } }

    init(_ fixture: any SeamFixture, group: String, topics: [String] = [], pattern: String? = nil) throws {
        var settings = fixture.brokerSettings
        settings["group.id"] = group
        settings["auto.offset.reset"] = "earliest"
        // The embedded broker's rebalances take a second less than the session.
        settings["session.timeout.ms"] = "3500"
        settings["heartbeat.interval.ms"] = "100"
        consumer = try fixture.environment.broker.makeConsumer(settings, self)
        try consumer!.subscribe(topics, pattern: pattern)
    }
    func read() {
        while let batch = consumer?.poll(upTo: BatchSize(events: 10, bytes: 1 << 20)) {
            #expect((1...10).contains(batch.events.count))
            #expect(batch.offsets.count == batch.events.count && batch.keys.count == batch.events.count)
            batch.events.forEach { index, event in
                let last = lasts.updateValue(batch.offsets[index], forKey: batch.partition)
                #expect(last == nil || batch.offsets[index] > last!, "not in order")
                records[batch.partition, default: []].append(
                    (batch.offsets[index], event.body.text, batch.keys[index]?.text, batch.headers[index]))
            }
        }
        noes += 1
    }
    func clientHasRecords() {
        signals += 1
        #expect(signals <= noes, "a signal without a no before it")
        read()
    }
    func assigned(_ partitions: [(TopicPartition, Int64?)], _ start: @escaping ([(TopicPartition, Int64?)]) -> Void) {
        assignments.append(partitions.map(\.0).sorted())
        lasts = [:]
        for (partition, offset) in partitions { committedAtStart[partition] = offset }
        start(partitions)
        read()
    }
    func revoked(_ partitions: [TopicPartition], mayCommit: Bool, _ done: @escaping () -> Void) {
        revocations.append(partitions.sorted())
        if answersRevocations { done() }
    }
    func failed(_ error: TailraceError) { errors.append(error) }
    func close(_ fixture: any SeamFixture) throws {
        var isClosed = false
        consumer?.close { isClosed = true }
        #expect(fixture.run(while: { !isClosed }, limit: .seconds(20)))
        consumer = nil
    }
}

@Suite(.serialized) struct BrokerContractTests {
    private func producer(_ fixture: any SeamFixture, _ more: [String: String] = [:]) throws -> any ProducerClient {
        try fixture.environment.broker.makeProducer(fixture.brokerSettings.merging(more) { $1 }) {
            Issue.record("failed: \($0)")
        }
    }
    private func close(_ fixture: any SeamFixture, _ producer: any ProducerClient) {
        var isClosed = false
        producer.close { isClosed = true }
        #expect(!isClosed, "answered within the call")
        #expect(fixture.run { !isClosed })
    }
    private func produce(_ fixture: any SeamFixture, _ producer: any ProducerClient, _ records: RecordSet) throws
        -> ProduceResult
    {
        var results: [ProduceResult] = []
        #expect(producer.produce(records) { results.append($0) })
        #expect(results.isEmpty, "answered within the call")
        #expect(fixture.run(while: { results.isEmpty }, limit: .seconds(30)))
        fixture.settle()
        #expect(results.count == 1)
        return try #require(results.first)
    }

    /// "Keeps the batch until its last report; then `done`, once, in a later turn." What is confirmed is there.
    @Test(arguments: Seams.allCases) func whatIsConfirmedIsThereInOrderWithKeysAndHeaders(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        try fixture.makeTopic("contract-order", partitions: 3)
        let producer = try producer(fixture)
        var set = RecordSet(numbers(0..<100), topic: .all("contract-order"))
        set.partition = .all(2)
        set.key = .each((0..<100).map { $0 % 2 == 0 ? Bytes("k\($0)") : nil })
        set.headers = .all([RecordHeader(name: "from", value: Bytes("test"))])
        set.identityHeader = true
        let result = try produce(fixture, producer, set)
        #expect(result.confirmed == [0..<100] && result.rejected.isEmpty && result.retriable.isEmpty)

        let reader = try Reader(fixture, group: "contract-order-group", topics: ["contract-order"])
        #expect(fixture.run(while: { reader.count < 100 }, limit: .seconds(30)))
        let records = try #require(reader.records[TopicPartition(topic: "contract-order", partition: 2)])
        #expect(records.map(\.value) == (0..<100).map(String.init))
        #expect(records.map(\.offset) == (0..<100).map { Int64($0) })
        #expect(records.map(\.key) == (0..<100).map { $0 % 2 == 0 ? "k\($0)" : nil })
        for (number, record) in records.enumerated() {
            #expect(record.headers.first { $0.name == "from" }?.value == Bytes("test"))
            let identity = record.headers.first { $0.name == RecordSet.identityHeaderName }?.value
            #expect(identity.map(Array.init) == [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, UInt8(number)])
        }
        try reader.close(fixture)
        close(fixture, producer)
    }

    /// "All or nothing. False: the queue is full, `hasRoom` follows once."
    @Test(arguments: Seams.allCases) func aFullQueueSaysNoAndThenThatThereIsRoom(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        try fixture.makeTopic("contract-full", partitions: 1)
        let producer = try producer(fixture, ["queue.buffering.max.messages": "10"])
        var confirmed = 0, signals = 0, refused = false
        producer.hasRoom = { signals += 1 }
        for start in stride(from: 0, to: 100, by: 4) where !refused {
            refused = !producer.produce(RecordSet(numbers(start..<start + 4), topic: .all("contract-full"))) {
                confirmed += $0.confirmed.reduce(0) { $0 + $1.count }
            }
        }
        #expect(refused && signals == 0)
        #expect(fixture.run(while: { signals == 0 }, limit: .seconds(30)))
        fixture.settle()
        #expect(signals == 1 && confirmed % 4 == 0 && confirmed > 0)
        let result = try produce(fixture, producer, RecordSet(numbers(0..<4), topic: .all("contract-full")))
        #expect(result.confirmed == [0..<4])
        close(fixture, producer)
    }

    /// Each event is in exactly one of `confirmed`, `rejected` and `retriable`.
    @Test(arguments: Seams.allCases) func aPartitionThatDoesNotExistIsRejectedAndTheRestConfirmed(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        try fixture.makeTopic("contract-reject", partitions: 2)
        let producer = try producer(fixture)
        // (The client must know the topic, to know that it has no such partition.)
        _ = try produce(fixture, producer, RecordSet(numbers(0..<1), topic: .all("contract-reject")))
        var set = RecordSet(numbers(0..<10), topic: .all("contract-reject"))
        set.partition = .each((0..<10).map { (3..<5).contains($0) ? 9 : Int32($0 % 2) })
        let result = try produce(fixture, producer, set)
        #expect(result.confirmed == [0..<3, 5..<10])
        #expect(result.rejected.map(\.events) == [3..<5])
        #expect(result.rejected.first?.error.code == "kafka.rejected")
        #expect(result.retriable.isEmpty)
        close(fixture, producer)
    }

    @Test(arguments: Seams.allCases) func partitionsFlushAndWrongSettings(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        try fixture.makeTopic("contract-flush", partitions: 3)
        let producer = try producer(fixture)
        var leaders: Result<[Bool], TailraceError>?
        producer.partitions(of: "contract-flush") { leaders = $0 }
        #expect(leaders == nil)
        #expect(fixture.run { leaders == nil })
        #expect(try leaders?.get() == [true, true, true])

        var confirmed = 0
        #expect(producer.produce(RecordSet(numbers(0..<50), topic: .all("contract-flush"))) { _ in confirmed = 50 })
        try fixture.wait { producer.flush(by: fixture.loop.now + .seconds(20), $0) }
        #expect(confirmed == 50, "success: everything produced before has its report")
        close(fixture, producer)
        #expect(!producer.produce(RecordSet(numbers(0..<1), topic: .all("contract-flush"))) { _ in })

        let wrong = #expect(throws: TailraceError.self) {
            _ = try fixture.environment.broker.makeProducer(["No Such Setting": "1"]) { _ in }
        }
        #expect(wrong?.code == "kafka.settings")
    }

    /// "With what the group has committed"; "The group waits for `done`".
    @Test(arguments: Seams.allCases) func aGroupGoesOnWhereItHasCommitted(_ seams: Seams) throws {
        let fixture = try seams.make(), partition = TopicPartition(topic: "contract-group", partition: 0)
        defer { fixture.end() }
        try fixture.makeTopic("contract-group", partitions: 1)
        let producer = try producer(fixture)
        _ = try produce(fixture, producer, RecordSet(numbers(0..<20), topic: .all("contract-group")))
        let first = try Reader(fixture, group: "contract-g", topics: ["contract-group"])
        #expect(fixture.run(while: { first.count < 20 }, limit: .seconds(30)))
        #expect(first.committedAtStart[partition] == nil)
        try fixture.wait { first.consumer!.commit([(partition, 12)], $0) }
        try first.close(fixture)

        let second = try Reader(fixture, group: "contract-g", topics: ["contract-group"])
        #expect(fixture.run(while: { second.count < 8 }, limit: .seconds(30)))
        print(
            "DBG second", fixture.loop.now.nanoseconds / 1_000_000, second.errors, second.assignments,
            (fixture.environment.log as? ListLog)?.lines ?? [])
        #expect(second.committedAtStart[partition] == 12)
        #expect(second.records[partition]?.first?.value == "12")
        // Nothing there: a no, and one signal for what comes.
        let before = second.signals
        second.consumer!.pause([partition])
        _ = try produce(fixture, producer, RecordSet(numbers(20..<25), topic: .all("contract-group")))
        fixture.settle()
        #expect(second.count == 8 && second.signals == before, "paused")
        second.consumer!.resume([partition])
        #expect(fixture.run(while: { second.count < 13 }, limit: .seconds(30)))
        try second.close(fixture)
        close(fixture, producer)
    }
}
