import TailraceCore

/// A take that a sink has. What it came from may move from memory to disk while the sink has it.
final class SpillTake {
    enum Place {
        case memory
        /// On its way to the disk: still memory's.
        case moving
        /// On disk; its record was not yet met there.
        case written
        case overflow
    }
    let batch: EventBatch
    /// Among those of memory.
    let order: MemoryOrder?
    var place: Place
    /// Of the part that has it; nil if that is settled.
    var inner: TakeTransaction?
    /// Said by the sink while it moved.
    var outcome: TakeOutcome?
    /// The disk has a part of it already: it stays in memory until it is settled.
    var mustStay = false

    init(_ inner: consuming TakeTransaction, _ place: Place, order: MemoryOrder? = nil) {
        batch = inner.batch
        (self.order, self.place) = (order, place)
        self.inner = consume inner
    }

    func settleInner(_ outcome: TakeOutcome) { inner.take()?.settle(outcome) }
}

/// A put that is reserved in one of the two parts.
final class SpillReservation {
    enum Place { case memory, overflow, held }
    let batch: EventBatch
    let place: Place
    private(set) var put: PutTransaction?
    /// Events that are not new.
    let known: Int

    /// All of it is safe already, or there is nothing to keep.
    init(held batch: EventBatch) { (self.batch, place, known) = (batch, .held, batch.count) }
    init(_ batch: EventBatch, _ place: Place, known: Int, _ put: consuming PutTransaction) {
        (self.batch, self.place, self.known) = (batch, place, known)
        self.put = consume put
    }
    func commit(until custody: Custody, _ done: @escaping Completion) {
        put.take()!.commit(until: custody, done)
    }
}

extension TakeOutcome {
    var isDelivered: Bool {
        if case .delivered = self { true } else { false }
    }
}
