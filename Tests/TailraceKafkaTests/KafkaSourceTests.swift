import TailraceConfiguration
import TailraceAvro
import TailraceCore
import TailraceSimulation
import Testing

@testable import TailraceKafka

/// The source over a scripted client, on virtual time.
struct KafkaSourceTests {
    private let fixture = Fixture("a.sources.r")
    private let p0 = TopicPartition(topic: "t", partition: 0), p1 = TopicPartition(topic: "t", partition: 1)

    private struct Running {
        let source: KafkaSource
        let output: SourceOutput
        let channel: FakeChannel
        let consumer: ScriptedConsumer
    }
    private func configuration(_ lines: [String: String]) -> KafkaSourceConfiguration {
        var problems: [ConfigurationProblem] = []
        let all = ["kafka.bootstrap.servers": "b:9092", "kafka.topics": "t"].merging(lines) { $1 }
        let entries = all.sorted { $0.key < $1.key }.map { ConfigurationEntry(key: $0.key, value: $0.value) }
        let configuration = KafkaSource.declaration.parse(entries, prefix: "a.sources.r", &problems)
        #expect(problems.filter { $0.severity == .error }.isEmpty, "\(problems)")
        return configuration
    }
    private func start(_ lines: [String: String] = [:], slots: Int = 16, stored: [SourcePositionKey: StoredPosition] = [:])
        throws
        -> Running
    {
        let channel = FakeChannel(fixture.environment.loop)
        channel.storedPositions = stored
        channel.isDurable = !stored.isEmpty
        let output = SourceOutput([channel], [], ReplicatingSelector(isRequired: [true]), slots: slots, fixture.environment)
        let source = try KafkaSource(configuration(lines), output, fixture.environment)
        output.source = source
        var isStarted = false
        source.start { if case .success = $0 { isStarted = true } }
        fixture.settle()
        #expect(isStarted)
        return Running(source: source, output: output, channel: channel, consumer: fixture.broker.consumers.last!)
    }
    private func headers(_ event: Event) -> [String: String] {
        Dictionary(uniqueKeysWithValues: event.headers.map { ($0.name, $0.value) })
    }

