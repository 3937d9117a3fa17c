import TailraceCore
import TailraceSimulation
import Testing

private final class Source: EventSource {
    let name = "a.sources.r", health = Health.ok
    var signals = 0
    var onRoom: () -> Void = {}
    func start(_ done: @escaping Completion) {}
    func stop(by deadline: Instant, _ done: @escaping () -> Void) {}
    func outputHasRoom() {
        signals += 1
        onRoom()
    }
}

/// A world with one output over scripted channels.
private final class Bench {
    let world: SimulatedWorld
    let environment: Environment
    let channels: [ScriptedChannel]
    let output: SourceOutput
    let source = Source()
    var answers: [String] = []
    private let lost: Counter

    init(
        _ count: Int, capacity: BatchSize = .unlimited, isRequired: [Bool]? = nil, slots: Int = 16, seed: UInt64 = 1,
        interceptors: [any Interceptor] = [], prepare: ([ScriptedChannel]) -> Void = { _ in }
    ) {
        world = SimulatedWorld(seed: seed)
        environment = world.makeEnvironment(host: "h", component: "a.sources.r")
        let loop = environment.loop
        channels = (0..<count).map { ScriptedChannel("a.channels.c\($0)", loop, capacity: capacity) }
        for (index, channel) in channels.enumerated() { channel.stream = StreamID(value: UInt64(index + 1)) }
        prepare(channels)
        output = SourceOutput(
            channels, interceptors, ReplicatingSelector(isRequired: isRequired ?? channels.map { _ in true }), slots: slots,
            environment)
        output.source = source
        lost = environment.counter("optional_channel_lost_events_total")
    }
    var lostEvents: Int { lost.value }
    func submit(_ batch: EventBatch, _ name: String, giveUpAt: Instant? = nil) {
        output.submit(batch, giveUpAt: giveUpAt) { [weak self] result in
            switch result {
            case .success: self?.answers.append(name)
            case .failure(let error): self?.answers.append("\(name): \(error.code)")
            }
        }
    }
    func settle() { world.run(for: .milliseconds(5)) }
}

private let failure = Result<Void, TailraceError>.failure(TailraceError(code: "disk.failed", message: "x"))

