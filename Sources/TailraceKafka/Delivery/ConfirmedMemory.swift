import TailraceCore

/// Which events of batches that were given back are done (confirmed by the broker, or synced as dead letters), by their numbers,
/// so that they are not sent again when the channel offers the rest. Bounded; what is forgotten is sent twice, never lost. It
/// does not outlive the process, and other sinks of a group do not see it.
struct ConfirmedMemory {
    static let streams = 1_000

    private var runs: [StreamID: Runs<UInt64>] = [:]
    /// Oldest first.
    private var order: [StreamID] = []

    var isEmpty: Bool { runs.isEmpty }

    /// `events`: indices in the batch.
    mutating func remember(_ events: [Range<Int>], of batch: EventBatch) {
        guard let identity = batch.identity, !events.isEmpty else { return }
        if runs[identity.stream] == nil {
            if order.count >= Self.streams { runs[order.removeFirst()] = nil }
            order.append(identity.stream)
        }
        runs[identity.stream, default: Runs()].insert(pick(events, of: identity.sequences))
        runs[identity.stream]!.keepLast(Limits.runs)
    }

    /// The indices of those events of the batch that are done.
    func known(in batch: EventBatch) -> [Range<Int>] {
        guard let identity = batch.identity, let done = runs[identity.stream] else { return [] }
        var result: [Range<Int>] = [], before = 0
        for run in identity.sequences {
            for both in done.clamped(to: run) {
                let first = before + Int(both.lowerBound - run.lowerBound)
                result.append(first..<first + both.count)
            }
            before += run.count
        }
        return result
    }

    /// The batch is delivered: its numbers will not come again.
    mutating func forget(_ batch: EventBatch) {
        guard !runs.isEmpty, let identity = batch.identity, runs[identity.stream] != nil else { return }
        runs[identity.stream]!.remove(identity.span)
        guard runs[identity.stream]!.isEmpty else { return }
        runs[identity.stream] = nil
        order.removeAll { $0 == identity.stream }
    }
}