    @Test func subscribesAsConfigured() throws {
        let running = try start(["kafka.topics": "test1, test2", "kafka.consumer.group.id": "custom.g.id"])
        #expect(running.consumer.topics == ["test1", "test2"] && running.consumer.pattern == nil)
        #expect(
            running.consumer.settings["group.id"] == "custom.g.id" && running.consumer.settings["enable.auto.commit"] == "false"
        )
        let byPattern = try start(["kafka.topics.regex": "log\\.\\d+"])
        #expect(byPattern.consumer.topics == [] && byPattern.consumer.pattern == "^log\\.[0-9]+$")
    }

    @Test func eventsHaveFlumesHeaders() throws {
        let running = try start(["header.trace": "x-trace"])
        running.consumer.assign([(p0, 5)])
        running.consumer.add(
            makeRecords(
                p0, 2, from: 5, time: 1234, key: "k",
                headers: [RecordHeader(name: "x-trace", value: Bytes("old")), RecordHeader(name: "x-trace", value: Bytes("7"))])
        )
        fixture.settle()
        let batch = try #require(running.channel.batches.first)
        #expect(batch.count == 2 && batch[1].body.text == "t-0@6")
        #expect(
            headers(batch[1]) == ["topic": "t", "partition": "0", "offset": "6", "timestamp": "1234", "key": "k", "trace": "7"])
        #expect(batch.storage.sharedHeaders == [Header("topic", "t"), Header("partition", "0")])
    }
    @Test func theTopicHeaderIsOptional() throws {
        let running = try start(["setTopicHeader": "false"])
        running.consumer.assign([(p0, nil)])
        running.consumer.add(makeRecords(p0, 1, from: 0, time: nil))
        fixture.settle()
        #expect(headers(running.channel.batches[0][0]) == ["partition": "0", "offset": "0"])
    }

    /// "Offsets committed only when the events are safe."
    @Test func commitsNothingBeforeItIsSafe() throws {
        let running = try start()
        running.consumer.assign([(p0, 0), (p1, 0)])
        running.consumer.add(makeRecords(p0, 3, from: 0))
        running.consumer.add(makeRecords(p1, 2, from: 10))
        running.consumer.add(makeRecords(p0, 1, from: 3))
        fixture.settle(.seconds(2))
        #expect(running.channel.batches.count == 3 && running.consumer.commits.isEmpty)
        running.channel.confirm()
        fixture.settle(.seconds(1))
        #expect(running.consumer.committed == [p0: 3])
        running.channel.confirm(2)
        fixture.settle(.seconds(1))
        #expect(running.consumer.committed == [p0: 4, p1: 12])
        #expect(running.consumer.commits.count == 2)
    }
    @Test func aFailedCommitIsMadeUpForByTheNext() throws {
        let running = try start()
        running.channel.isPrompt = true
        running.consumer.commitError = .test("commit")
        running.consumer.assign([(p0, 0)])
        running.consumer.add(makeRecords(p0, 3, from: 0))
        fixture.settle(.seconds(1))
        #expect(running.consumer.committed.isEmpty && fixture.logLines("offsets were not committed") == 1)
        running.consumer.commitError = nil
        fixture.settle(.seconds(1))
        #expect(running.consumer.committed == [p0: 3])
    }
    @Test func readsOnlyWhileTheOutputHasSlots() throws {
        let running = try start(slots: 2)
        running.channel.isFull = true
        running.consumer.assign([(p0, 0)])
        for index in 0..<5 { running.consumer.add(makeRecords(p0, 1, from: Int64(index))) }
        fixture.settle(.seconds(5))
        #expect(running.consumer.queue.count == 3)
        running.channel.makeRoom()
        fixture.settle(.seconds(5))
        #expect(running.channel.batches.map { $0[0].body.text } == (0..<5).map { "t-0@\($0)" })
    }
    /// Flume's two defaults (batchSize 1000, transactionCapacity 100) remove the source there.
    @Test func aBatchThatIsLargerThanThePutOfAChannelIsCut() throws {
        let running = try start()
        running.channel.largestPut = BatchSize(events: 100, bytes: .max)
        let output = SourceOutput([running.channel], [], ReplicatingSelector(isRequired: [true]), fixture.environment)
        let source = try KafkaSource(configuration([:]), output, fixture.environment)
        output.source = source
        source.start { _ in }
        fixture.settle()
        let consumer = fixture.broker.consumers.last!
        consumer.assign([(p0, 0)])
        consumer.add(makeRecords(p0, 1000, from: 0))
        fixture.settle(.seconds(1))
        #expect(running.channel.batches.map(\.count) == Array(repeating: 100, count: 10))
        running.channel.confirm(9)
        fixture.settle(.seconds(1))
        #expect(consumer.committed.isEmpty)
        running.channel.confirm()
        fixture.settle(.seconds(1))
        #expect(consumer.committed == [p0: 1000])
    }
    @Test func laterRecordsWaitALittleForOthers() throws {
        let running = try start()
        running.channel.isPrompt = true
        running.consumer.assign([(p0, 0)])
        fixture.settle()
        let before = running.consumer.polls
        for index in 0..<40 {
            running.consumer.add(makeRecords(p0, 1, from: Int64(index)))
            fixture.world.run(for: .milliseconds(1))
        }
        fixture.settle()
        #expect(running.channel.batches.count == 40)
        #expect(running.consumer.polls - before < 50)
    }

    @Test func aRevokedPartitionWaitsForItsOpenPutsAndIsCommitted() throws {
        let running = try start()
        running.consumer.assign([(p0, 0), (p1, 0)])
        running.consumer.add(makeRecords(p0, 2, from: 0))
        running.consumer.add(makeRecords(p1, 2, from: 0))
        fixture.settle()
        var isDone = false
        running.consumer.revoke([p0]) { isDone = true }
        fixture.settle(.seconds(5))
        #expect(!isDone)
        running.channel.confirm()
        fixture.settle()
        #expect(isDone && running.consumer.committed == [p0: 2])
        // What still comes of it is for the next owner.
        running.consumer.add(makeRecords(p0, 1, from: 2))
        fixture.settle(.seconds(1))
        #expect(running.channel.batches.count == 2)
        running.channel.confirm()
        fixture.settle(.seconds(1))
        #expect(running.consumer.committed == [p0: 2, p1: 2])
    }
    @Test func aRevocationDoesNotWaitForEver() throws {
        let running = try start()
        running.consumer.assign([(p0, 0)])
        running.consumer.add(makeRecords(p0, 2, from: 0))
        fixture.settle()
        var isDone = false
        running.consumer.revoke([p0]) { isDone = true }
        fixture.settle(.seconds(31))
        #expect(isDone && running.consumer.committed.isEmpty)
        // Ours again: the old answer does not count for the new assignment.
        running.consumer.assign([(p0, 0)])
        fixture.settle()
        running.channel.confirm()
        fixture.settle(.seconds(1))
        #expect(running.consumer.committed.isEmpty)
    }
    @Test func aLostPartitionIsGivenUpAtOnceAndNotCommitted() throws {
        let running = try start()
        running.consumer.assign([(p0, 0)])
        running.consumer.add(makeRecords(p0, 2, from: 0))
        fixture.settle()
        var isDone = false
        running.consumer.revoke([p0], mayCommit: false) { isDone = true }
        fixture.settle()
        running.channel.confirm()
        fixture.settle(.seconds(1))
        #expect(isDone && running.consumer.commits.isEmpty)
    }

    @Test func theGroupsOffsetAndTheChannelsPositionDecideTheStart() throws {
        func key(_ partition: TopicPartition) -> SourcePositionKey { PartitionPosition.key("a.sources.r", "flume", partition) }
        func position(_ next: Int64, _ committed: Int64?) -> StoredPosition {
            StoredPosition(position: PartitionPosition(next: next, committed: committed).position, last: nil)
        }
        let p2 = TopicPartition(topic: "t", partition: 2), p3 = TopicPartition(topic: "t", partition: 3)
        let running = try start(stored: [
            key(p0): position(9, 5), key(p1): position(9, 5), key(p2): position(9, nil), key(p3): position(9, 8),
        ])
        // Crashed before the commit; ahead in the group; nothing committed; set back by a person.
        running.consumer.assign([(p0, 7), (p1, 20), (p2, nil), (p3, 2)])
        fixture.settle()
        #expect(running.consumer.started.map(\.1) == [9, 20, 9, 2])
        let lines = fixture.host.log.lines(containing: "was set back")
        #expect(
            lines.map(\.text) == [
                "t-3: the group flume was set back to 2, from 8; it begins there, and not at 9 where the channels are"
            ])
    }
    /// Kicked out of the group while its disk stalled, and back in it: what is on its way would be read twice.
    @Test func anAssignmentWaitsForWhatIsOnItsWayToADurableChannel() throws {
        let running = try start()
        running.channel.isDurable = true
        running.consumer.assign([(p0, 0)])
        running.consumer.add(makeRecords(p0, 2, from: 0))
        fixture.settle()
        running.consumer.revoke([p0], mayCommit: false) {}
        running.consumer.assign([(p0, 0)])
        fixture.settle()
        #expect(running.consumer.started.map(\.1) == [0])
        let mark = try #require(running.channel.batches[0].positions.first)
        running.channel.storedPositions[mark.key] = StoredPosition(position: mark.position, last: nil)
        running.channel.confirm()
        fixture.settle()
        #expect(running.consumer.started.map(\.1) == [0, 2])
    }
    /// It is set back while the agent is down, to between its last two commits: that can only be seen if the last one is known.
    @Test func theLastCommitIsToldToDurableChannels() throws {
        let running = try start()
        running.channel.isDurable = true
        running.consumer.assign([(p0, 0)])
        running.consumer.add(makeRecords(p0, 2, from: 0))
        fixture.settle()
        running.channel.confirm()
        fixture.settle(.seconds(3))
        #expect(running.channel.batches.count == 2)
        let told = running.channel.batches[1]
        #expect(told.count == 0)
        #expect(PartitionPosition(try #require(told.positions.first).position) == PartitionPosition(next: 2, committed: 2))
        running.channel.confirm()
        fixture.settle(.seconds(10))
        #expect(running.channel.batches.count == 2)
    }
    @Test func positionsRideWithTheEvents() throws {
        let running = try start()
        running.consumer.assign([(p0, 4)])
        running.consumer.add(makeRecords(p0, 2, from: 5))
        fixture.settle()
        let mark = try #require(running.channel.batches[0].positions.first)
        #expect(mark.key == PartitionPosition.key("a.sources.r", "flume", p0))
        #expect(PartitionPosition(mark.position) == PartitionPosition(next: 7, committed: 4))
    }

    @Test func readsFlumesEventFormatAndKeepsWhatIsNone() throws {
        let running = try start(["useFlumeEventFormat": "true"])
        var good = BufferBuilder(capacity: 32)
        AvroDatum.append(headers: [Header("host", "web1"), Header("topic", "own"), Header("offset", "99")], to: &good)
        AvroDatum.append(body: Bytes("hello"), to: &good)
        let datum = good.finish()
        running.consumer.assign([(p0, 0)])
        running.consumer.add(makeRecords(p0, 3, from: 0, values: [datum, Bytes("garbage!"), datum]))
        fixture.settle(.seconds(1))
        let batch = try #require(running.channel.batches.first)
        #expect(batch.count == 2 && batch[1].body.text == "hello")
        #expect(headers(batch[1]) == ["host": "web1", "topic": "own", "partition": "0", "offset": "99", "timestamp": "1000"])
        #expect(fixture.deadLetterLines.count == 1 && fixture.deadLetterLines[0].contains("\"offset\":1"))
        #expect(fixture.counter("dead_letter_events_total") == 1)
        running.channel.confirm()
        fixture.settle(.seconds(1))
        #expect(running.consumer.committed == [p0: 3])
    }
    @Test func noOffsetPassesARecordThatIsNowhere() throws {
        let running = try start(["useFlumeEventFormat": "true"])
        running.channel.isPrompt = true
        fixture.files.failure = TailraceError(code: "file.io", message: "disk full")
        running.consumer.assign([(p0, 0)])
        running.consumer.add(makeRecords(p0, 1, from: 0, values: [Bytes("garbage!")]))
        running.consumer.add(makeRecords(p0, 1, from: 1, values: [Bytes("garbage!")]))
        fixture.settle(.seconds(5))
        #expect(running.consumer.commits.isEmpty && running.channel.batches.isEmpty && running.consumer.queue.count == 1)
        fixture.files.failure = nil
        fixture.settle(.seconds(60))
        #expect(running.consumer.committed == [p0: 2])
    }

    @Test func afterAFatalErrorANewClientBegins() throws {
        let running = try start()
        running.consumer.assign([(p0, 0)])
        running.consumer.add(makeRecords(p0, 1, from: 0))
        fixture.settle()
        running.consumer.fail(.test("fatal"))
        fixture.settle(.seconds(1))
        #expect(running.consumer.isClosed && fixture.broker.consumers.count == 2)
        running.channel.confirm()
        fixture.settle(.seconds(1))
        #expect(fixture.broker.consumers[1].commits.isEmpty && fixture.broker.consumers[1].topics == ["t"])
    }
    @Test func otherErrorsAreForTheLog() throws {
        let running = try start()
        for _ in 0..<5 { running.consumer.fail(.test("client")) }
        fixture.settle(.seconds(1))
        #expect(!running.consumer.isClosed && fixture.logLines("kafka.client") == 1)
        guard case .degraded = running.source.health else {
            Issue.record("\(running.source.health)")
            return
        }
    }

    @Test func stopCommitsWhatIsSafeAndLeaves() throws {
        let running = try start()
        running.consumer.assign([(p0, 0)])
        running.consumer.add(makeRecords(p0, 1, from: 0))
        running.consumer.add(makeRecords(p0, 1, from: 1))
        fixture.settle()
        var isStopped = false
        running.source.stop(by: fixture.world.now + .seconds(10)) { isStopped = true }
        running.consumer.add(makeRecords(p0, 1, from: 2))
        fixture.settle(.seconds(1))
        #expect(!isStopped && running.channel.batches.count == 2)
        running.channel.confirm(2)
        fixture.settle(.seconds(1))
        #expect(isStopped && running.consumer.isClosed && running.consumer.committed == [p0: 2])
    }
    @Test func stopEndsAtItsDeadline() throws {
        let running = try start()
        running.consumer.assign([(p0, 0)])
        running.consumer.add(makeRecords(p0, 1, from: 0))
        running.consumer.add(makeRecords(p0, 1, from: 1))
        fixture.settle()
        running.channel.confirm()
        var isStopped = false
        running.source.stop(by: fixture.world.now + .seconds(10)) { isStopped = true }
        fixture.settle(.seconds(11))
        #expect(isStopped && running.consumer.committed == [p0: 1])
    }
}

