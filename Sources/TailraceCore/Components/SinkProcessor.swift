package struct SinkView: Sendable {
    package var openSlots: Int
    /// It said `notOwner` for this stream.
    package var refusesStream: Bool
    /// Another sink's hint named it.
    package var isHinted: Bool
    package init(openSlots: Int, refusesStream: Bool = false, isHinted: Bool = false) {
        (self.openSlots, self.refusesStream, self.isHinted) = (openSlots, refusesStream, isHinted)
    }
}

/// `wait`: ask again when a sink has slots or has settled, and at `until` (later than now) if a back-off ends then.
package enum SinkChoice: Hashable, Sendable {
    case sink(Int)
    case wait(until: Instant?)
}

/// The policy of a sink group: a value without IO, clock or randomness of its own. One sink is a group of one.
package protocol SinkProcessor {
    /// A question that changes nothing: which sink is to have the batch that the channel shows? Not one that refuses its
    /// stream, is in back-off, or has no slot.
    func choose(_ sinks: [SinkView], for head: BatchHead, now: Instant, random: inout SeededRandom) -> SinkChoice
    mutating func offered(_ sink: Int)
    mutating func settled(_ sink: Int, _ outcome: TakeOutcome, now: Instant)
}

/// The back-off that each processor holds, that of a single sink too. One outage counts once, however many batches were
/// open; after it one batch goes first, and the others follow its success.
package struct SinkPenalties: Sendable {
    private struct Sink {
        var open = 0
        /// Open when the back-off began: their failures belong to the same outage.
        var old = 0
        var failures = 0
        var until: Instant?
    }
    private var sinks: [Sink]
    private let backoff: Backoff

    package init(_ count: Int, _ backoff: Backoff) {
        sinks = Array(repeating: Sink(), count: count)
        self.backoff = backoff
    }
    package func allows(_ sink: Int, now: Instant) -> Bool {
        let s = sinks[sink]
        return s.until.map { $0 <= now } ?? true && (s.failures == 0 || s.open == 0)
    }
    package func open(_ sink: Int) -> Int { sinks[sink].open }
    package func isFailing(_ sink: Int) -> Bool { sinks[sink].failures > 0 }
    /// When the next back-off ends.
    package func next(after now: Instant) -> Instant? { sinks.compactMap(\.until).filter { $0 > now }.min() }

    package mutating func offered(_ sink: Int) { sinks[sink].open += 1 }
    package mutating func settled(_ sink: Int, _ outcome: TakeOutcome, now: Instant) {
        var s = sinks[sink]
        defer { sinks[sink] = s }
        s.open -= 1
        guard case .retry(_, let after) = outcome else {
            (s.old, s.failures, s.until) = (0, 0, nil)
            return
        }
        if s.old > 0 {
            s.old -= 1
            return
        }
        s.failures += 1
        s.old = s.open
        s.until = now + max(backoff.delay(s.failures), after ?? .zero)
    }
}
