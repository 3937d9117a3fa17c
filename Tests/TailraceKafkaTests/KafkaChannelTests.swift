import TailraceAvro
import TailraceConfiguration
import TailraceCore
import TailraceSimulation
import Testing

@testable import TailraceKafka

/// The channel over a scripted client, on virtual time.
struct KafkaChannelTests {
    private let fixture = Fixture("a.channels.c")
    private let p0 = TopicPartition(topic: "flume-channel", partition: 0)
    private let p1 = TopicPartition(topic: "flume-channel", partition: 1)
    private let consumer = Consumer()

    private final class Consumer: ChannelConsumer {
        var told = 0
        func channelHasEvents(_ channel: any EventChannel) { told += 1 }
    }

    private func start(_ lines: [String: String] = [:]) throws -> KafkaChannel {
        let channel = try KafkaChannel(channelConfiguration(lines).0, fixture.environment)
        var isStarted = false
        channel.start { if case .success = $0 { isStarted = true } }
        fixture.settle()
        #expect(isStarted)
        return channel
    }
    private var producer: ScriptedProducer { fixture.broker.producers.last! }
    private var client: ScriptedConsumer { fixture.broker.consumers.last! }

    private final class Answers { var results: [Int: Result<Void, TailraceError>] = [:], order: [Int] = [] }
    private func put(_ channel: KafkaChannel, _ batch: EventBatch, _ id: Int, _ answers: Answers) throws {
        guard let put = channel.put(batch, nil) else {
            Issue.record("no room for put \(id)")
            return
        }
        put.commit(until: .safe) {
            #expect(answers.results[id] == nil)
            answers.results[id] = $0
            answers.order.append(id)
        }
    }
    private func isSafe(_ answers: Answers, _ id: Int) -> Bool {
        if case .success = answers.results[id] { true } else { false }
    }

    /// A record as this channel writes it.
    private func record(_ body: String, _ stream: UInt64, _ number: UInt64, headers: [Header] = []) -> (Bytes, [RecordHeader]) {
        var value = BufferBuilder(capacity: 64), id = BufferBuilder(capacity: 16)
        AvroDatum.append(headers: headers, to: &value)
        AvroDatum.append(body: Bytes(body), to: &value)
        id.append(integer: stream.bigEndian)
        id.append(integer: number.bigEndian)
        return (value.finish(), [RecordHeader(name: RecordSet.identityHeaderName, value: id.finish())])
    }
    private func records(_ partition: TopicPartition, from first: Int64, _ records: [(Bytes, [RecordHeader])]) -> ConsumedBatch
    {
        var batch = makeRecords(partition, records.count, from: first, values: records.map(\.0))
        batch.headers = .each(records.map(\.1))
        return batch
    }
    /// What comes out, all of it.
    private func takeAll(_ channel: KafkaChannel) -> [TakeTransactionBox] {
        var all: [TakeTransactionBox] = []
        while channel.next(consumer) != nil, let take = channel.take(upTo: .unlimited) { all.append(TakeTransactionBox(take)) }
        return all
    }
    private final class TakeTransactionBox {
        let batch: EventBatch
        private var take: TakeTransaction?
        init(_ take: consuming TakeTransaction) {
            batch = take.batch
            self.take = consume take
        }
        func settle(_ outcome: TakeOutcome = .delivered) { take.take()!.settle(outcome) }
        var bodies: [String] { (0..<batch.count).map { batch[$0].body.text } }
    }

    // MARK: Puts

