import TailraceCore
import TailraceIO
import TailraceRdkafka
import Testing

@Suite struct ProducerTests {
    /// Confirmed is what a consumer reads, byte for byte.
    @Test func tenThousandEventsArriveAsTheyWere() async throws {
        let world = try KafkaWorld(), producer = try world.makeProducer(["linger.ms": "1"])
        try world.embedded!.createTopic("t", partitions: 4)
        var results: [ProduceResult] = []
        for start in stride(from: 0, to: 10_000, by: 1000) {
            var records = RecordSet(makeBatch(start..<start + 1000), topic: .all("t"))
            if start % 2000 == 0 { records.partition = .all(Int32(start / 2000 % 4)) }
            #expect(producer.produce(records) { results.append($0) })
        }
        #expect(await world.loop.run { results.count == 10 })
        for result in results {
            #expect(result.confirmed == [0..<1000])
            #expect(result.rejected.isEmpty && result.retriable.isEmpty)
        }
        let stored = try readRecords(world.bootstraps, "t", partitions: 4, count: 10_000)
        #expect(stored.count == 10_000)
        #expect(Set(stored.map(\.value)) == Set((0..<10_000).map { "line \($0) " }))
        #expect(await world.close(producer))
    }

    /// Key, headers, timestamp, partition and an encoded value arrive with their record; a tombstone-like empty body too.
    @Test(arguments: [false, true])
    func columnsArriveWithTheirRecord(each: Bool) async throws {
        let world = try KafkaWorld(), producer = try world.makeProducer()
        try world.embedded!.createTopic("t", partitions: 4)
        var records = RecordSet(makeBatch(0..<3), topic: each ? .each(["t", "t", "t"]) : .all("t"))
        records.partition = each ? .each([2, 2, 2]) : .all(2)
        records.key = each ? .each([Bytes("k0"), nil, Bytes("k2")]) : .all(Bytes("k"))
        let header = RecordHeader(name: "origin", value: Bytes(copying: [0, 1, 255]))
        records.headers = each ? .each([[header], [], [header, header]]) : .all([header])
        records.timestamp = each ? .each((0..<3).map { WallTime(milliseconds: 1_000 + $0) }) : .all(WallTime(milliseconds: 5))
        records.encoded = [Bytes("a"), Bytes(), Bytes("c")]
        #expect(await world.deliver(records, by: producer)?.confirmed == [0..<3])

        let owner = TestOwner(), consumer = try world.makeConsumer(owner, group: "g")
        try consumer.subscribe(["t"], pattern: nil)
        #expect(await world.loop.run { owner.events == 3 })
        #expect(owner.bodies == [Bytes("a"), Bytes(), Bytes("c")])
        #expect(owner.batches.allSatisfy { $0.partition == TopicPartition(topic: "t", partition: 2) })
        let keys = owner.batches.flatMap(\.keys), times = owner.batches.flatMap(\.timestamps)
        let headers = owner.batches.flatMap { batch in (0..<batch.events.count).map { batch.headers[$0] } }
        #expect(owner.batches.flatMap(\.offsets) == [0, 1, 2])
        if each {
            #expect(keys == [Bytes("k0"), nil, Bytes("k2")])
            #expect(times == (0..<3).map { WallTime(milliseconds: 1_000 + $0) })
            #expect(headers == [[header], [], [header, header]])
        } else {
            #expect(keys == [Bytes("k"), Bytes("k"), Bytes("k")])
            #expect(times == [WallTime](repeating: WallTime(milliseconds: 5), count: 3))
            #expect(headers == [[header], [header], [header]])
        }
        #expect(await world.close(consumer))
        #expect(await world.close(producer))
    }

    /// Keys and partitions alone go by the fast path; each record has its own.
    @Test func keysAndPartitionsOfEachWithoutHeaders() async throws {
        let world = try KafkaWorld(), producer = try world.makeProducer()
        try world.embedded!.createTopic("t", partitions: 4)
        var records = RecordSet(makeBatch(0..<4000), topic: .all("t"))
        records.partition = .each((0..<4000).map { Int32($0 % 4) })
        records.key = .each((0..<4000).map { $0 % 3 == 0 ? nil : Bytes("key \($0)") })
        #expect(await world.deliver(records, by: producer)?.confirmed == [0..<4000])
        for record in try readRecords(world.bootstraps, "t", partitions: 4, count: 4000) {
            let number = Int(record.value.split(separator: " ")[1])!
            #expect(record.partition == Int32(number % 4))
            #expect(record.key == (number % 3 == 0 ? nil : "key \(number)"))
        }
        #expect(await world.close(producer))
    }

