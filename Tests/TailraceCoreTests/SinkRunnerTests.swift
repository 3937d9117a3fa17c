import TailraceCore
import TailraceSimulation
import Testing

private final class Sink: EventSink {
    let name: String
    let health = Health.ok
    var openSlots = 4
    weak var observer: (any SinkObserver)?
    var peer: Endpoint?
    var largestTake = BatchSize(events: 10, bytes: 10_000)
    private(set) var held: [Delivery] = []
    /// Settles at once.
    var outcome: TakeOutcome?
    private(set) var received: [EventBatch] = []

    final class Delivery {
        private var take: TakeTransaction?
        let batch: EventBatch
        init(_ take: consuming TakeTransaction) {
            batch = take.batch
            self.take = consume take
        }
        func settle(_ outcome: TakeOutcome) { take.take()!.settle(outcome) }
        func drop() { take = nil }
    }
    init(_ name: String) { self.name = name }
    func start(_ done: @escaping Completion) {}
    func stop(by deadline: Instant, _ done: @escaping () -> Void) {}
    func deliver(_ transaction: consuming TakeTransaction) {
        received.append(transaction.batch)
        if let outcome { return transaction.settle(outcome) }
        held.append(Delivery(transaction))
    }
    func settleFirst(_ outcome: TakeOutcome) { held.removeFirst().settle(outcome) }
    func dropFirst() { held.removeFirst().drop() }
}

/// The first sink that may have it.
private struct FirstFree: SinkProcessor {
    var penalties: SinkPenalties
    init(_ count: Int) { penalties = SinkPenalties(count, Backoff(first: .seconds(1), limit: .seconds(8))) }
    func choose(_ sinks: [SinkView], for head: BatchHead, now: Instant, random: inout SeededRandom) -> SinkChoice {
        let free = sinks.indices.filter {
            sinks[$0].openSlots > 0 && !sinks[$0].refusesStream && penalties.allows($0, now: now)
        }
        if let hinted = free.first(where: { sinks[$0].isHinted }) { return .sink(hinted) }
        return free.first.map { .sink($0) } ?? .wait(until: penalties.next(after: now))
    }
    mutating func offered(_ sink: Int) { penalties.offered(sink) }
    mutating func settled(_ sink: Int, _ outcome: TakeOutcome, now: Instant) { penalties.settled(sink, outcome, now: now) }
}

private final class RunnerBench {
    let world = SimulatedWorld(seed: 1)
    let host: SimulatedHost
    let channel: ScriptedChannel
    let sinks: [Sink]
    let runner: SinkRunner

    init(_ count: Int, takes: Int = 4, size: BatchSize = .unlimited) {
        host = world.makeHost("h")
        channel = ScriptedChannel("c", host.loop)
        sinks = (0..<count).map { Sink("a.sinks.k\($0)") }
        runner = SinkRunner(
            channel, sinks, FirstFree(count), window: SinkRunner.Window(takes: takes, size: size),
            host.makeEnvironment(component: "a.sinkgroups.g"))
        host.loop.enqueue { [runner] in runner.pump() }
        settle()
    }
    func offer(_ range: Range<Int>, stream: UInt64 = 1) {
        channel.offer(events(range).numbered(StreamID(value: stream), from: UInt64(range.lowerBound)))
    }
    func settle() { world.run(for: .milliseconds(5)) }
    func value(_ name: String, _ sink: Int) -> Int? { host.metrics.value(name, "a.sinks.k\(sink)") }
}

private let down = TakeOutcome.retry(TailraceError(code: "network.refused", message: "down"), after: nil)

@Suite struct SinkRunnerTests {
    /// "A take is opened while fewer than `takes` and less than `size` are open."
    @Test func theWindow() {
        let bench = RunnerBench(1, takes: 3)
        for number in 0..<5 { bench.offer(number * 2..<number * 2 + 2) }
        bench.settle()
        #expect(bench.sinks[0].held.count == 3)
        bench.sinks[0].settleFirst(.delivered)
        #expect(bench.channel.settled.count == 1 && bench.sinks[0].held.count == 2, "what follows comes in a later turn")
        bench.settle()
        #expect(bench.sinks[0].held.count == 3 && bench.channel.settled[0].isDelivered)

        let small = RunnerBench(1, takes: 10, size: BatchSize(events: 4, bytes: 1000))
        for number in 0..<5 { small.offer(number * 2..<number * 2 + 2) }
        small.settle()
        #expect(small.sinks[0].held.count == 2)
    }

    /// "The most that it takes at once": a large batch goes in parts.
    @Test func aBatchLargerThanATakeGoesInParts() {
        let bench = RunnerBench(1)
        bench.offer(0..<25)
        bench.settle()
        #expect(bench.sinks[0].held.map(\.batch.count) == [10, 10, 5])
        #expect(texts(bench.sinks[0].received) == (0..<25).map(String.init))
    }

    @Test func aBusySinkIsAskedAgainWhenItHasSlots() {
        let bench = RunnerBench(1)
        bench.sinks[0].openSlots = 0
        bench.offer(0..<2)
        bench.settle()
        #expect(bench.sinks[0].held.isEmpty)
        bench.sinks[0].openSlots = 1
        bench.sinks[0].observer?.sinkHasSlots(bench.sinks[0])
        #expect(bench.sinks[0].held.isEmpty)
        bench.settle()
        #expect(bench.sinks[0].held.count == 1)
    }

