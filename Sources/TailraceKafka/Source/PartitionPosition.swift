import TailraceCore

/// Where the source is in a partition, as a channel that survives a crash keeps it with the events: the next offset, and what
/// the group had committed by then (both big-endian, so that later is greater).
///
/// At the next start the greater of the position and the group's offset counts: the position, if the agent crashed between
/// the two. But if the group's offset is *less* than what had been committed, a person has set it back, and is obeyed.
struct PartitionPosition: Equatable {
    var next: Int64
    /// nil: nothing was committed yet.
    var committed: Int64?

    init(next: Int64, committed: Int64?) { (self.next, self.committed) = (next, committed) }

    /// nil: not such a position.
    init?(_ position: SourcePosition) {
        guard position.bytes.count == 16 else { return nil }
        func number(_ bytes: ArraySlice<UInt8>) -> Int64 { bytes.reduce(0) { $0 << 8 | Int64($1) } }
        next = number(position.bytes[..<8])
        let known = number(position.bytes[8...])
        committed = known < 0 ? nil : known
    }

    var position: SourcePosition {
        func bytes(_ number: Int64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) } }
        return SourcePosition(bytes: bytes(next) + bytes(committed ?? -1))
    }

    /// The group and the topic belong to it: another group begins where it wants.
    static func key(_ source: String, _ group: String, _ partition: TopicPartition) -> SourcePositionKey {
        SourcePositionKey(source: source, key: "\(group)/\(partition)")
    }

    /// The group's offset is less than one that it had committed: a person did that.
    func isSetBack(to group: Int64) -> Bool { committed.map { group < $0 } ?? false }

    /// Where to begin. `group`: what is committed now. nil: by `auto.offset.reset`.
    static func start(_ stored: PartitionPosition?, group: Int64?) -> Int64? {
        guard let stored else { return group }
        guard let group else { return stored.next }
        return stored.isSetBack(to: group) ? group : max(stored.next, group)
    }
}