@Suite struct SourceOutputTests {
    /// "none is committed before all have room"
    @Test func nothingIsCommittedBeforeAllHaveRoom() {
        let bench = Bench(3)
        bench.channels[1].capacity = BatchSize(events: 0, bytes: 1000)
        bench.submit(events(0..<3), "first")
        bench.settle()
        #expect(bench.channels.map(\.commits.count) == [0, 0, 0])
        #expect(
            bench.channels.map(\.reserved.count) == [1, 0, 0], "nobody holds a later channel while waiting for an earlier one")
        bench.channels[1].makeRoom(capacity: .unlimited)
        bench.settle()
        #expect(bench.channels.map(\.commits.count) == [1, 1, 1])
        for channel in bench.channels { channel.answer() }
        #expect(bench.answers.isEmpty)
        bench.settle()
        #expect(bench.answers == ["first"] && bench.output.isIdle)
    }

    /// "in the order of `submit` within a stream"; "Numbers are given … without gaps"
    @Test func answersComeInOrderAndNumbersWithoutGaps() {
        let bench = Bench(2) { $0[0].next = 100 }
        for number in 0..<4 { bench.submit(events(number * 3..<number * 3 + 3), "\(number)") }
        #expect(bench.channels[0].commits.map(\.batch.identity!.span) == [100..<103, 103..<106, 106..<109, 109..<112])
        #expect(bench.channels[1].commits.map(\.batch.identity!.span) == [0..<3, 3..<6, 6..<9, 9..<12])
        #expect(bench.channels[0].commits[0].batch.identity!.stream == StreamID(value: 1))
        for _ in 0..<4 { bench.channels[1].answer() }
        bench.settle()
        #expect(bench.answers.isEmpty, "only one of two channels is safe")
        bench.channels[0].answer()
        bench.settle()
        #expect(bench.answers == ["0"])
        #expect(bench.output.streams.map(\.submitted) == [112, 12] && bench.output.streams.map(\.safe) == [103, 3])
        for _ in 0..<3 { bench.channels[0].answer() }
        bench.settle()
        #expect(bench.answers == ["0", "1", "2", "3"])
        #expect(bench.output.streams.map(\.safe) == [112, 12])
    }

    /// "Failed puts are tried again here", with the same numbers, and to the channel that failed only.
    @Test func aFailedPutIsTriedAgainWithItsNumbers() {
        let bench = Bench(2)
        bench.submit(events(0..<3), "first")
        bench.submit(events(3..<5), "second")
        bench.channels[0].answer()
        bench.channels[0].answer()
        bench.channels[1].answer(failure)
        bench.settle()
        #expect(bench.answers.isEmpty && bench.channels[1].commits.isEmpty)
        bench.submit(events(5..<6), "third")
        bench.settle()
        #expect(bench.channels[0].commits.isEmpty, "it waits behind those that are tried again")
        #expect(bench.world.run { bench.channels[1].commits.count < 3 })
        #expect(bench.channels[1].commits.map(\.batch.identity!.span) == [0..<3, 3..<5, 5..<6])
        #expect(bench.channels[0].commits.map(\.batch.identity!.span) == [5..<6])
        for _ in 0..<3 { bench.channels[1].answer() }
        bench.channels[0].answer()
        bench.settle()
        #expect(bench.answers == ["first", "second", "third"])
        #expect(texts(bench.channels[0].safe) == texts(bench.channels[1].safe))
    }

    /// "One that a required channel could never take whole is cut first … the caller is answered after the last."
    @Test func aBatchThatIsTooLargeIsCut() {
        let bench = Bench(2) { $0[1].largestPut = BatchSize(events: 4, bytes: 1000) }
        let mark = SourceMark(key: SourcePositionKey(source: "s", key: "f"), position: SourcePosition(bytes: [1]))
        var builder = EventBatchBuilder()
        for number in 0..<10 { builder.append("\(number)".utf8) }
        bench.submit(builder.finish(positions: [mark]), "whole")
        #expect(bench.channels[0].commits.map(\.batch.count) == [4, 4, 2])
        #expect(bench.channels[0].commits.map(\.batch.positions.count) == [0, 0, 1])
        #expect(bench.channels[0].commits.map(\.batch.identity!.span) == [0..<4, 4..<8, 8..<10])
        for _ in 0..<3 { bench.channels[0].answer() }
        bench.channels[1].answer()
        bench.channels[1].answer()
        bench.settle()
        #expect(bench.answers.isEmpty)
        bench.channels[1].answer()
        bench.settle()
        #expect(bench.answers == ["whole"])
    }

    /// A piece that failed goes again before the pieces behind it.
    @Test func aFailedPieceStaysBeforeThoseBehindIt() {
        let bench = Bench(1, capacity: BatchSize(events: 4, bytes: 1000)) {
            $0[0].largestPut = BatchSize(events: 2, bytes: 1000)
        }
        bench.submit(events(0..<8), "whole")
        bench.settle()
        #expect(bench.channels[0].commits.map(\.batch.identity!.span) == [0..<2, 2..<4])
        bench.channels[0].answer(failure)
        #expect(bench.world.run { bench.channels[0].commits.count < 2 })
        #expect(bench.channels[0].commits.map(\.batch.identity!.span) == [0..<2, 2..<4])
    }

    /// "it is given up whole: its reservations go back, its numbers are unused, the answer is `channel.full`"
    @Test func givingUp() {
        let bench = Bench(2)
        bench.channels[1].capacity = .zero
        let now = bench.world.now
        bench.submit(events(0..<3), "first", giveUpAt: now + .seconds(3))
        bench.submit(events(3..<5), "second", giveUpAt: now + .seconds(60))
        bench.world.run(until: now + .seconds(2))
        #expect(bench.answers.isEmpty)
        bench.world.run(until: now + .seconds(4))
        #expect(bench.answers == ["first: channel.full"])
        bench.channels[1].makeRoom(capacity: .unlimited)
        bench.settle()
        #expect(
            bench.channels.map { $0.commits.map(\.batch.identity!.span) } == [[0..<2], [0..<2]], "the numbers are used now")
        for channel in bench.channels { channel.answer() }
        bench.settle()
        #expect(bench.answers == ["first: channel.full", "second"])
    }

    @Test func whatIsCommittedIsNotGivenUp() {
        let bench = Bench(1)
        bench.submit(events(0..<3), "first", giveUpAt: bench.world.now + .seconds(1))
        bench.world.run(for: .seconds(5))
        #expect(bench.answers.isEmpty)
        bench.channels[0].answer()
        bench.settle()
        #expect(bench.answers == ["first"])
    }

    /// A cut batch is given up with all its pieces, or, once the first is committed, not at all.
    @Test func aCutBatchIsGivenUpWholeOrNotAtAll() {
        let bench = Bench(1, capacity: BatchSize(events: 1, bytes: 1000)) {
            $0[0].largestPut = BatchSize(events: 2, bytes: 1000)
        }
        bench.submit(events(0..<6), "none", giveUpAt: bench.world.now + .seconds(1))
        bench.world.run(for: .seconds(2))
        #expect(bench.answers == ["none: channel.full"] && bench.output.isIdle)
        bench.channels[0].makeRoom(capacity: BatchSize(events: 2, bytes: 1000))
        bench.submit(events(0..<6), "all", giveUpAt: bench.world.now + .seconds(1))
        bench.world.run(for: .seconds(5))
        #expect(bench.channels[0].commits.map(\.batch.identity!.span) == [0..<2])
        for _ in 0..<3 {
            bench.channels[0].answer()
            bench.settle()
            bench.channels[0].makeRoom()
            bench.settle()
        }
        #expect(bench.answers == ["none: channel.full", "all"])
        #expect(texts(bench.channels[0].safe) == (0..<6).map(String.init))
    }

    /// "An optional channel is tried once and never waited for."
    @Test func anOptionalChannelIsTriedOnce() {
        let bench = Bench(2, isRequired: [false, true])
        bench.submit(events(0..<3), "first")
        #expect(bench.channels[0].commits.map(\.custody) == [.committed])
        bench.channels[0].capacity = .zero
        bench.submit(events(3..<5), "second")
        bench.channels[0].makeRoom(capacity: .unlimited)
        bench.submit(events(5..<6), "third")
        for _ in 0..<3 { bench.channels[1].answer() }
        bench.settle()
        #expect(bench.answers == ["first", "second", "third"] && bench.lostEvents == 2)
        #expect(
            bench.channels[0].commits.map(\.batch.identity!.span) == [0..<3, 3..<4], "numbers that were not put are unused")
        bench.channels[0].answer(failure)
        bench.settle()
        #expect(bench.lostEvents == 6)
    }

    /// "0: the source pauses; `outputHasRoom` follows", once.
    @Test func slots() {
        let bench = Bench(1, capacity: .zero, slots: 2)
        #expect(bench.output.openSlots == 2)
        bench.submit(events(0..<1), "0")
        bench.submit(events(1..<2), "1")
        #expect(bench.output.openSlots == 0)
        bench.settle()
        #expect(bench.source.signals == 0)
        bench.channels[0].makeRoom(capacity: .unlimited)
        bench.settle()
        #expect(bench.source.signals == 1 && bench.output.openSlots == 2)
    }

    /// "Accepts nothing more. What is not safe at `deadline` is answered with a failure, and late answers are ignored."
    @Test func stopping() {
        let bench = Bench(1)
        var isStopped = false
        bench.submit(events(0..<1), "safe")
        bench.submit(events(1..<2), "late")
        bench.channels[0].answer()
        bench.output.stop(by: bench.world.now + .seconds(5)) { isStopped = true }
        #expect(bench.output.openSlots == 0)
        bench.world.run(for: .seconds(4))
        #expect(bench.answers == ["safe"] && !isStopped)
        bench.world.run(for: .seconds(2))
        #expect(bench.answers == ["safe", "late: component.stopped"] && isStopped)
        #expect(bench.channels[0].removedProducers == 1)
        bench.channels[0].answer()
        bench.world.run(for: .seconds(10))
        #expect(bench.answers.count == 2)
    }
    @Test func stoppingWithNothingOpenIsSoonDone() {
        let bench = Bench(1)
        var isStopped = false
        bench.output.stop(by: bench.world.now + .seconds(5)) { isStopped = true }
        #expect(!isStopped)
        bench.settle()
        #expect(isStopped)
    }

    /// "the least position that *all* required channels have answered for"; "Empty if one of them is not durable"
    @Test func positions() {
        let bench = Bench(2), key = SourcePositionKey(source: "a.sources.r", key: "f")
        let other = SourcePositionKey(source: "a.sources.r", key: "only one has it")
        bench.channels[0].stored = [
            key: StoredPosition(position: SourcePosition(bytes: [5]), last: nil),
            other: StoredPosition(position: SourcePosition(bytes: [1]), last: nil),
        ]
        bench.channels[1].stored = [key: StoredPosition(position: SourcePosition(bytes: [3]), last: nil)]
        #expect(bench.output.positions == [key: SourcePosition(bytes: [3])])
        bench.channels[1].isDurable = false
        #expect(bench.output.positions.isEmpty)
    }
}

