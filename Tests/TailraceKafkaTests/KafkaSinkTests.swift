import TailraceCore
import TailraceSimulation
import Testing

@testable import TailraceKafka

/// The sink over a scripted client, on virtual time.
struct KafkaSinkTests {
    private let fixture = Fixture("a.sinks.k")
    private var takes: RecordedTakes { fixture.takes }

    private func start(_ lines: [String: String] = [:], leaders: [Bool]? = [true, true]) throws -> KafkaSink {
        fixture.broker.leaders["logs"] = leaders
        let sink = try KafkaSink(makeSinkConfiguration(lines), fixture.environment)
        var isStarted = false
        sink.start { if case .success = $0 { isStarted = true } }
        fixture.settle()
        #expect(isStarted)
        return sink
    }
    private var producer: ScriptedProducer { fixture.broker.producers.last! }

    @Test func settlesOnlyWhatTheBrokerConfirmed() throws {
        let sink = try start()
        sink.deliver(takes.take(makeBatch(3), 1))
        fixture.settle(.seconds(1))
        #expect(takes.outcomes.isEmpty)
        producer.confirm()
        fixture.settle()
        #expect(takes.rejected(1) == 0)
    }

    @Test func aFixedTopicCostsNothingPerEvent() throws {
        let sink = try start()
        sink.deliver(takes.take(makeBatch(3, shared: [Header("host", "h")]), 1))
        let records = producer.produced[0]
        guard case .all("logs") = records.topic, case .all(.some(let partition)) = records.partition,
            case .all(nil) = records.key,
            case .all(nil) = records.timestamp
        else {
            Issue.record("\(records)")
            return
        }
        #expect((0..<2).contains(partition) && records.encoded == nil && !records.identityHeader)
    }

    @Test func batchesGoToOnePartitionAfterAnother() throws {
        let sink = try start(leaders: [true, false, true])
        fixture.broker.answer = { .confirmed($0.batch.count) }
        var used: [Int32?] = []
        for id in 0..<60 {
            var builder = EventBatchBuilder()
            builder.append(Array(repeating: UInt8(0), count: 16 << 10))
            sink.deliver(takes.take(builder.finish().numbered(StreamID(value: 1), from: UInt64(id)), UInt64(id)))
            used.append(producer.produced.last!.partition[0])
            fixture.settle(.milliseconds(1))
        }
        #expect(!used.contains(1))
        #expect(used.filter { $0 == 0 }.count >= 28 && used.filter { $0 == 2 }.count >= 28)
        // Each has 64 KiB before it is the next one's turn.
        #expect(zip(used, used.dropFirst()).filter { $0 != $1 }.count <= 15)
    }
    @Test func leavesThePartitionToTheClientWhileItKnowsNone() throws {
        let sink = try start(leaders: nil)
        sink.deliver(takes.take(makeBatch(1), 1))
        guard case .all(nil) = producer.produced[0].partition else {
            Issue.record("partition \(producer.produced[0].partition)")
            return
        }
    }

    /// "What was confirmed is not sent again when the rest of a batch is."
    @Test func sendsOnlyTheRestAgain() throws {
        let sink = try start()
        sink.deliver(takes.take(makeBatch(6), 1))
        producer.answer { _ in
            ProduceResult(
                confirmed: [0..<1, 3..<4], rejected: [],
                retriable: [Rejection(events: 1..<3, error: .test("x")), Rejection(events: 4..<6, error: .test("x"))])
        }
        fixture.settle(.seconds(1))
        #expect(takes.outcomes.isEmpty)
        #expect(producer.produced.count == 2)
        #expect(producer.produced[1].bodies == ["event 1", "event 2", "event 4", "event 5"])
        producer.answer { _ in
            ProduceResult(confirmed: [0..<3], rejected: [], retriable: [Rejection(events: 3..<4, error: .test("x"))])
        }
        fixture.settle(.seconds(1))
        #expect(producer.produced[2].bodies == ["event 5"])
        producer.confirm()
        fixture.settle()
        #expect(takes.rejected(1) == 0)
        #expect(fixture.counter("resent_events_total") == 5)
        #expect(fixture.logLines("events wait to be sent again") == 1)
    }

