import CRdkafka
import TailraceCore
import TailraceIO
import Testing

@testable import TailraceRdkafka

@Suite struct ProducerFailureTests {
    /// What the broker refuses for good is rejected, with its reason and what to do.
    @Test func tooLargeIsRejected() async throws {
        let world = try KafkaWorld(), producer = try world.makeProducer()
        try world.embedded!.createTopic("t", partitions: 1)
        world.embedded!.fail(.produce, with: [RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE.rawValue])
        let result = try #require(await world.deliver(RecordSet(makeBatch(0..<5), topic: .all("t")), by: producer))
        #expect(result.rejected.map(\.events) == [0..<5])
        #expect(result.confirmed.isEmpty && result.retriable.isEmpty)
        let error = result.rejected[0].error
        #expect(error.message == "5 events for topic t: MSG_SIZE_TOO_LARGE (Broker: Message size too large)")
        #expect(error.fix?.hasPrefix("raise max.message.bytes") == true)
        #expect(await world.close(producer))
    }

    /// One event over the producer's own limit: the others of the batch arrive.
    @Test(arguments: [false, true])
    func oneTooLargeForTheProducer(withHeaders: Bool) async throws {
        let world = try KafkaWorld(), producer = try world.makeProducer(["message.max.bytes": "2000"])
        try world.embedded!.createTopic("t", partitions: 1)
        var builder = EventBatchBuilder()
        for size in [10, 5000, 10, 20] { builder.append([UInt8](repeating: 65, count: size)) }
        var records = RecordSet(builder.finish(), topic: .all("t"))
        if withHeaders { records.headers = .all([RecordHeader(name: "h", value: Bytes("v"))]) }
        let result = try #require(await world.deliver(records, by: producer))
        #expect(result.confirmed == [0..<1, 2..<4])
        #expect(result.rejected.map(\.events) == [1..<2])
        #expect(await world.close(producer))
    }

    /// librdkafka looks for the new leader itself; the owner hears nothing of it.
    @Test func movedLeaderIsRetriedInside() async throws {
        let world = try KafkaWorld(), producer = try world.makeProducer(["retry.backoff.ms": "10"])
        try world.embedded!.createTopic("t", partitions: 1)
        let code = RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION.rawValue
        world.embedded!.fail(.produce, with: [code, code])
        let result = await world.deliver(RecordSet(makeBatch(0..<5), topic: .all("t")), by: producer)
        #expect(result?.confirmed == [0..<5])
        #expect(await world.close(producer))
    }

    /// A broker that goes and returns costs time and no event.
    @Test func brokerDownAndUp() async throws {
        let world = try KafkaWorld()
        let producer = try world.makeProducer(["reconnect.backoff.ms": "10", "reconnect.backoff.max.ms": "50"])
        try world.embedded!.createTopic("t", partitions: 1)
        #expect(await world.deliver(RecordSet(makeBatch(0..<5), topic: .all("t")), by: producer)?.confirmed == [0..<5])
        try world.embedded!.setDown(1)
        var result: ProduceResult?
        #expect(producer.produce(RecordSet(makeBatch(5..<10), topic: .all("t"))) { result = $0 })
        await world.loop.run(for: .milliseconds(200))
        #expect(result == nil)
        try world.embedded!.setUp(1)
        #expect(await world.loop.run { result != nil })
        #expect(result?.confirmed == [0..<5])
        #expect(world.failures.isEmpty)
        #expect(await world.close(producer))
    }

    /// A time-out says nothing about the record: to be sent again.
    @Test func timedOutIsRetriable() async throws {
        let world = try KafkaWorld(), producer = try world.makeProducer(["message.timeout.ms": "300", "linger.ms": "0"])
        try world.embedded!.createTopic("t", partitions: 1)
        #expect(await world.deliver(RecordSet(makeBatch(0..<1), topic: .all("t")), by: producer)?.confirmed == [0..<1])
        try world.embedded!.setDown(1)
        let result = try #require(await world.deliver(RecordSet(makeBatch(0..<5), topic: .all("t")), by: producer))
        #expect(result.retriable.map(\.events) == [0..<5])
        #expect(result.retriable[0].error.message.contains("_MSG_TIMED_OUT"))
        #expect(result.retriable[0].error.code == "kafka.undelivered")
        #expect(await world.close(producer))
    }

    /// A fatal error: told once, what is outstanding is retriable, and the client takes nothing more.
    @Test func fatalErrorEndsTheProducer() async throws {
        let world = try KafkaWorld(), producer = try world.makeProducer(["enable.idempotence": "true", "linger.ms": "60000"])
        try world.embedded!.createTopic("t", partitions: 1)
        var results: [ProduceResult] = []
        #expect(producer.produce(RecordSet(makeBatch(0..<10), topic: .all("t"))) { results.append($0) })
        let client = try #require(producer as? RdkafkaProducer).client
        rd_kafka_test_fatal_error(client.pointer, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "made by the test")
        #expect(await world.loop.run { results.count == 1 && world.failures.count == 1 })
        #expect(results[0].retriable.map(\.events) == [0..<10])
        #expect(world.failures[0].code == "kafka.fatal")
        #expect(world.failures[0].message.contains("OUT_OF_ORDER_SEQUENCE_NUMBER"))
        #expect(!producer.produce(RecordSet(makeBatch(0..<10), topic: .all("t"))) { results.append($0) })
        await world.loop.run(for: .milliseconds(50))
        #expect(world.failures.count == 1)
        #expect(await world.close(producer))
    }