    /// 16 bytes, stream and sequence big-endian, also where the sequences have gaps.
    @Test func identityHeaderHasStreamAndSequence() async throws {
        let world = try KafkaWorld(), producer = try world.makeProducer()
        try world.embedded!.createTopic("t", partitions: 1)
        let stream: UInt64 = 0x0102_0304_0506_0708
        let batch = makeBatch(1000..<1010, stream: stream).keeping([0..<2, 5..<7])
        var records = RecordSet(batch, topic: .all("t"))
        records.identityHeader = true
        #expect(await world.deliver(records, by: producer)?.confirmed == [0..<4])
        let stored = try readRecords(world.bootstraps, "t", partitions: 1, count: 4)
        let wanted = [1000, 1001, 1005, 1006].map { (sequence: UInt64) in
            [stream, sequence].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) } }
        }
        #expect(stored.map { $0.headers.map(\.value) } == wanted.map { [$0] })
        #expect(stored.allSatisfy { $0.headers.map(\.name) == [RecordSet.identityHeaderName] })
        #expect(await world.close(producer))
    }

    /// A no is followed by one signal, and then there is room.
    @Test func fullQueueSaysNoAndThenOnce() async throws {
        let world = try KafkaWorld()
        let producer = try world.makeProducer(["queue.buffering.max.messages": "2500", "linger.ms": "20"])
        try world.embedded!.createTopic("t", partitions: 1)
        var signals = 0, confirmed = 0, isRefused = false
        producer.hasRoom = { signals += 1 }
        for start in stride(from: 0, to: 4000, by: 1000) {
            let accepted = producer.produce(RecordSet(makeBatch(start..<start + 1000), topic: .all("t"))) {
                confirmed += $0.confirmedCount
            }
            if !accepted { isRefused = true }
        }
        #expect(isRefused)
        #expect(signals == 0, "a signal came inside the call")
        #expect(await world.loop.run { signals == 1 })
        #expect(producer.produce(RecordSet(makeBatch(9000..<10_000), topic: .all("t"))) { confirmed += $0.confirmedCount })
        #expect(await world.loop.run { confirmed == 3000 })
        await world.loop.run(for: .milliseconds(50))
        #expect(signals == 1)
        #expect(await world.close(producer))
    }

    /// A batch that is larger than the whole queue is fed piece by piece, and answered once.
    @Test(arguments: ["queue.buffering.max.messages", "queue.buffering.max.kbytes"])
    func batchLargerThanTheQueue(setting: String) async throws {
        let world = try KafkaWorld()
        let producer = try world.makeProducer([setting: setting.hasSuffix("kbytes") ? "100" : "700"])
        try world.embedded!.createTopic("t", partitions: 2)
        var results: [ProduceResult] = [], signals = 0
        producer.hasRoom = { signals += 1 }
        #expect(producer.produce(RecordSet(makeBatch(0..<5000, padding: 80), topic: .all("t"))) { results.append($0) })
        #expect(!producer.produce(RecordSet(makeBatch(0..<1), topic: .all("t"))) { _ in })
        var headed = RecordSet(makeBatch(0..<3000), topic: .all("t"))
        headed.headers = .all([RecordHeader(name: "h", value: Bytes("v"))])
        #expect(await world.loop.run { results.count == 1 && signals == 1 })
        #expect(results[0].confirmed == [0..<5000])
        #expect(await world.deliver(headed, by: producer)?.confirmed == [0..<3000])
        #expect(await world.close(producer))
    }

    /// Names that no topic can have are rejected, not sent; the other records of the set go.
    @Test func impossibleTopicsAreRejected() async throws {
        let world = try KafkaWorld(), producer = try world.makeProducer()
        try world.embedded!.createTopic("t", partitions: 1)
        let wrong = ["", "..", "a b", String(repeating: "x", count: 250)]
        for name in wrong {
            let result = await world.deliver(RecordSet(makeBatch(0..<2), topic: .all(name)), by: producer)
            #expect(result?.rejected.map(\.events) == [0..<2])
            #expect(result?.rejected.first?.error.code == "kafka.rejected")
        }
        let mixed = await world.deliver(RecordSet(makeBatch(0..<3), topic: .each(["t", "", "t"])), by: producer)
        #expect(mixed?.confirmed == [0..<1, 2..<3])
        #expect(mixed?.rejected.map(\.events) == [1..<2])
        #expect(mixed?.rejected[0].error.fix?.contains("1 to 249 letters") == true)
        #expect(await world.close(producer))
    }

    /// An empty set is answered, in a later turn.
    @Test func emptyBatch() async throws {
        let world = try KafkaWorld(), producer = try world.makeProducer()
        var answers = 0
        #expect(producer.produce(RecordSet(makeBatch(0..<0), topic: .all("t"))) { _ in answers += 1 })
        #expect(answers == 0)
        #expect(await world.loop.run { answers == 1 })
        #expect(await world.close(producer))
    }

    @Test func partitionsAreKnownWithTheirLeaders() async throws {
        let world = try KafkaWorld(), producer = try world.makeProducer()
        try world.embedded!.createTopic("t", partitions: 3)
        try world.embedded!.setLeader(of: TopicPartition(topic: "t", partition: 1), nil)
        var answers: [Result<[Bool], TailraceError>] = []
        producer.partitions(of: "t") { answers.append($0) }
        producer.partitions(of: "t") { answers.append($0) }
        producer.partitions(of: "no such name!") { answers.append($0) }
        #expect(answers.isEmpty)
        #expect(await world.loop.run { answers.count == 3 })
        let codes = answers.map { answer -> String in
            switch answer {
            case .success(let leaders): "\(leaders)"
            case .failure(let error): error.code
            }
        }
        #expect(codes == ["kafka.metadata", "[true, false, true]", "[true, false, true]"])
        #expect(await world.close(producer))
    }

    /// Success of a flush: all before it has its report. It does not wait for `linger.ms`.
    @Test func flushSendsAtOnce() async throws {
        let world = try KafkaWorld(), producer = try world.makeProducer(["linger.ms": "60000"])
        try world.embedded!.createTopic("t", partitions: 1)
        var log: [String] = []
        #expect(
            producer.produce(RecordSet(makeBatch(0..<10), topic: .all("t"))) { log.append("confirmed \($0.confirmedCount)") })
        producer.flush(by: world.loop.now + .seconds(20)) { result in
            if case .success = result { log.append("flushed") } else { log.append("\(result)") }
        }
        #expect(await world.loop.run { log.count == 2 })
        #expect(log == ["confirmed 10", "flushed"])
        #expect(await world.close(producer))
    }
}