    @Test func afterAFatalErrorANewClientSendsTheRest() throws {
        let sink = try start()
        sink.deliver(takes.take(makeBatch(2), 1))
        sink.deliver(takes.take(makeBatch(2, from: 2), 2))
        producer.confirm()
        fixture.settle()
        #expect(takes.isDelivered(1))
        let old = producer
        old.fail(.test("fatal"))
        fixture.settle(.seconds(1))
        #expect(old.isClosed && fixture.broker.producers.count == 2)
        #expect(producer.produced.map(\.bodies) == [["event 2", "event 3"]])
        producer.confirm()
        fixture.settle()
        #expect(takes.isDelivered(2))
    }
    @Test func aClientThatCannotBeMadeIsTriedAgain() throws {
        let sink = try start()
        fixture.broker.refusal = .test("settings")
        producer.fail(.test("fatal"))
        sink.deliver(takes.take(makeBatch(1), 1))
        fixture.settle(.seconds(5))
        #expect(fixture.broker.producers.count == 1 && takes.outcomes.isEmpty)
        fixture.broker.refusal = nil
        fixture.broker.answer = { .confirmed($0.batch.count) }
        fixture.settle(.seconds(30))
        #expect(takes.isDelivered(1))
    }
    @Test func aRefusedSettingEndsTheStart() throws {
        fixture.broker.refusal = TailraceError(code: "kafka.settings", message: "no")
        let sink = try KafkaSink(makeSinkConfiguration(), fixture.environment)
        var failure: TailraceError?
        sink.start { if case .failure(let error) = $0 { failure = error } }
        fixture.settle()
        #expect(failure?.code == "kafka.settings" && failure?.component == "a.sinks.k")
        #expect(sink.openSlots == 0)
    }

    @Test func waitsForRoomInTheQueue() throws {
        let sink = try start()
        producer.isFull = true
        sink.deliver(takes.take(makeBatch(1), 1))
        sink.deliver(takes.take(makeBatch(1, from: 1), 2))
        fixture.settle(.seconds(1))
        #expect(producer.produced.isEmpty)
        producer.isFull = false
        producer.hasRoom?()
        #expect(producer.produced.map(\.bodies) == [["event 0"], ["event 1"]])
    }

    @Test func rejectedEventsAreDeadLettersBeforeTheTakeIsSettled() throws {
        let sink = try start()
        sink.deliver(takes.take(makeBatch(3, from: 40, shared: [Header("host", "h1")]), 1))
        let large = TailraceError(code: "kafka.rejected", message: "too large")
        var linesAtSettling: [String] = []
        takes.settled = { [fixture] _, _ in linesAtSettling = fixture.deadLetterLines }
        fixture.broker.answer = { records in
            let index = (0..<records.batch.count).first { records.batch[$0].body.text == "event 41" }!
            let rest = [0..<index, index + 1..<records.batch.count].filter { !$0.isEmpty }
            return ProduceResult(confirmed: rest, rejected: [Rejection(events: index..<index + 1, error: large)], retriable: [])
        }
        producer.answer { _ in
            ProduceResult(confirmed: [0..<1, 2..<3], rejected: [Rejection(events: 1..<2, error: large)], retriable: [])
        }
        fixture.settle(.seconds(1))
        #expect(takes.rejected(1) == 1)
        // The sink chose the partition, so the client was asked once more, without one.
        #expect(producer.produced.count == 2 && producer.produced[1].bodies == ["event 41"])
        guard case .all(nil) = producer.produced[1].partition else { Issue.record("partition chosen again"); return }
        #expect(linesAtSettling.count == 1)
        for part in ["\"code\":\"kafka.rejected\"", "\"topic\":\"logs\"", "\"sequence\":41", "\"host\":\"h1\"", "ZXZlbnQgNDE="]
        {
            #expect(linesAtSettling[0].contains(part), "\(linesAtSettling[0])")
        }
        #expect(fixture.counter("dead_letter_events_total") == 1)
        #expect(fixture.logLines("will never be accepted and go to /state/a.sinks.k.dead-letters.jsonl") == 1)
    }

    @Test func withoutDeadLettersTheTakeIsGivenBackAndConfirmedEventsAreNotSentAgain() throws {
        let sink = try start(["defaultPartitionId": "0"])
        fixture.files.failure = TailraceError(code: "file.io", message: "disk full")
        let answer: (RecordSet) -> ProduceResult = { records in
            let bad = (0..<records.batch.count).first { records.batch[$0].body.text == "event 1" }!
            return ProduceResult(
                confirmed: [0..<bad, bad + 1..<records.batch.count].filter { !$0.isEmpty },
                rejected: [Rejection(events: bad..<bad + 1, error: .test("large"))], retriable: [])
        }
        fixture.broker.answer = answer
        sink.deliver(takes.take(makeBatch(4), 1))
        fixture.settle(.seconds(1))
        #expect(takes.retryCode(1) == "file.io")
        #expect(fixture.logLines("could not be written") == 1)
        fixture.files.failure = nil
        // The channel cuts it elsewhere, with the same numbers.
        sink.deliver(takes.take(makeBatch(4).part(0..<3), 2))
        sink.deliver(takes.take(makeBatch(4).part(3..<4), 3))
        fixture.settle(.seconds(1))
        #expect(producer.produced.map(\.bodies) == [["event 0", "event 1", "event 2", "event 3"], ["event 1"]])
        #expect(takes.rejected(2) == 1 && takes.rejected(3) == 0)
        #expect(fixture.counter("skipped_confirmed_events_total") == 3)
        // Delivered: the same numbers, should they ever come again, are new.
        fixture.broker.answer = { .confirmed($0.batch.count) }
        sink.deliver(takes.take(makeBatch(4), 4))
        #expect(producer.produced.last?.batch.count == 4)
    }

