/// A set of whole numbers as ascending runs that do not touch. It costs runs, not numbers.
struct Runs<Value: FixedWidthInteger & Sendable>: Equatable, Sendable {
    private(set) var ranges: [Range<Value>] = []

    init() {}
    init(_ ranges: [Range<Value>]) { for range in ranges { insert(range) } }

    var isEmpty: Bool { ranges.isEmpty }
    var count: Int { ranges.reduce(0) { $0 + $1.count } }

    /// The first run that ends at or behind `value`.
    private func firstIndex(endingFrom value: Value) -> Int {
        var low = 0, high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    mutating func insert(_ range: Range<Value>) {
        guard !range.isEmpty else { return }
        let first = firstIndex(endingFrom: range.lowerBound)
        var last = first, merged = range
        while last < ranges.count, ranges[last].lowerBound <= range.upperBound {
            merged = min(merged.lowerBound, ranges[last].lowerBound)..<max(merged.upperBound, ranges[last].upperBound)
            last += 1
        }
        ranges.replaceSubrange(first..<last, with: CollectionOfOne(merged))
    }
    mutating func insert(_ others: [Range<Value>]) { for other in others { insert(other) } }

    mutating func remove(_ range: Range<Value>) {
        guard !range.isEmpty, !ranges.isEmpty else { return }
        let first = firstIndex(endingFrom: range.lowerBound)
        var last = first, rest: [Range<Value>] = []
        while last < ranges.count, ranges[last].lowerBound < range.upperBound {
            let run = ranges[last]
            if run.lowerBound < range.lowerBound { rest.append(run.lowerBound..<min(run.upperBound, range.lowerBound)) }
            if run.upperBound > range.upperBound { rest.append(range.upperBound..<run.upperBound) }
            last += 1
        }
        ranges.replaceSubrange(first..<last, with: rest)
    }
    mutating func remove(_ others: [Range<Value>]) { for other in others { remove(other) } }

    /// Forgets the lowest runs until at most `limit` are left.
    mutating func keepLast(_ limit: Int) { if ranges.count > limit { ranges.removeFirst(ranges.count - limit) } }

    /// The part of the set that lies within `bounds`.
    func clamped(to bounds: Range<Value>) -> [Range<Value>] {
        var result: [Range<Value>] = []
        for run in ranges[firstIndex(endingFrom: bounds.lowerBound)...] {
            if run.lowerBound >= bounds.upperBound { break }
            let both = run.clamped(to: bounds)
            if !both.isEmpty { result.append(both) }
        }
        return result
    }
}
