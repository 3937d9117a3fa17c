/// `committed`: as durable as the channel is (a file channel: synced). `delivered`: taken, and committed by a sink. `safe`:
/// the channel decides for each batch which of the two a crash of this process cannot undo (spillable memory: where it lies).
package enum Custody: Hashable, Sendable { case safe, committed, delivered }

/// Room in a channel. Settled once, or its end gives it back.
package struct PutTransaction: ~Copyable {
    /// The channel has all these numbers.
    package let isDuplicate: Bool
    private let id: UInt64
    private var backend: (any PutBackend)?

    package init(id: UInt64, isDuplicate: Bool, _ backend: any PutBackend) {
        (self.id, self.isDuplicate, self.backend) = (id, isDuplicate, backend)
    }
    /// Makes the batch the channel's. `done`: when it is safe in the sense of `custody`; for `.committed` in the order of
    /// commits. A duplicate is answered when its original is safe: at once, if it is. Failure: it may be there or not; and
    /// whatever was committed behind it, up to the turn in which `done` says so, fails too, so that no later batch or
    /// position of a source is safe while an earlier one is not. Numbers of a failed put are forgotten at once.
    package consuming func commit(until custody: Custody, _ done: @escaping Completion) {
        backend.take()!.commitPut(id, until: custody, done)
    }
    package consuming func rollback() { backend.take()!.rollbackPut(id) }
    deinit { backend?.rollbackPut(id) }
}

/// An id that is gone (stopped, removed) is ignored, but a completion is always called.
package protocol PutBackend: AnyObject {
    func commitPut(_ id: UInt64, until custody: Custody, _ done: @escaping Completion)
    func rollbackPut(_ id: UInt64)
}

package enum TakeOutcome: Sendable {
    /// Everything arrived, but for the rejected events, which never will, and which the sink has put where the configuration
    /// says (dead letter, drop with a counter).
    case delivered(rejected: [Rejection])
    /// Nothing is certain: offer all of it again, to this sink not before `after`.
    case retry(TailraceError, after: Duration?)
    /// This sink's peer does not take this stream; who does, if known. No fault of the sink: ask another one.
    case notOwner(hint: Endpoint?)

    package static var delivered: TakeOutcome { .delivered(rejected: []) }
}

/// Events out of a channel. Settled once, or its end gives them back.
package struct TakeTransaction: ~Copyable {
    package let batch: EventBatch
    private let id: UInt64
    private var backend: (any TakeBackend)?

    package init(_ batch: EventBatch, id: UInt64, _ backend: any TakeBackend) {
        (self.batch, self.id, self.backend) = (batch, id, backend)
    }
    /// Cannot fail: a read position that is lost in a crash means that the events come again.
    package consuming func settle(_ outcome: TakeOutcome) { backend.take()!.settleTake(id, outcome) }
    deinit { backend?.settleTake(id, .retry(.dropped, after: nil)) }
}

/// Settling only records; what follows from it comes in a later turn. An id that is gone is ignored. A channel asks only
/// whether it was delivered; the rest is for the sink runner.
package protocol TakeBackend: AnyObject { func settleTake(_ id: UInt64, _ outcome: TakeOutcome) }
