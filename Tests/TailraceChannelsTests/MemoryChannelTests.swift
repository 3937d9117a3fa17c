import TailraceChannels
import TailraceCore
import TailraceSimulation
import Testing

/// A channel on a simulated loop, and what the outside of it sees.
private final class Bench: ChannelProducer, ChannelConsumer {
    let world: SimulatedWorld
    let channel: MemoryChannel
    let loop: any EventLoop
    var roomSignals = 0, eventSignals = 0
    var wanted: EventBatch?
    var retried: [Bool] = []

    init(seed: UInt64 = 1, capacity: Int = 100, bytes: Int = 1 << 20) throws {
        world = SimulatedWorld(seed: seed)
        let environment = world.makeHost("edge").makeEnvironment(component: "edge.channels.c1")
        var configuration = MemoryChannelConfiguration()
        configuration.capacity = capacity
        configuration.byteCapacity = bytes
        loop = environment.loop
        channel = try MemoryChannel(configuration, environment)
    }
    func channelHasRoom(_ channel: any EventChannel) {
        roomSignals += 1
        guard let batch = wanted else { return }
        if let put = channel.put(batch, self) {
            put.commit(until: .committed) { _ in }
            wanted = nil
            retried.append(true)
        } else {
            retried.append(false)
        }
    }
    func channelHasEvents(_ channel: any EventChannel) { eventSignals += 1 }
    // (A noncopyable optional cannot be compared within #expect.)
    func refuses(_ batch: EventBatch, _ producer: (any ChannelProducer)?) {
        let isRefused = channel.put(batch, producer) == nil
        #expect(isRefused)
    }
    func isEmpty() {
        let isEmpty = channel.take(upTo: .unlimited) == nil
        #expect(isEmpty)
    }
    func settle() { world.run(for: .seconds(1)) }
}

private func batch(_ numbers: Range<UInt64>, stream: UInt64 = 7, bytes: Int = 4) -> EventBatch {
    var builder = EventBatchBuilder()
    for number in numbers { builder.append(String(number).utf8.prefix(bytes)) }
    return builder.finish().numbered(StreamID(value: stream), from: numbers.lowerBound)
}

@Suite struct MemoryChannelTests {
    @Test func takesComeInTheOrderOfCommits() throws {
        let bench = try Bench()
        for start in [0, 10, 20] as [UInt64] {
            bench.channel.put(batch(start..<start + 10), nil)!.commit(until: .committed) { _ in }
        }
        var firsts: [UInt64] = []
        while let take = bench.channel.take(upTo: BatchSize(events: 4, bytes: .max)) {
            firsts.append(take.batch.identity!.span.lowerBound)
            take.settle(.delivered)
        }
        #expect(firsts == [0, 4, 8, 10, 14, 18, 20, 24, 28])
    }

    @Test func aPutIsInvisibleUntilItsCommitAndGoneAfterRollback() throws {
        let bench = try Bench()
        let put = bench.channel.put(batch(0..<10), nil)!
        #expect(bench.channel.next(bench)?.first == nil)
        put.rollback()
        bench.settle()
        #expect(bench.channel.next(bench)?.first == nil)
        #expect(bench.channel.room.events == 100)
    }

    @Test func aForgottenPutGivesItsRoomBack() throws {
        let bench = try Bench()
        do { _ = bench.channel.put(batch(0..<10), nil)! }
        #expect(bench.channel.room.events == 100)
    }

    /// "Safe" of a memory channel means delivered, all parts of it.
    @Test func safeMeansDelivered() throws {
        let bench = try Bench()
        var answers = 0
        bench.channel.put(batch(0..<10), nil)!.commit(until: .safe) { if case .success = $0 { answers += 1 } }
        let first = bench.channel.take(upTo: BatchSize(events: 6, bytes: .max))!
        let second = bench.channel.take(upTo: .unlimited)!
        second.settle(.delivered)
        bench.settle()
        #expect(answers == 0)
        first.settle(.delivered)
        #expect(answers == 0)  // in a later turn
        bench.settle()
        #expect(answers == 1)
    }

    @Test func whatIsGivenBackComesAgainFirstAndInOrder() throws {
        let bench = try Bench()
        for start in [0, 10, 20] as [UInt64] {
            bench.channel.put(batch(start..<start + 10), nil)!.commit(until: .committed) { _ in }
        }
        let first = bench.channel.take(upTo: .unlimited)!, second = bench.channel.take(upTo: .unlimited)!
        second.settle(.retry(.dropped, after: nil))
        first.settle(.notOwner(hint: nil))
        var firsts: [UInt64] = []
        while let take = bench.channel.take(upTo: .unlimited) {
            firsts.append(take.batch.identity!.span.lowerBound)
            take.settle(.delivered)
        }
        #expect(firsts == [0, 10, 20])
    }

