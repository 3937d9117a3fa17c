import TailraceCore

/// Which offsets of which assigned partitions may be committed: those before which everything is done, in whatever order it
/// was. A value; answers for partitions that were taken away meanwhile are ignored.
struct OffsetLedger {
    /// Records that were read in one go, or some of them.
    struct Ticket: Equatable {
        let partition: TopicPartition
        /// Of the assignment: the same partition may go and come back.
        let generation: UInt64
        var offsets: [Range<Int64>]

        func part(_ offsets: [Range<Int64>]) -> Ticket {
            Ticket(partition: partition, generation: generation, offsets: offsets)
        }
    }
    private struct Entry {
        var generation: UInt64
        /// Tickets that are on their way.
        var open = 0
        /// Where reading began.
        var begin: Int64?
        /// Behind what was read.
        var next: Int64?
        /// Everything before it is done: next to read by who comes after us.
        var safe: Int64?
        /// Behind `safe`.
        var done = Runs<Int64>()
        var committed: Int64?
        /// What the last position that went to the channels calls committed.
        var told: Int64?
        var isRevoked = false

        mutating func add(_ offsets: [Range<Int64>]) {
            done.insert(offsets)
            guard let first = done.ranges.first, let safe, first.lowerBound <= safe else { return }
            self.safe = max(safe, first.upperBound)
            done.remove(first)
        }
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

    /// Records of these offsets were read, the ones behind the last. nil: the partition is not ours any more; they are for
    /// somebody else. What is missing before them (compacted, of an aborted transaction) counts as done. Offsets that begin
    /// again further down are those of another topic of the same name, or a person has set them back.
    mutating func read(_ partition: TopicPartition, _ offsets: Range<Int64>) -> Ticket? {
        guard var entry = entries[partition], !entry.isRevoked else { return nil }
        if let next = entry.next, offsets.lowerBound < next {
            generations += 1
            entry = Entry(generation: generations)
        }
        let gap = (entry.next ?? offsets.lowerBound)..<offsets.lowerBound
        if entry.safe == nil { (entry.begin, entry.safe) = (gap.lowerBound, gap.lowerBound) }
        entry.next = offsets.upperBound
        entry.add([gap])
        entries[partition] = entry
        return Ticket(partition: partition, generation: entry.generation, offsets: [offsets])
    }
    /// Whether what the ticket stands for is still ours.
    func isCurrent(_ ticket: Ticket) -> Bool {
        entries[ticket.partition].map { $0.generation == ticket.generation && !$0.isRevoked } ?? false
    }
    /// Whether its answer still counts: the partition is ours, or being given back.
    func isKnown(_ ticket: Ticket) -> Bool { entries[ticket.partition]?.generation == ticket.generation }
    /// It is on its way from now on, and will be answered.
    mutating func open(_ ticket: Ticket) { change(ticket) { ($0.open, $0.told) = ($0.open + 1, $0.committed) } }
    mutating func answer(_ ticket: Ticket, isSafe: Bool) {
        change(ticket) { entry in
            entry.open -= 1
            if isSafe { entry.add(ticket.offsets) }
        }
    }
    /// Done without having been on its way: known already, or set aside.
    mutating func skip(_ ticket: Ticket) { change(ticket) { $0.add(ticket.offsets) } }

    private mutating func change(_ ticket: Ticket, _ body: (inout Entry) -> Void) {
        guard var entry = entries[ticket.partition], entry.generation == ticket.generation else { return }
        entries[ticket.partition] = nil  // so that its runs are changed in place
        body(&entry)
        entries[ticket.partition] = entry
    }

    /// What is safe and not committed; in the order of partitions. `among`: nil means all.
    func due(among wanted: [TopicPartition]? = nil) -> [(TopicPartition, Int64)] {
        (wanted?.sorted() ?? partitions).compactMap { partition in
            guard let entry = entries[partition], let begin = entry.begin, let safe = entry.safe, begin < safe,
                entry.committed.map({ $0 < safe }) ?? true
            else { return nil }
            return (partition, safe)
        }
    }
    mutating func commit(_ offsets: [(TopicPartition, Int64)]) {
        for (partition, offset) in offsets where entries[partition] != nil { entries[partition]!.committed = offset }
    }
    /// Partitions of which nothing is on its way and everything is committed, and the channels do not know that; they do now.
    mutating func untold() -> [(TopicPartition, Int64)] {
        let found = partitions.compactMap { partition -> (TopicPartition, Int64)? in
            guard let entry = entries[partition], entry.open == 0, !entry.isRevoked, let safe = entry.safe,
                entry.committed == safe, entry.told != safe
            else { return nil }
            return (partition, safe)
        }
        for (partition, offset) in found { entries[partition]!.told = offset }
        return found
    }
    /// No more is read of them; what is open may still be answered.
    mutating func revoke(_ partitions: [TopicPartition]) {
        for partition in partitions where entries[partition] != nil { entries[partition]!.isRevoked = true }
    }
    mutating func remove(_ partitions: [TopicPartition]) { for partition in partitions { entries[partition] = nil } }
    mutating func removeAll() { entries = [:] }
}