struct KafkaSourceConfigurationTests {
    private func problems(_ lines: [String: String]) -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        let all = ["kafka.bootstrap.servers": "b:9092"].merging(lines) { $1 }
        let entries = all.sorted { $0.key < $1.key }.map { ConfigurationEntry(key: $0.key, value: $0.value) }
        _ = KafkaSource.declaration.parse(entries, prefix: "a.sources.r", &problems)
        return problems
    }

    @Test(arguments: [
        ([:], "names no topic"), (["kafka.topics": "a,,b c"], "\"b c\" is not allowed"),
        (["kafka.topics": "t", "zookeeperConnect": "z:2181"], "not looked up in ZooKeeper"),
        (["kafka.topics.regex": "(?i)logs"], "kafka.topics.regex uses (?…)"),
        (["kafka.topics": "t", "batchSize": "0"], "1 to 65536"),
        (["kafka.topics": "t", "kafka.consumer.grop.id": "x"], "a setting \"grop.id\""),
    ])
    func tellsMistakes(lines: [String: String], text: String) {
        let errors = problems(lines).filter { $0.severity == .error }
        #expect(errors.contains { $0.message.contains(text) }, "\(errors)")
    }
    @Test(arguments: [
        ("topic", "t"), ("groupId", "g"), ("migrateZookeeperOffsets", "false"), ("timestampHeader", "true"),
        ("kafka.consumer.max.poll.records", "5"), ("kafka.consumer.enable.auto.commit", "true"),
        ("kafka.consumer.key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer"),
    ])
    func notesWhatIsOldOrHasNoEffect(key: String, value: String) {
        let found = problems(["kafka.topics": "t", key: value]).filter { $0.key.hasSuffix(key) }
        #expect(!found.isEmpty && found.allSatisfy { $0.severity != .error }, "\(found)")
    }
    @Test(arguments: [
        ("logs", "^logs$"), ("a|b.*", "^(a|b.*)$"), ("^log\\..*$", "^^log\\..*$$"),
        ("\\w+[\\d.\\-]", "^[A-Za-z0-9_]+[0-9.-]$"),
        ("a{2,3}\\-b", "^a{2,3}-b$"),
    ])
    func translatesPatterns(java: String, posix: String) throws {
        #expect(try TopicPattern.translated(java) == posix)
    }
    @Test(arguments: ["\\p{L}", "a*?", "a++", "(?=x)", "[a-z&&[^b]]", "[ab", "\\Qx\\E", "[\\-a]", "a\\", ""])
    func refusesWhatPOSIXLacks(java: String) { #expect(throws: TailraceError.self) { try TopicPattern.translated(java) } }

    @Test func tellsLoops() {
        var source = KafkaSourceConfiguration(), sink = KafkaSinkConfiguration()
        (source.bootstrapServers, sink.bootstrapServers) = ("a:1, b:1", "b:1")
        #expect(KafkaLoop.problem(source, to: sink, named: "k")?.message.contains("they go round for ever") == true)
        sink.bootstrapServers = "c:1"
        #expect(KafkaLoop.problem(source, to: sink, named: "k") == nil)
        sink.bootstrapServers = "a:1"
        sink.allowTopicOverride = false
        #expect(KafkaLoop.problem(source, to: sink, named: "k") == nil)
    }
}
