import TailraceCore
import TailraceSinks
import Testing

@Suite struct ProcessorTests {
    private let head = BatchHead(stream: StreamID(value: 1), first: 0, size: BatchSize(events: 1, bytes: 1))
    private let error = TailraceError(code: "network.refused", message: "refused")
    private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }
    private func free(_ count: Int, busy: Set<Int> = [], refusing: Set<Int> = []) -> [SinkView] {
        (0..<count).map { SinkView(openSlots: busy.contains($0) ? 0 : 4, refusesStream: refusing.contains($0)) }
    }
    private func choose(_ processor: any SinkProcessor, _ sinks: [SinkView], _ seconds: Double) -> SinkChoice {
        var random = SeededRandom(seed: 1)
        return processor.choose(sinks, for: head, now: at(seconds), random: &random)
    }

    @Test func failoverPrefersThePriorityAndComesBackAfterThePenalty() {
        var processor: any SinkProcessor = FailoverProcessor(priorities: [5, 10], maxPenalty: .seconds(30))
        #expect(choose(processor, free(2), 0) == .sink(1))
        processor.offered(1)
        processor.offered(1)
        processor.settled(1, .retry(error, after: nil), now: at(1))
        processor.settled(1, .retry(error, after: nil), now: at(1.1))  // the same outage
        #expect(choose(processor, free(2), 1.2) == .sink(0))
        #expect(choose(processor, free(2), 2.9) == .sink(0))
        // After 2 s one batch goes first, the others follow its success.
        #expect(choose(processor, free(2), 3.0) == .sink(1))
        processor.offered(1)
        #expect(choose(processor, free(2), 3.1) == .sink(0))
        processor.settled(1, .delivered, now: at(3.2))
        #expect(choose(processor, free(2), 3.2) == .sink(1))
    }

    @Test func thePenaltyDoublesUpToItsLimit() {
        var processor: any SinkProcessor = FailoverProcessor(priorities: [1], maxPenalty: .seconds(5))
        var now = 0.0, pauses: [Double] = []
        for _ in 0..<4 {
            processor.offered(0)
            processor.settled(0, .retry(error, after: nil), now: at(now))
            guard case .wait(let until?) = choose(processor, free(1), now) else { return #expect(Bool(false)) }
            pauses.append((until - at(now)) / .seconds(1))
            now += pauses.last!
        }
        #expect(pauses == [2, 4, 5, 5])
    }

    /// Busy is not down: its batches are not spilled to a sink of lower priority.
    @Test func failoverWaitsForABusySink() {
        let processor: any SinkProcessor = FailoverProcessor(priorities: [5, 10], maxPenalty: .seconds(30))
        #expect(choose(processor, free(2, busy: [1]), 0) == .wait(until: nil))
    }

    @Test func sinksWithoutPriorityComeLastAsListed() throws {
        var configuration = FailoverProcessorConfiguration()
        configuration.priorities = ["k3": 1]
        let processor = try FailoverProcessor.make(configuration, sinks: ["k1", "k2", "k3"])
        #expect(choose(processor, free(3), 0) == .sink(2))
        #expect(choose(processor, free(3, refusing: [2]), 0) == .sink(0))
        #expect(choose(processor, free(3, refusing: [0, 2]), 0) == .sink(1))
    }

    @Test func mistakesInAGroupAreNamed() {
        var configuration = FailoverProcessorConfiguration()
        configuration.priorities = ["k1": 3, "k2": 3]
        #expect(configuration.problems().map(\.message) == ["priority 3 is given to k1 and k2"])
        configuration.priorities = ["k9": 3]
        #expect(throws: TailraceError.self) { try FailoverProcessor.make(configuration, sinks: ["k1"]) }
        #expect(throws: TailraceError.self) { try LoadBalanceProcessor.make(.init(), sinks: ["k1"]) }
        #expect(throws: TailraceError.self) { try DefaultProcessor.make(.init(), sinks: ["k1", "k2"]) }
    }

    @Test func roundRobinTakesTurnsAndSkipsTheBusyAndTheFailing() {
        var processor: any SinkProcessor = LoadBalanceProcessor(
            3, selector: .roundRobin, backoff: Backoff(first: .seconds(2), limit: .seconds(30)))
        var chosen: [Int] = []
        func next(_ sinks: [SinkView], _ seconds: Double) {
            guard case .sink(let sink) = choose(processor, sinks, seconds) else { return chosen.append(-1) }
            chosen.append(sink)
            processor.offered(sink)
        }
        for _ in 0..<4 { next(free(3), 0) }
        #expect(chosen == [0, 1, 2, 0])
        next(free(3, busy: [1]), 0)
        #expect(chosen.last == 2)
        processor.settled(1, .retry(error, after: nil), now: at(1))
        chosen = []
        for _ in 0..<4 { next(free(3), 1) }
        #expect(chosen == [0, 2, 0, 2])
        #expect(choose(processor, free(3, busy: [0, 2]), 1) == .wait(until: at(3)))
        // One goes first when the back-off is over.
        chosen = []
        for _ in 0..<3 { next(free(3), 3) }
        #expect(chosen == [0, 1, 2])
        next(free(3), 3)
        next(free(3), 3)
        #expect(chosen.suffix(2) == [0, 2])
    }

    @Test func leastInFlightEvensOut() {
        var processor: any SinkProcessor = LoadBalanceProcessor(
            2, selector: .leastInFlight, backoff: Backoff(first: .seconds(2), limit: .seconds(30)))
        for _ in 0..<3 { processor.offered(0) }
        processor.offered(1)
        #expect(choose(processor, free(2), 0) == .sink(1))
        processor.offered(1)
        processor.offered(1)
        for _ in 0..<2 { processor.settled(0, .delivered, now: at(0)) }
        #expect(choose(processor, free(2), 0) == .sink(0))
    }

    @Test func aSingleSinkBacksOffToo() {
        var processor: any SinkProcessor = DefaultProcessor()
        #expect(choose(processor, free(1), 0) == .sink(0))
        processor.offered(0)
        processor.settled(0, .retry(error, after: .seconds(3)), now: at(0))
        #expect(choose(processor, free(1), 0.1) == .wait(until: at(3)))
        #expect(choose(processor, free(1), 3) == .sink(0))
    }

    /// Whatever the outcomes, a sink is chosen only if it is allowed, and each wait has an end in the future.
    @Test(arguments: (0..<100).map { UInt64($0) })
    func property(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let count = Int.random(in: 2...5, using: &random)
        var processors: [any SinkProcessor] = [FailoverProcessor(priorities: Array(0..<count), maxPenalty: .seconds(10))]
        for selector in LoadBalanceSelector.allCases {
            processors.append(
                LoadBalanceProcessor(count, selector: selector, backoff: Backoff(first: .seconds(1), limit: .seconds(8))))
        }
        for var processor in processors {
            var open: [Int] = [], now = 0.0
            for _ in 0..<200 {
                now += Double.random(in: 0...1, using: &random)
                let busy = Set((0..<count).filter { _ in Int.random(in: 0..<4, using: &random) == 0 })
                let refusing = Set((0..<count).filter { _ in Int.random(in: 0..<6, using: &random) == 0 })
                switch processor.choose(free(count, busy: busy, refusing: refusing), for: head, now: at(now), random: &random) {
                case .sink(let sink):
                    #expect(!busy.contains(sink) && !refusing.contains(sink))
                    processor.offered(sink)
                    open.append(sink)
                case .wait(let until): #expect(until.map { $0 > at(now) } ?? true)
                }
                if open.count > 3 || !open.isEmpty && Bool.random(using: &random) {
                    let sink = open.remove(at: Int.random(in: 0..<open.count, using: &random))
                    processor.settled(sink, Bool.random(using: &random) ? .delivered : .retry(error, after: nil), now: at(now))
                }
            }
        }
    }
}
