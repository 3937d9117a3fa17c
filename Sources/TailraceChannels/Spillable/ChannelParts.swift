// What a channel made of two others must know of them.

import TailraceCore

/// Where a piece stands among all that a memory channel holds.
struct MemoryOrder: Comparable {
    var record: UInt64
    var event: Int
    static func < (a: Self, b: Self) -> Bool { (a.record, a.event) < (b.record, b.event) }
}

extension FileChannel {
    /// The events that it does not know, by index.
    func missing(_ batch: EventBatch) -> [Range<Int>] { numbers.missing(batch.identity!, count: batch.count) }
    /// What would be taken next.
    var offer: EventBatch? { isStopping ? nil : delivery.offer?.batch }
    /// Something is committed that cannot be taken yet.
    var hasUnwritten: Bool { !pending.isEmpty }
    /// All that it has is with sinks, and nothing is on its way.
    var hasOnlyOpenTakes: Bool {
        pending.isEmpty && reservations.isEmpty && delivery.offer == nil && reader?.isCaughtUp == true
    }
    /// Records are in the log that could not be loaded yet.
    var isBehind: Bool { reader?.isCaughtUp != true }
}

extension MemoryChannel {
    func missing(_ batch: EventBatch) -> [Range<Int>] { numbers.missing(batch.identity!, count: batch.count) }
}

/// What is left of 0..<count without ascending ranges of it.
func complement(of ranges: [Range<Int>], in count: Int) -> [Range<Int>] {
    var result: [Range<Int>] = [], at = 0
    for range in ranges {
        if range.lowerBound > at { result.append(at..<range.lowerBound) }
        at = max(at, range.upperBound)
    }
    if at < count { result.append(at..<count) }
    return result
}
func intersection(_ first: [Range<Int>], _ second: [Range<Int>]) -> [Range<Int>] {
    var result: [Range<Int>] = [], a = 0, b = 0
    while a < first.count, b < second.count {
        let both = first[a].clamped(to: second[b])
        if !both.isEmpty { result.append(both) }
        if first[a].upperBound < second[b].upperBound { a += 1 } else { b += 1 }
    }
    return result
}
