/// What one source put into one channel of its agent, with an epoch: the channel draws it when its state is made.
package struct StreamID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var value: UInt64
    package init(value: UInt64) { self.value = value }
    package static func < (a: StreamID, b: StreamID) -> Bool { a.value < b.value }
    /// 16 hexadecimal digits.
    package var description: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// Numbers are given at the origin, after its interceptors, per channel, and without gaps. Later hops keep them; what they
/// filter out leaves gaps inside `span`. Sending again keeps the identity, though perhaps cut at other places.
package struct BatchIdentity: Hashable, Sendable {
    package let stream: StreamID
    /// All numbers the batch answers for. Empty only at the origin, for a record that has nothing but positions.
    package let span: Range<UInt64>
    /// The numbers of its events, in order; usually one run, none if all were filtered out.
    package let sequences: [Range<UInt64>]

    package init(stream: StreamID, span: Range<UInt64>, sequences: [Range<UInt64>]) {
        (self.stream, self.span, self.sequences) = (stream, span, sequences)
    }
    package var dropped: Int { span.count - sequences.reduce(0) { $0 + $1.count } }
}

/// One thing that a source reads: a file (taildir), a partition (Kafka).
package struct SourcePositionKey: Hashable, Sendable {
    package var source: String
    package var key: String
    package init(source: String, key: String) { (self.source, self.key) = (source, key) }
}

/// What the source needs to go on there. Opaque, but ordered by its bytes: later is greater (offsets big-endian, first).
package struct SourcePosition: Comparable, Hashable, Sendable {
    package var bytes: [UInt8]
    package init(bytes: [UInt8]) { self.bytes = bytes }
    package static func < (a: SourcePosition, b: SourcePosition) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}

/// Where a source is behind a batch.
package struct SourceMark: Hashable, Sendable {
    package var key: SourcePositionKey
    package var position: SourcePosition
    package init(key: SourcePositionKey, position: SourcePosition) { (self.key, self.position) = (key, position) }
}

/// The values at the `wanted` indices (ascending) of a list of runs, as runs again. It costs runs, not events.
package func pick<T: FixedWidthInteger>(_ wanted: [Range<Int>], of runs: [Range<T>]) -> [Range<T>] {
    if wanted.count == 1, runs.count == 1 {
        let low = runs[0].lowerBound + T(wanted[0].lowerBound), high = low + T(wanted[0].count)
        precondition(high <= runs[0].upperBound)
        return low == high ? [] : [low..<high]
    }
    var result: [Range<T>] = [], start = 0, next = 0
    for run in runs {
        let here = start..<start + Int(run.upperBound - run.lowerBound)
        start = here.upperBound
        while next < wanted.count {
            let both = wanted[next].clamped(to: here)
            if !both.isEmpty {
                let low = run.lowerBound + T(both.lowerBound - here.lowerBound), joins = result.last?.upperBound == low
                result.append((joins ? result.removeLast().lowerBound : low)..<low + T(both.count))
            }
            if wanted[next].upperBound > here.upperBound { break }
            next += 1
        }
    }
    return result
}
