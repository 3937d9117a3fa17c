/// A set of numbers as sorted runs, bounded: with more runs than allowed, the lowest gap is closed and its numbers are
/// counted as forgotten. A number in order costs a comparison.
package struct RunSet: Hashable, Sendable {
    package private(set) var runs: [Range<UInt64>] = []
    /// Numbers in the set, without the forgotten.
    package private(set) var count: UInt64 = 0
    /// Numbers in gaps that were closed: nobody knows any more whether they came.
    package private(set) var forgotten: UInt64 = 0
    private let limit: Int

    package init(limit: Int = 16_384) {
        precondition(limit > 0)
        self.limit = limit
    }

    /// False: it was there, or it lies in a gap that was closed.
    package mutating func insert(_ number: UInt64) -> Bool {
        precondition(number < .max)
        if let last = runs.last, number >= last.upperBound {
            if number == last.upperBound {
                runs[runs.count - 1] = last.lowerBound..<number + 1
            } else {
                runs.append(number..<number + 1)
            }
            count += 1
            forget()
            return true
        }
        let index = firstRun(endingAfter: number)
        if index < runs.count, runs[index].contains(number) { return false }
        count += 1
        let joinsLeft = index > 0 && runs[index - 1].upperBound == number
        let joinsRight = index < runs.count && runs[index].lowerBound == number + 1
        switch (joinsLeft, joinsRight) {
        case (true, true):
            runs[index - 1] = runs[index - 1].lowerBound..<runs[index].upperBound
            runs.remove(at: index)
        case (true, false): runs[index - 1] = runs[index - 1].lowerBound..<number + 1
        case (false, true): runs[index] = number..<runs[index].upperBound
        case (false, false): runs.insert(number..<number + 1, at: index)
        }
        forget()
        return true
    }

    /// Behind the last number; 0 for none.
    package var end: UInt64 { runs.last?.upperBound ?? 0 }

    private func firstRun(endingAfter number: UInt64) -> Int {
        var low = 0, high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].upperBound > number { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private mutating func forget() {
        guard runs.count > limit else { return }
        forgotten += runs[1].lowerBound - runs[0].upperBound
        runs[0] = runs[0].lowerBound..<runs[1].upperBound
        runs.remove(at: 1)
    }
}

/// Gaps of sorted runs in 0..<end.
package func gaps(of runs: [Range<UInt64>], below end: UInt64) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = [], next: UInt64 = 0
    for run in runs {
        if run.lowerBound >= end { break }
        if run.lowerBound > next { result.append(next..<run.lowerBound) }
        next = run.upperBound
    }
    if next < end { result.append(next..<end) }
    return result
}