/// Answers later, in any order: the batches stay in order all the same.
private final class SlowInterceptor: Interceptor {
    private let loop: any EventLoop
    private var random = SeededRandom(seed: 3)
    init(_ loop: any EventLoop) { self.loop = loop }
    func intercept(_ batch: EventBatch, _ done: @escaping (EventBatch) -> Void) {
        let kept = batch.keeping([0..<batch.count - 1])
        if random.below(3) == 0 { return done(kept) }
        loop.schedule(at: loop.now + .milliseconds(Int64(random.below(20)))) { done(kept) }
    }
}

extension SourceOutputTests {
    /// Two outputs over the same small channels, answers late or failing: everything is safe in each channel at the end, each
    /// number once among what was answered, in order, answers in order; and the same seed gives the same transcript.
    @Test(arguments: 0..<40 as Range<UInt64>) func manyBatchesWithFailures(_ seed: UInt64) throws {
        let first = try storm(seed)
        #expect(try storm(seed).hash == first.hash)
    }

    private func storm(_ seed: UInt64) throws -> Transcript {
        let world = SimulatedWorld(seed: seed), host = world.makeHost("h")
        let loop = host.loop
        var random = SeededRandom(seed: seed)
        let channels = (0..<3).map { ScriptedChannel("c\($0)", loop, capacity: BatchSize(events: 20, bytes: 2000)) }
        var draws = SeededRandom(seed: seed).split("answers")
        for (index, channel) in channels.enumerated() {
            channel.stream = StreamID(value: UInt64(index + 1))
            channel.largestPut = BatchSize(events: 7 + index, bytes: 2000)
            channel.answersAfter = {
                let fails = draws.below(15) == 0
                return (.milliseconds(Int64(draws.below(30))), fails ? failure : .success(()))
            }
        }
        let environment = host.makeEnvironment(component: "s")
        let output = SourceOutput(
            channels, [SlowInterceptor(loop)], ReplicatingSelector(isRequired: [true, true, true]), slots: 3, environment)
        var next = 0, answers: [Int] = [], submitted = 0, sent: [String] = []
        func submit() {
            while submitted < 60, output.openSlots > 0 {
                let count = 2 + random.below(15), number = submitted, range = next..<next + count
                sent += range.dropLast().map(String.init)
                (next, submitted) = (next + count, submitted + 1)
                output.submit(events(range)) { result in
                    if case .success = result { answers.append(number) } else { Issue.record("failed: \(result)") }
                    world.note("answer", number)
                }
            }
        }
        let source = Source()
        output.source = source
        source.onRoom = { submit() }
        // Sinks that take what is safe.
        func drain() {
            for channel in channels { channel.makeRoom() }
            loop.schedule(at: loop.now + .milliseconds(50)) { drain() }
        }
        drain()
        submit()
        #expect(world.run(while: { answers.count < 60 }, limit: .seconds(36_000)), "\(answers.count) answers")
        #expect(answers == Array(0..<60))
        for channel in channels {
            let spans = channel.safe.map(\.identity!.span)
            let breaks = zip(spans, spans.dropFirst()).filter { $0.upperBound != $1.lowerBound }
            #expect(breaks.isEmpty, "numbers are consecutive")
            let isWhole = texts(channel.safe) == sent
            #expect(isWhole)
        }
        return world.transcript
    }
}
