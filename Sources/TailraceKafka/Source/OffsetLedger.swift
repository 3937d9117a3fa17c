import TailraceCore

/// Which offsets of which assigned partitions may be committed: those before which everything is safe. A value; answers for
/// partitions that were taken away meanwhile are ignored.
struct OffsetLedger {
    /// A batch on its way.
    struct Ticket {
        fileprivate var partition: TopicPartition
        fileprivate var generation: UInt64
        /// Of the record behind it.
        fileprivate var next: Int64
    }
    private struct Entry {
        var generation: UInt64
        var open = 0
        /// Next to read by who comes after us.
        var safe: Int64?
        var committed: Int64?
        var isRevoked = false
        /// A batch failed: nothing behind it may count.
        var isBroken = false
    }
    private var entries: [TopicPartition: Entry] = [:]
    private var generations: UInt64 = 0

    var partitions: [TopicPartition] { entries.keys.sorted() }
    var isQuiet: Bool { entries.values.allSatisfy { $0.open == 0 } }
    func isQuiet(_ partitions: [TopicPartition]) -> Bool { partitions.allSatisfy { (entries[$0]?.open ?? 0) == 0 } }
    func committed(_ partition: TopicPartition) -> Int64? { entries[partition]?.committed }

    mutating func assign(_ partition: TopicPartition, committed: Int64?) {
        generations += 1
        entries[partition] = Entry(generation: generations, committed: committed)
    }
    /// nil: the partition is not ours any more; its records are for somebody else.
    mutating func submit(_ partition: TopicPartition, next: Int64) -> Ticket? {
        guard var entry = entries[partition], !entry.isRevoked else { return nil }
        entry.open += 1
        entries[partition] = entry
        return Ticket(partition: partition, generation: entry.generation, next: next)
    }
    /// In the order of `submit` within a partition.
    mutating func answer(_ ticket: Ticket, isSafe: Bool) {
        guard var entry = entries[ticket.partition], entry.generation == ticket.generation else { return }
        entry.open -= 1
        if !isSafe { entry.isBroken = true }
        if !entry.isBroken { entry.safe = ticket.next }
        entries[ticket.partition] = entry
    }

    /// What is safe and not committed; in the order of partitions. `among`: nil means all.
    func due(among wanted: [TopicPartition]? = nil) -> [(TopicPartition, Int64)] {
        (wanted?.sorted() ?? partitions).compactMap { partition in
            guard let entry = entries[partition], let safe = entry.safe, entry.committed.map({ $0 < safe }) ?? true else {
                return nil
            }
            return (partition, safe)
        }
    }
    mutating func commit(_ offsets: [(TopicPartition, Int64)]) {
        for (partition, offset) in offsets where entries[partition] != nil { entries[partition]!.committed = offset }
    }
    /// No more is submitted for them; what is open may still be answered.
    mutating func revoke(_ partitions: [TopicPartition]) {
        for partition in partitions where entries[partition] != nil { entries[partition]!.isRevoked = true }
    }
    mutating func remove(_ partitions: [TopicPartition]) { for partition in partitions { entries[partition] = nil } }
    mutating func removeAll() { entries = [:] }
}