    @Test func answersAPutWhenTheBrokerHasConfirmedIt() throws {
        let channel = try start(), answers = Answers()
        try put(channel, makeBatch(3, shared: [Header("host", "web1")]), 1, answers)
        fixture.settle(.seconds(1))
        #expect(answers.results.isEmpty && channel.held.events == 3)
        let records = producer.produced[0]
        // The datum that Flume writes: other programs depend on each byte.
        #expect(
            records.encoded!.map { Array($0) }[1] == [2, 8] + Array("host".utf8) + [8] + Array("web1".utf8) + [0, 14]
                + Array("event 1".utf8))
        #expect(records.identityHeader && records.topic[0] == "flume-channel" && records.headers[0].isEmpty)
        producer.confirm()
        fixture.settle()
        #expect(isSafe(answers, 1) && channel.held.events == 0)
    }
    @Test func withoutTheFormatHeadersAreTheRecords() throws {
        let channel = try start(["parseAsFlumeEvent": "false"]), answers = Answers()
        try put(channel, makeBatch(2, shared: [Header("host", "h")], own: { [Header("n", "\($0)")] }), 1, answers)
        let records = producer.produced[0]
        #expect(records.encoded == nil && records.bodies == ["event 0", "event 1"])
        #expect(records.headers[1].map(\.name) == ["n", "host"] && records.headers[1][0].value.text == "1")
    }
    @Test func answersInTheOrderOfTheCommits() throws {
        let channel = try start(), answers = Answers()
        for id in 0..<3 { try put(channel, makeBatch(2, from: UInt64(id * 2)), id, answers) }
        let open = producer.open
        for index in [2, 1, 0] {
            fixture.environment.loop.enqueue { open[index].done(.confirmed(2)) }
            fixture.settle()
            #expect(answers.results.isEmpty == (index > 0))
        }
        #expect(answers.order == [0, 1, 2])
    }
    @Test func knowsWhatItHasAndDoesNotSendItAgain() throws {
        let channel = try start(), answers = Answers()
        try put(channel, makeBatch(4), 1, answers)
        try put(channel, makeBatch(4), 2, answers)
        try put(channel, makeBatch(4, from: 2), 3, answers)
        #expect(producer.produced.map(\.batch.count) == [4, 2])
        fixture.settle()
        #expect(answers.results.isEmpty, "a duplicate is answered when its original is safe")
        producer.confirm()
        fixture.settle()
        #expect(isSafe(answers, 1) && isSafe(answers, 2) && answers.results[3] == nil)
        producer.confirm()
        fixture.settle()
        #expect(isSafe(answers, 3) && fixture.counter("duplicate_events_total") == 6)
    }
    /// "Whatever was committed behind it fails too", and what arrived all the same is not sent twice.
    @Test func aPutThatFailsTakesThoseBehindItAlong() throws {
        let channel = try start(["deliveryTimeoutMilliseconds": "5000"]), answers = Answers()
        try put(channel, makeBatch(2), 1, answers)
        try put(channel, makeBatch(2, from: 2), 2, answers)
        let second = producer.open[1]
        fixture.environment.loop.enqueue { second.done(.confirmed(2)) }
        fixture.settle(.seconds(10))
        #expect(answers.order == [1, 2] && !isSafe(answers, 1) && !isSafe(answers, 2))
        // The source output puts them again.
        let before = fixture.broker.producers.count
        try put(channel, makeBatch(2), 3, answers)
        try put(channel, makeBatch(2, from: 2), 4, answers)
        fixture.settle(.seconds(2))
        #expect(fixture.broker.producers.count >= before)
        #expect(producer.open.map(\.records.bodies) == [["event 0", "event 1"]])
        producer.confirm()
        fixture.settle()
        #expect(isSafe(answers, 3) && isSafe(answers, 4))
    }
    @Test func isBoundedByWhatIsNotConfirmed() throws {
        let channel = try start(), answers = Answers()
        var builder = EventBatchBuilder()
        builder.append(Array(repeating: UInt8(0), count: 4 << 20))
        let large = builder.finish()
        for id in 0..<8 { try put(channel, large.numbered(StreamID(value: 9), from: UInt64(id)), id, answers) }
        #expect(!hasRoom(channel, large.numbered(StreamID(value: 9), from: 8)))
        #expect(channel.room.bytes == 0)
        producer.confirm()
        fixture.settle()
        #expect(hasRoom(channel, large.numbered(StreamID(value: 9), from: 8)))
    }
    private func hasRoom(_ channel: KafkaChannel, _ batch: EventBatch) -> Bool {
        if let put = channel.put(batch, nil) {
            put.rollback()
            return true
        }
        return false
    }
    @Test func whatNoBrokerAcceptsGoesToTheDeadLetters() throws {
        let channel = try start(), answers = Answers()
        try put(channel, makeBatch(2), 1, answers)
        producer.answer { _ in
            ProduceResult(
                confirmed: [0..<1], rejected: [Rejection(events: 1..<2, error: .test("rejected"))], retriable: [])
        }
        fixture.settle()
        #expect(isSafe(answers, 1) && fixture.deadLetterLines.count == 1)
    }

    // MARK: Takes

    @Test func joinsTheGroupWhenTheFirstSinkAsks() throws {
        let channel = try start()
        #expect(client.topics == [], "a channel without a sink takes nothing away from others")
        #expect(channel.next(consumer) == nil)
        #expect(client.topics == ["flume-channel"])
        #expect(client.settings["group.id"] == "flume" && client.settings["auto.offset.reset"] == "earliest")
        client.assign([(p0, 0)])
        client.add(records(p0, from: 0, [record("a", 5, 7)]))
        fixture.settle()
        #expect(consumer.told > 0)
        #expect(takeAll(channel).map(\.bodies) == [["a"]])
    }
    @Test func takesHaveTheIdentityOfTheirOrigin() throws {
        let channel = try start()
        _ = channel.next(consumer)
        client.assign([(p0, 10)])
        fixture.settle()
        let flumes = (record("f", 0, 0, headers: [Header("k", "v")]).0, [RecordHeader]())
        client.add(
            records(
                p0, from: 10, [record("a0", 1, 0), record("b5", 2, 5), record("a1", 1, 1), flumes, record("a9", 1, 9)]
            ))
        let takes = takeAll(channel)
        #expect(takes.map(\.bodies) == [["a0", "a1", "a9"], ["b5"], ["f"]])
        #expect(takes[0].batch.identity?.sequences == [0..<2, 9..<10] && takes[0].batch.identity?.stream.value == 1)
        #expect(takes[1].batch.identity?.sequences == [5..<6])
        #expect(takes[2].batch.identity?.sequences == [13..<14] && takes[2].batch[0].header("k")?.text == "v")
        for take in takes { take.settle() }
    }
    @Test func offsetsFollowWhatIsDeliveredWithoutAGap() throws {
        let channel = try start()
        _ = channel.next(consumer)
        client.assign([(p0, 0)])
        fixture.settle()
        for first in [0, 2, 4] as [UInt64] {
            client.add(records(p0, from: Int64(first), [record("x", 1, first), record("y", 1, first + 1)]))
        }
        let takes = takeAll(channel)
        #expect(takes.count == 3)
        takes[1].settle()
        fixture.settle(.seconds(1))
        #expect(client.committed[p0] == nil)
        takes[2].settle(.retry(.test("no"), after: nil))
        takes[0].settle()
        fixture.settle(.seconds(1))
        #expect(client.committed[p0] == 4)
        let again = takeAll(channel)
        #expect(again.map { $0.batch.identity!.sequences } == [[4..<6]], "given back comes again, from memory")
        again[0].settle()
        fixture.settle(.seconds(1))
        #expect(client.committed[p0] == 6 && channel.held == .zero)
    }
    @Test func aTakeThatIsCutCommitsItsPart() throws {
        let channel = try start()
        _ = channel.next(consumer)
        client.assign([(p0, 0)])
        fixture.settle()
        client.add(records(p0, from: 0, (0..<5).map { record("e\($0)", 1, $0) }))
        _ = channel.next(consumer)
        let first = TakeTransactionBox(channel.take(upTo: BatchSize(events: 2, bytes: 1000))!)
        #expect(first.bodies == ["e0", "e1"])
        first.settle()
        fixture.settle(.seconds(1))
        #expect(client.committed[p0] == 2)
        #expect(takeAll(channel).map(\.bodies) == [["e2", "e3", "e4"]])
    }
    @Test func whatIsTakenAwayIsNotCommittedAnyMore() throws {
        let channel = try start()
        _ = channel.next(consumer)
        client.assign([(p0, 0), (p1, 0)])
        fixture.settle()
        client.add(records(p0, from: 0, [record("a", 1, 0)]))
        client.add(records(p1, from: 0, [record("b", 2, 0)]))
        let takes = takeAll(channel)
        var isRevoked = false
        client.revoke([p0, p1], mayCommit: false) { isRevoked = true }
        fixture.settle()
        #expect(isRevoked, "lost: nothing is waited for")
        takes[0].settle()
        takes[1].settle(.retry(.test("no"), after: nil))
        fixture.settle(.seconds(1))
        #expect(client.commits.isEmpty && fixture.counter("delivered_after_revocation_events_total") == 1)
        #expect(takeAll(channel).isEmpty, "what was given back is for the next owner")
        // They come back: what was delivered here is known, the other is read again.
        client.assign([(p0, 0), (p1, 0)])
        fixture.settle()
        client.add(records(p0, from: 0, [record("a", 1, 0)]))
        client.add(records(p1, from: 0, [record("b", 2, 0)]))
        let again = takeAll(channel)
        #expect(again.map(\.bodies) == [["b"]] && fixture.counter("skipped_duplicate_events_total") == 1)
        again[0].settle()
        fixture.settle(.seconds(1))
        #expect(client.committed == [p0: 1, p1: 1])
    }
    @Test func theGroupWaitsForOpenTakes() throws {
        let channel = try start()
        _ = channel.next(consumer)
        client.assign([(p0, 0)])
        fixture.settle()
        client.add(records(p0, from: 0, [record("a", 1, 0)]))
        client.add(records(p0, from: 1, [record("b", 1, 1)]))
        _ = channel.next(consumer)
        let take = TakeTransactionBox(channel.take(upTo: .unlimited)!)
        var isRevoked = false
        client.revoke([p0]) { isRevoked = true }
        fixture.settle(.seconds(1))
        #expect(!isRevoked)
        take.settle()
        fixture.settle(.seconds(1))
        #expect(isRevoked && client.committed[p0] == 1)
    }
    @Test func recordsThatCannotBeReadAreSetAside() throws {
        let channel = try start()
        _ = channel.next(consumer)
        client.assign([(p0, 0)])
        fixture.settle()
        client.add(records(p0, from: 0, [(Bytes("rubbish"), []), record("good", 1, 0)]))
        #expect(takeAll(channel).isEmpty, "not before the dead letter is synced")
        fixture.settle()
        let takes = takeAll(channel)
        #expect(takes.map(\.bodies) == [["good"]] && fixture.deadLetterLines.count == 1)
        takes[0].settle()
        fixture.settle(.seconds(1))
        #expect(client.committed[p0] == 2)
    }

    // MARK: Keys

    @Test func flumesKeysAreUnderstood() throws {
        let (configuration, problems) = channelConfiguration([
            "kafka.topic": "t", "kafka.consumer.group.id": "g", "kafka.pollTimeout": "500", "pollTimeout": "500",
            "kafka.consumer.auto.offset.reset": "latest", "migrateZookeeperOffsets": "true", "parseAsFlumeEvent": "false",
            "defaultPartitionId": "2", "partitionIdHeader": "p", "kafka.producer.acks": "all", "capacity": "10000",
            "transactionCapacity": "1000",
        ])
        #expect(problems.allSatisfy { $0.severity == .note }, "\(problems)")
        #expect(configuration.topic == "t" && configuration.group == "g" && configuration.delivery.defaultPartitionId == 2)
        #expect(try configuration.consumerSettings()["auto.offset.reset"] == "latest")
        let old = channelConfiguration(["readSmallestOffset": "false", "groupId": "og"]).0
        #expect(try old.consumerSettings()["auto.offset.reset"] == "latest" && old.group == "og")
        #expect(channelConfiguration(["zookeeperConnect": "zk:2181"]).1.contains { $0.code == "kafka.zookeeper" })
    }

    private func channelConfiguration(_ lines: [String: String]) -> (KafkaChannelConfiguration, [ConfigurationProblem]) {
        var problems: [ConfigurationProblem] = []
        let all = ["kafka.bootstrap.servers": "b:9092"].merging(lines) { $1 }
        let entries = all.sorted { $0.key < $1.key }.map { ConfigurationEntry(key: $0.key, value: $0.value) }
        return (KafkaChannel.declaration.parse(entries, prefix: "a.channels.c", &problems), problems)
    }
}