    /// Closing with a broker that is gone: everything is answered, as retriable, then `done`; nothing is kept.
    @Test func closeAnswersWhatIsOutstanding() async throws {
        let world = try KafkaWorld()
        var producer: (any ProducerClient)? = try world.makeProducer(["queue.buffering.max.messages": "30"])
        try world.embedded!.setDown(1)
        weak var buffer: Buffer?
        var log: [String] = []
        do {
            let batch = makeBatch(0..<100)
            buffer = batch.storage.buffer
            #expect(
                producer!.produce(RecordSet(batch, topic: .all("t"))) {
                    log.append("\($0.retriable.reduce(0) { $0 + $1.events.count }) to be sent again")
                })
        }
        #expect(buffer != nil)
        producer!.flush(by: world.loop.now + .seconds(30)) { if case .success = $0 { log.append("flushed") } }
        producer!.partitions(of: "t") { if case .failure = $0 { log.append("unknown") } }
        producer!.close { log.append("closed") }
        #expect(await world.loop.run { log.last == "closed" })
        #expect(Set(log) == ["100 to be sent again", "flushed", "unknown", "closed"])
        weak let gone = producer
        producer = nil
        #expect(gone == nil)
        #expect(buffer == nil)
        #expect(await world.loop.run { log.count == 4 })
    }

    /// The owner lets go at once: all answers come all the same, and nothing stays.
    @Test func droppedWhileClosing() async throws {
        let world = try KafkaWorld()
        var producer: (any ProducerClient)? = try world.makeProducer()
        try world.embedded!.setDown(1)
        weak let gone = producer
        var log: [String] = []
        #expect(producer!.produce(RecordSet(makeBatch(0..<9), topic: .all("t"))) { _ in log.append("answered") })
        producer!.close { log.append("closed") }
        producer = nil
        #expect(await world.loop.run { gone == nil })
        #expect(log == ["answered", "closed"])
    }

    /// Dropped without a farewell: the thread cleans up, and the batch's memory is freed after it.
    @Test func droppedProducerKeepsNothing() async throws {
        let world = try KafkaWorld()
        try world.embedded!.setDown(1)
        weak var buffer: Buffer?
        var answers = 0
        do {
            let producer = try world.makeProducer()
            let batch = makeBatch(0..<100)
            buffer = batch.storage.buffer
            #expect(producer.produce(RecordSet(batch, topic: .all("t"))) { _ in answers += 1 })
        }
        #expect(await world.loop.run { buffer == nil })
        #expect(answers == 0)
    }

    /// Each completion once, whatever happens; no batch stays in memory.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func eachCompletionOnceUnderFaults(seed: UInt64) async throws {
        let world = try KafkaWorld(brokers: 3), embedded = world.embedded!
        var random = SeededRandom(seed: seed)
        try embedded.createTopic("t", partitions: 4, copies: 3)
        let producer = try world.makeProducer([
            "reconnect.backoff.ms": "5", "reconnect.backoff.max.ms": "20", "retry.backoff.ms": "5", "linger.ms": "1",
            "message.timeout.ms": "1500", "queue.buffering.max.messages": "2000",
        ])
        var answers = [Int](repeating: 0, count: 60), buffers: [() -> Buffer?] = [], accepted = 0, rooms = 0, refusals = 0
        producer.hasRoom = { rooms += 1 }
        let codes = [
            RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        ]
        while accepted < answers.count {
            let number = accepted, batch = makeBatch(number * 300..<number * 300 + 300)
            var records = RecordSet(batch, topic: .all("t"))
            records.identityHeader = Bool.random(using: &random)
            let isAccepted = producer.produce(records) { result in
                answers[number] += 1
                let all = result.confirmed + result.rejected.map(\.events) + result.retriable.map(\.events)
                #expect(all.sorted { $0.lowerBound < $1.lowerBound }.flatMap { $0 } == Array(0..<300))
            }
            if isAccepted {
                accepted += 1
                weak let buffer = batch.storage.buffer
                buffers.append { buffer }
            } else {
                refusals += 1
                let before = rooms
                #expect(await world.loop.run { rooms == before + 1 })
            }
            switch Int.random(in: 0..<6, using: &random) {
            case 0: embedded.fail(.produce, with: [codes.randomElement(using: &random)!.rawValue])
            case 1: try embedded.setDown(Int32.random(in: 1...3, using: &random))
            case 2, 3: for broker in 1...3 { try embedded.setUp(Int32(broker)) }
            default: await world.loop.run(for: .milliseconds(Int64.random(in: 0..<5, using: &random)))
            }
        }
        for broker in 1...3 { try embedded.setUp(Int32(broker)) }
        #expect(await world.loop.run { answers.allSatisfy { $0 > 0 } })
        #expect(await world.close(producer))
        #expect(answers.allSatisfy { $0 == 1 })
        #expect(rooms == refusals)
        #expect(buffers.allSatisfy { $0() == nil })
    }
}
