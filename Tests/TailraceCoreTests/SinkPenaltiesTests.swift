import TailraceCore
import Testing

@Suite struct SinkPenaltiesTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)
    private let backoff = Backoff(first: .seconds(1), limit: .seconds(4))
    private let retry = TakeOutcome.retry(TailraceError(code: "t", message: "m"), after: nil)
    private func at(_ seconds: Int) -> Instant { start + .seconds(seconds) }

    /// "One outage counts once, however many batches were open"
    @Test func oneOutageCountsOnce() {
        var penalties = SinkPenalties(1, backoff)
        for _ in 0..<4 { penalties.offered(0) }
        for _ in 0..<4 { penalties.settled(0, retry, now: start) }
        #expect(penalties.next(after: start) == at(1))
        #expect(!penalties.allows(0, now: start) && penalties.allows(0, now: at(1)) && penalties.isFailing(0))
        penalties.offered(0)
        penalties.settled(0, retry, now: at(1))
        #expect(penalties.next(after: at(1)) == at(3), "doubled, once")
    }

    /// "after it one batch goes first, and the others follow its success"
    @Test func oneBatchGoesFirst() {
        var penalties = SinkPenalties(2, backoff)
        penalties.offered(0)
        penalties.settled(0, retry, now: start)
        #expect(penalties.allows(1, now: start), "the other has done nothing")
        #expect(penalties.allows(0, now: at(1)))
        penalties.offered(0)
        #expect(!penalties.allows(0, now: at(1)), "one is on its way")
        penalties.settled(0, .delivered, now: at(1))
        #expect(penalties.allows(0, now: at(1)) && !penalties.isFailing(0) && penalties.open(0) == 0)
        penalties.offered(0)
        #expect(penalties.allows(0, now: at(1)))
    }

    @Test func theLongestTimeWinsAndTheLimitHolds() {
        var penalties = SinkPenalties(1, backoff), now = start, delays: [Int64] = []
        for _ in 0..<5 {
            penalties.offered(0)
            penalties.settled(0, retry, now: now)
            let until = penalties.next(after: now)!
            delays.append((until - now).milliseconds)
            now = until
        }
        #expect(delays == [1000, 2000, 4000, 4000, 4000])
        penalties.offered(0)
        penalties.settled(0, .retry(.stopped, after: .seconds(30)), now: now)
        #expect(penalties.next(after: now) == now + .seconds(30), "the sink asked for more")
    }

    @Test func aRefusalIsNoFault() {
        var penalties = SinkPenalties(1, backoff)
        penalties.offered(0)
        penalties.settled(0, .notOwner(hint: nil), now: start)
        #expect(penalties.allows(0, now: start) && !penalties.isFailing(0))
    }
}
