import TailraceCore
import Testing

@Suite struct ValueTests {
    @Test func backoffDoublesUpToItsLimit() {
        let backoff = Backoff(first: .milliseconds(100), limit: .seconds(1))
        #expect((0...6).map { backoff.delay($0).milliseconds } == [100, 100, 200, 400, 800, 1000, 1000])
        #expect(backoff.delay(.max) == .seconds(1))
        var random = SeededRandom(seed: 1), drawn: Set<Int64> = []
        for failures in 1...6 {
            for _ in 0..<50 {
                let delay = backoff.delay(failures, jitter: &random)
                #expect(delay >= .nanoseconds(backoff.delay(failures).nanoseconds / 2) && delay <= backoff.delay(failures))
                drawn.insert(delay.nanoseconds)
            }
        }
        #expect(drawn.count > 200)
    }

    @Test func theSameSeedGivesTheSameNumbers() {
        var first = SeededRandom(seed: 5), second = SeededRandom(seed: 5), other = SeededRandom(seed: 6)
        let numbers = (0..<10).map { _ in first.next() }
        #expect(numbers == (0..<10).map { _ in second.next() })
        #expect(numbers != (0..<10).map { _ in other.next() })
        // "A split depends on seed and name only, not on what was drawn before"
        var late = first.split("a"), early = SeededRandom(seed: 5).split("a"), named = SeededRandom(seed: 5).split("b")
        let split = late.next()
        #expect(split == early.next() && split != named.next())
        // SplitMix64 as published: the first number of seed 0.
        var zero = SeededRandom(seed: 0)
        #expect(zero.next() == 0xE220_A839_7B1D_CDAF)
    }

    @Test func sizesAddCompareAndClamp() {
        let size = BatchSize(events: 3, bytes: 100), limit = BatchSize(events: 5, bytes: 50)
        #expect(size + limit == BatchSize(events: 8, bytes: 150) && size - limit == BatchSize(events: -2, bytes: 50))
        #expect(!size.fits(in: limit) && BatchSize(events: 5, bytes: 50).fits(in: limit))
        #expect(size.clamped(to: limit) == BatchSize(events: 3, bytes: 50) && size.fits(in: .unlimited))
    }

    @Test func durationsAndInstants() {
        #expect(Duration.seconds(3).text == "3.0 s" && Duration.milliseconds(20).text == "20 ms")
        #expect(Duration.milliseconds(-1500).nanoseconds == -1_500_000_000)
        #expect(Duration.seconds(Int64.max).nanoseconds == .max && Duration.seconds(Int64.min).nanoseconds == .min)
        let instant = Instant(nanoseconds: 5)
        #expect(instant + .nanoseconds(3) - instant == .nanoseconds(3) && instant < instant + .nanoseconds(1))
    }

    @Test func errorsSayWhoWhatAndWhatToDo() {
        let error = TailraceError(code: "a.b", message: "3 of 4", fix: "do it")
        #expect(error.description == "a.b: 3 of 4. Fix: do it")
        #expect(error.named("edge.sinks.k1").description == "edge.sinks.k1: a.b: 3 of 4. Fix: do it")
        #expect(error.named("first").named("second").component == "first")
        #expect(StreamID(value: 0xAB).description == "00000000000000ab")
        #expect(Endpoint.host("::1", port: 80).description == "[::1]:80" && Endpoint.path("/x").description == "/x")
    }

    @Test func positionsAreOrderedByTheirBytes() {
        #expect(SourcePosition(bytes: [0, 1]) < SourcePosition(bytes: [0, 2]))
        #expect(SourcePosition(bytes: [0, 255]) < SourcePosition(bytes: [1, 0]))
        #expect(SourcePosition(bytes: [1]) < SourcePosition(bytes: [1, 0]))
    }
}