    /// "offer all of it again": to another sink at once, to this one after its back-off; logged once.
    @Test func failOverAndReturn() {
        let bench = RunnerBench(2, takes: 1)
        bench.offer(0..<2)
        bench.settle()
        bench.sinks[0].settleFirst(down)
        bench.settle()
        #expect(bench.sinks[1].held.count == 1 && bench.value("failing", 0) == 1 && bench.value("retried_events_total", 0) == 2)
        bench.sinks[1].settleFirst(.delivered)
        bench.world.run(for: .seconds(2))
        bench.offer(2..<5)
        bench.settle()
        #expect(bench.sinks[0].held.count == 1)
        bench.sinks[0].settleFirst(.delivered(rejected: [Rejection(events: 1..<2, error: .dropped)]))
        bench.settle()
        #expect(bench.value("delivered_events_total", 0) == 2 && bench.value("rejected_events_total", 0) == 1)
        #expect(bench.value("delivered_events_total", 1) == 2 && bench.value("failing", 0) == 0)
        #expect(bench.host.log.lines(containing: "does not deliver").count == 1)
        #expect(bench.host.log.lines(containing: "delivers again").count == 1)
    }

    /// A single sink that is down: one batch after each back-off, nothing spins.
    @Test func aSingleSinkBacksOff() {
        let bench = RunnerBench(1)
        bench.sinks[0].outcome = down
        bench.offer(0..<2)
        bench.world.run(for: .seconds(20))
        #expect((4...6).contains(bench.sinks[0].received.count), "\(bench.sinks[0].received.count)")
        #expect(bench.host.loop.turns < 200)
        bench.sinks[0].outcome = .delivered
        #expect(bench.world.run { bench.channel.settled.last?.isDelivered != true })
    }

    /// "Settled once, or its end gives them back."
    @Test func aDroppedTakeIsOfferedAgain() {
        let bench = RunnerBench(1)
        bench.offer(0..<2)
        bench.settle()
        bench.sinks[0].dropFirst()
        #expect(bench.world.run { bench.sinks[0].held.isEmpty })
        #expect(bench.channel.settled.map(\.isDelivered) == [false])
    }

    /// "This sink's peer does not take this stream … No fault of the sink: ask another one."
    @Test func refusalsAreRememberedPerStreamAndHintsFollowed() {
        let bench = RunnerBench(3, takes: 1)
        bench.sinks[2].peer = .host("third", port: 1)
        bench.offer(0..<1)
        bench.settle()
        bench.sinks[0].settleFirst(.notOwner(hint: .host("third", port: 1)))
        bench.settle()
        #expect(bench.sinks.map(\.held.count) == [0, 0, 1], "the hint")
        bench.sinks[2].settleFirst(.delivered)
        bench.offer(1..<2)
        bench.settle()
        #expect(bench.sinks[0].received.count == 1 && bench.sinks[2].received.count == 2, "remembered")
        bench.sinks[2].settleFirst(.delivered)
        bench.offer(0..<1, stream: 2)
        bench.settle()
        #expect(bench.sinks[0].received.count == 2, "another stream")
        bench.sinks[0].settleFirst(.delivered)
        #expect(bench.value("failing", 0) == 0 && bench.value("retried_events_total", 0) == 0)
    }

    /// "if all refuse, nobody is asked for a while"
    @Test func ifAllRefuseNobodyIsAskedForASecond() {
        let bench = RunnerBench(2, takes: 1)
        for sink in bench.sinks { sink.outcome = .notOwner(hint: nil) }
        bench.offer(0..<1)
        bench.world.run(for: .milliseconds(900))
        #expect(bench.sinks.map(\.received.count) == [1, 1])
        bench.world.run(for: .milliseconds(200))
        #expect(bench.sinks.map(\.received.count) == [2, 2])
    }

    @Test func stoppingGivesBackWhatIsOpenAtTheDeadline() {
        let bench = RunnerBench(1)
        bench.offer(0..<2)
        bench.offer(2..<4)
        bench.settle()
        var isStopped = false
        bench.runner.stop(draining: false, by: bench.world.now + .seconds(5)) { isStopped = true }
        bench.sinks[0].settleFirst(.delivered)
        bench.offer(4..<6)
        bench.world.run(for: .seconds(4))
        #expect(!isStopped && bench.sinks[0].received.count == 2, "nothing new")
        bench.world.run(for: .seconds(2))
        #expect(isStopped && bench.channel.settled.map(\.isDelivered) == [true, false])
        #expect(bench.channel.removedConsumers == 1)
        bench.sinks[0].settleFirst(.delivered)
        #expect(bench.channel.settled.count == 2, "what is settled later is ignored")
    }

    /// "`draining`: goes on until the channel is empty."
    @Test func draining() {
        let bench = RunnerBench(1, takes: 1)
        bench.sinks[0].outcome = .delivered
        for number in 0..<10 { bench.offer(number..<number + 1) }
        var isStopped = false
        bench.runner.stop(draining: true, by: bench.world.now + .seconds(5)) { isStopped = true }
        #expect(bench.world.run { !isStopped })
        #expect(bench.channel.settled.count == 10 && bench.channel.offers.isEmpty)
    }
}
