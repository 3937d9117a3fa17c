import Testing

@testable import TailraceChannels

@Suite struct PutPaceTests {
    private var pace = PutPace()
    private mutating func update(_ waiting: Int, isCaughtUp: Bool = true) -> PutPace.Order {
        pace.update(waiting: waiting, limit: 100, isCaughtUp: isCaughtUp)
    }

    @Test mutating func putsWaitUntilHalfOfTheMemoryIsTaken() {
        #expect(update(99) == .none)
        #expect(!pace.isHeld)
        #expect(update(100) == .hold)
        #expect(pace.isHeld)
        #expect(update(51) == .none)
        #expect(pace.isHeld)
        #expect(update(50) == .resume)
        #expect(!pace.isHeld)
    }

    @Test mutating func slowSinksHoldUpNothingUntilTheyHaveCaughtUp() {
        #expect(update(100) == .hold)
        pace.patienceEnded()
        #expect(!pace.isHeld)
        #expect(!pace.isKept)
        #expect(update(1000, isCaughtUp: false) == .none)
        #expect(update(20, isCaughtUp: false) == .none)
        #expect(!pace.isKept)
        #expect(update(51) == .none)
        #expect(!pace.isKept)
        #expect(update(50) == .none)
        #expect(pace.isKept)
        #expect(update(100) == .hold)
    }

    @Test mutating func patienceThatEndsLateChangesNothing() {
        pace.patienceEnded()
        #expect(pace.isKept)
    }
}