    @Test func roomIsTakenUntilDelivered() throws {
        let bench = try Bench(capacity: 10)
        bench.channel.put(batch(0..<10), nil)!.commit(until: .committed) { _ in }
        let take = bench.channel.take(upTo: .unlimited)!
        bench.wanted = batch(10..<15)
        bench.refuses(bench.wanted!, bench)
        bench.settle()
        #expect(bench.roomSignals == 0)
        take.settle(.delivered)
        bench.settle()
        #expect(bench.retried == [true])
        #expect(bench.channel.room.events == 5)
    }

    /// A smaller put that would fit does not overtake one that waits.
    /// A receiver waits for the memory of what was delivered: an aggregator once stood still for the last batches of its channel.
    @Test func letsGoOfWhatIsDelivered() throws {
        let bench = try Bench()
        weak var memory: EventBatch.Storage?
        do {
            let batch = batch(0..<3)
            memory = batch.storage
            bench.channel.put(batch, nil)?.commit(until: .committed) { _ in }
        }
        bench.settle()
        bench.channel.take(upTo: .unlimited)?.settle(.delivered)
        bench.settle()
        #expect(memory == nil)
    }
    @Test func nobodyOvertakes() throws {
        let bench = try Bench(capacity: 10), other = try Bench()
        bench.channel.put(batch(0..<5), nil)!.commit(until: .committed) { _ in }
        bench.wanted = batch(5..<13)
        bench.refuses(bench.wanted!, bench)
        other.wanted = batch(0..<1, stream: 8)
        bench.refuses(other.wanted!, other)
        bench.refuses(batch(0..<1, stream: 9), nil)
        bench.channel.take(upTo: .unlimited)!.settle(.delivered)
        bench.settle()
        #expect(bench.retried == [true])
        #expect(other.retried == [true])
    }

    /// Told once and not interested any more: the next in line is served.
    @Test func whoDoesNotAskAgainLosesTheirPlace() throws {
        let bench = try Bench(capacity: 10), other = try Bench()
        bench.channel.put(batch(0..<10), nil)!.commit(until: .committed) { _ in }
        bench.refuses(batch(10..<20), bench)
        other.wanted = batch(0..<1, stream: 8)
        bench.refuses(other.wanted!, other)
        bench.channel.take(upTo: .unlimited)!.settle(.delivered)
        bench.settle()
        #expect(bench.roomSignals == 1)
        #expect(other.retried == [true])
    }

    @Test func aBatchLargerThanTheChannelIsLetInAlone() throws {
        let bench = try Bench(capacity: 10, bytes: 16)
        var builder = EventBatchBuilder()
        builder.append(Array(repeating: UInt8(1), count: 100))
        let large = builder.finish().numbered(StreamID(value: 1), from: 0)
        bench.channel.put(large, nil)!.commit(until: .committed) { _ in }
        bench.refuses(batch(0..<1), nil)
    }

    /// A batch sent again is not stored again, and is answered when its original is delivered.
    @Test func aDuplicateIsAnsweredWithItsOriginal() throws {
        let bench = try Bench()
        var answers: [String] = []
        bench.channel.put(batch(0..<10), nil)!.commit(until: .safe) { _ in answers.append("original") }
        let again = bench.channel.put(batch(0..<10), nil)!
        let isDuplicate = again.isDuplicate
        #expect(isDuplicate)
        again.commit(until: .safe) { _ in answers.append("duplicate") }
        bench.settle()
        #expect(answers == [])
        bench.channel.take(upTo: .unlimited)!.settle(.delivered)
        bench.settle()
        #expect(answers == ["original", "duplicate"])
        bench.isEmpty()
        bench.channel.put(batch(0..<10), nil)!.commit(until: .safe) { _ in answers.append("late") }
        bench.settle()
        #expect(answers.last == "late")
    }

    @Test func onlyTheMissingPartOfAResendIsStored() throws {
        let bench = try Bench()
        var isAnswered = false
        bench.channel.put(batch(0..<10), nil)!.commit(until: .safe) { _ in }
        bench.channel.put(batch(5..<15), nil)!.commit(until: .safe) { _ in isAnswered = true }
        bench.channel.take(upTo: .unlimited)!.settle(.delivered)
        bench.settle()
        #expect(!isAnswered)
        let rest = bench.channel.take(upTo: .unlimited)!
        #expect(rest.batch.identity!.sequences == [10..<15])
        #expect(rest.batch.identity!.span == 5..<15)
        rest.settle(.delivered)
        bench.settle()
        #expect(isAnswered)
    }