    @Test func givesBackAtItsLimitAndNotWhileTheClientHasEvents() throws {
        let sink = try start(["deliveryTimeoutMilliseconds": "10000"])
        sink.deliver(takes.take(makeBatch(2), 1))
        producer.answer { _ in
            ProduceResult(confirmed: [0..<1], rejected: [], retriable: [Rejection(events: 1..<2, error: .test("not-leader"))])
        }
        fixture.settle(.seconds(9))
        #expect(takes.outcomes.isEmpty)
        let old = producer
        var wasClosed = false
        takes.settled = { _, _ in wasClosed = old.isClosed }
        fixture.settle(.seconds(5))
        #expect(takes.retryCode(1) == "kafka.closed" || takes.retryCode(1) == "kafka.not-leader")
        #expect(wasClosed && old.flushes == 1)
        // What was confirmed is remembered.
        sink.deliver(takes.take(makeBatch(2), 2))
        fixture.settle(.seconds(1))
        #expect(producer !== old && producer.produced.map(\.bodies) == [["event 1"]])
    }

    /// "No batch is pinned to a partition without a leader."
    @Test func aPartitionThatLostItsLeaderDoesNotKeepItsEvents() throws {
        let sink = try start()
        sink.deliver(takes.take(makeBatch(1), 1))
        let first = try #require(producer.produced[0].partition[0])
        fixture.broker.leaders["logs"] = [first != 0, first != 1]
        fixture.settle(.seconds(50))
        #expect(fixture.broker.producers.count == 2 && producer.produced.count == 1)
        #expect(producer.produced[0].partition[0] == 1 - first)
        #expect(fixture.logLines("kafka.no-leader") == 1)
        producer.confirm()
        fixture.settle()
        #expect(takes.isDelivered(1))
    }

    @Test func stopWaitsForReportsUntilTheDeadline() throws {
        let sink = try start()
        sink.deliver(takes.take(makeBatch(1), 1))
        sink.deliver(takes.take(makeBatch(1, from: 1), 2))
        var isStopped = false
        sink.stop(by: fixture.world.now + .seconds(5)) { isStopped = true }
        fixture.settle()
        #expect(producer.flushes == 1 && sink.openSlots == 0 && !isStopped)
        producer.confirm()
        fixture.settle()
        #expect(takes.isDelivered(1) && !isStopped)
        fixture.settle(.seconds(6))
        #expect(isStopped && takes.retryCode(2) == "component.stopped" && producer.isClosed)
    }
    @Test func stopEndsEarlyWhenAllIsConfirmed() throws {
        let sink = try start()
        sink.deliver(takes.take(makeBatch(1), 1))
        var isStopped = false
        sink.stop(by: fixture.world.now + .seconds(60)) { isStopped = true }
        producer.confirm()
        fixture.settle(.seconds(1))
        #expect(isStopped && takes.isDelivered(1))
    }

    @Test func itsWindowIsBounded() throws {
        let sink = try start(["window": "2"])
        let observer = SlotObserver()
        sink.observer = observer
        #expect(sink.openSlots == 2)
        sink.deliver(takes.take(makeBatch(1), 1))
        sink.deliver(takes.take(makeBatch(1, from: 1), 2))
        #expect(sink.openSlots == 0)
        producer.confirm()
        fixture.settle()
        #expect(observer.signals == 1 && sink.openSlots == 1)
    }
    @Test func aBatchThatWasFilteredEmptyIsDelivered() throws {
        let sink = try start()
        sink.deliver(takes.take(makeBatch(3).keeping([]), 1))
        #expect(takes.isDelivered(1) && producer.produced.isEmpty)
    }
}

final class SlotObserver: SinkObserver {
    var signals = 0
    func sinkHasSlots(_ sink: any EventSink) { signals += 1 }
}