    /// The next hop must learn that the numbers of a wholly filtered batch are done.
    @Test func aBatchWithoutEventsIsTakenAndOneWithoutNumbersIsNot() throws {
        let bench = try Bench()
        var answers = 0
        bench.channel.put(batch(0..<10).keeping([]), nil)!.commit(until: .safe) { _ in answers += 1 }
        bench.channel.put(EventBatchBuilder().finish().numbered(StreamID(value: 2), from: 5), nil)!
            .commit(until: .safe) { _ in answers += 1 }
        bench.settle()
        #expect(answers == 1)
        let take = bench.channel.take(upTo: .unlimited)!
        #expect(take.batch.count == 0)
        #expect(take.batch.identity!.span == 0..<10)
        take.settle(.delivered)
        bench.settle()
        #expect(answers == 2)
        bench.isEmpty()
    }

    @Test func everybodyWhoFoundItEmptyIsToldOnce() throws {
        let bench = try Bench(), other = try Bench()
        #expect(bench.channel.next(bench)?.first == nil)
        #expect(bench.channel.next(bench)?.first == nil)
        #expect(bench.channel.next(other)?.first == nil)
        bench.channel.put(batch(0..<10), nil)!.commit(until: .committed) { _ in }
        #expect(bench.eventSignals == 0)
        bench.settle()
        #expect(bench.eventSignals == 1)
        #expect(other.eventSignals == 1)
    }

    @Test func stopAnswersWhoWaits() throws {
        let bench = try Bench()
        var failure: TailraceError?
        bench.channel.put(batch(0..<10), nil)!.commit(until: .safe) { if case .failure(let error) = $0 { failure = error } }
        let take = bench.channel.take(upTo: BatchSize(events: 5, bytes: .max))!
        var isStopped = false
        bench.channel.stop(by: bench.loop.now) { isStopped = true }
        bench.settle()
        #expect(isStopped)
        #expect(failure == .stopped)
        take.settle(.delivered)  // ignored
    }

    /// Random puts, commits, rollbacks, takes and settlements against a model: everything committed and not delivered comes,
    /// each event is delivered once, the bounds hold, every completion is called once.
    @Test(arguments: (0..<100).map { UInt64($0) })
    func model(seed: UInt64) throws {
        let bench = try Bench(seed: seed, capacity: 50)
        var random = SeededRandom(seed: seed)
        final class Box {
            var take: TakeTransaction?
            init(_ take: consuming TakeTransaction) { self.take = consume take }
        }
        var open: [Box] = [], next: UInt64 = 0, committed: Set<UInt64> = [], deliveredOnce: Set<UInt64> = []
        var answered = 0, asked = 0
        func settleOne(_ deliver: Bool) {
            let box = open.remove(at: Int.random(in: 0..<open.count, using: &random))
            guard let take = box.take.take() else { return }
            if deliver {
                for run in take.batch.identity!.sequences {
                    for number in run { #expect(deliveredOnce.insert(number).inserted) }
                }
                take.settle(.delivered)
            } else {
                take.settle(.retry(.dropped, after: nil))
            }
        }
        for _ in 0..<300 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let count = UInt64.random(in: 1...12, using: &random)
                guard let put = bench.channel.put(batch(next..<next + count), nil) else { break }
                if Int.random(in: 0..<5, using: &random) == 0 {
                    put.rollback()
                } else {
                    asked += 1
                    committed.formUnion(next..<next + count)
                    put.commit(until: .safe) { _ in answered += 1 }
                }
                next += count
            case 4..<7:
                let limit = BatchSize(events: Int.random(in: 1...15, using: &random), bytes: .max)
                if let take = bench.channel.take(upTo: limit) {
                    #expect(take.batch.count <= limit.events)
                    open.append(Box(take))
                }
            case 7..<9: if !open.isEmpty { settleOne(Int.random(in: 0..<3, using: &random) > 0) }
            default: bench.world.run(for: .milliseconds(1))
            }
            #expect(bench.channel.held.events <= 50)
            #expect(bench.channel.held.events == committed.count - deliveredOnce.count)
        }
        while !open.isEmpty { settleOne(true) }
        while let take = bench.channel.take(upTo: .unlimited) {
            open.append(Box(take))
            settleOne(true)
        }
        bench.settle()
        #expect(deliveredOnce == committed)
        #expect(answered == asked)
        #expect(bench.channel.held == .zero)
    }
}
