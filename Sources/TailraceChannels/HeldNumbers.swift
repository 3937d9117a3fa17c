package import TailraceCore

/// The sequence numbers that a channel holds or has held, per stream, as runs: so it recognises what is sent again.
///
/// Bounded in both directions (``Limits/streams``, ``Limits/runsPerStream``): the oldest run, and the stream that was quiet
/// for longest, are forgotten first; a resend of those is then stored twice. Only numbers of events count, never the gaps
/// between them.
package struct HeldNumbers {
    private struct Stream {
        /// Ascending, apart.
        var runs: [Range<UInt64>] = []
        var lastUse: UInt64
        /// The time of that, where the caller told it.
        var used = WallTime(milliseconds: 0)
    }
    private var streams: [StreamID: Stream] = [:]
    private var use: UInt64 = 0
    private let streamLimit: Int
    private let runLimit: Int
    /// Runs and streams forgotten so far.
    package private(set) var forgotten = 0

    package init(streamLimit: Int = Limits.streams, runLimit: Int = Limits.runsPerStream) {
        (self.streamLimit, self.runLimit) = (streamLimit, runLimit)
    }

    package func runs(of stream: StreamID) -> [Range<UInt64>] { streams[stream]?.runs ?? [] }

    /// The events of a batch with these numbers that are not held, by index. All of them, usually: one look at the last run.
    package func missing(_ identity: BatchIdentity, count: Int) -> [Range<Int>] {
        let all = count == 0 ? [] : [0..<count]
        guard let held = streams[identity.stream]?.runs, let last = held.last, let first = identity.sequences.first,
            first.lowerBound < last.upperBound
        else { return all }
        var result: [Range<Int>] = [], index = 0
        func add(_ run: Range<UInt64>, _ start: UInt64) {
            guard !run.isEmpty else { return }
            let low = index + Int(run.lowerBound - start)
            result.append(low..<low + run.count)
        }
        for run in identity.sequences {
            var at = run.lowerBound
            for known in held where known.upperBound > at && known.lowerBound < run.upperBound {
                if known.lowerBound > at { add(at..<known.lowerBound, run.lowerBound) }
                at = max(at, min(known.upperBound, run.upperBound))
            }
            add(at..<run.upperBound, run.lowerBound)
            index += run.count
        }
        return result
    }

    /// `time`: for ``expire(before:)``.
    package mutating func add(_ identity: BatchIdentity, at time: WallTime = WallTime(milliseconds: 0)) {
        use += 1
        if streams[identity.stream] == nil, streams.count >= streamLimit { forgetQuietStreams() }
        var stream = streams[identity.stream] ?? Stream(lastUse: use)
        streams[identity.stream] = nil  // so that the runs below are changed in place
        (stream.lastUse, stream.used) = (use, time)
        for run in identity.sequences { Self.insert(run, into: &stream.runs) }
        if stream.runs.count > runLimit {
            forgotten += stream.runs.count - runLimit
            stream.runs.removeFirst(stream.runs.count - runLimit)
        }
        streams[identity.stream] = stream
    }

    /// For a put that failed after it was added.
    package mutating func remove(_ identity: BatchIdentity) {
        guard var stream = streams[identity.stream] else { return }
        for run in identity.sequences {
            stream.runs = stream.runs.flatMap { known -> [Range<UInt64>] in
                guard known.overlaps(run) else { return [known] }
                return [
                    known.lowerBound..<max(known.lowerBound, run.lowerBound),
                    min(known.upperBound, run.upperBound)..<known.upperBound,
                ].filter { !$0.isEmpty }
            }
        }
        streams[identity.stream] = stream
    }

    /// Everything, the stream that was quiet for longest first.
    package var snapshot: [(stream: StreamID, runs: [Range<UInt64>], used: WallTime)] {
        streams.sorted { $0.value.lastUse < $1.value.lastUse }.map { ($0.key, $0.value.runs, $0.value.used) }
    }
    /// One entry of a ``snapshot``, in its order.
    package mutating func restore(_ stream: StreamID, _ runs: [Range<UInt64>], used: WallTime) {
        use += 1
        if streams[stream] == nil, streams.count >= streamLimit { forgetQuietStreams() }
        streams[stream] = Stream(runs: runs.suffix(runLimit), lastUse: use, used: used)
    }
    /// Forgets the streams that were quiet since `time`.
    package mutating func expire(before time: WallTime) {
        let count = streams.count
        streams = streams.filter { $0.value.used.milliseconds >= time.milliseconds }
        forgotten += count - streams.count
    }

    private static func insert(_ run: Range<UInt64>, into runs: inout [Range<UInt64>]) {
        guard !run.isEmpty else { return }
        if let last = runs.last, last.upperBound == run.lowerBound {
            runs[runs.count - 1] = last.lowerBound..<run.upperBound
            return
        }
        guard let last = runs.last, last.upperBound >= run.lowerBound else {
            runs.append(run)
            return
        }
        var low = run.lowerBound, high = run.upperBound
        let touching = runs.indices.filter { runs[$0].upperBound >= low && runs[$0].lowerBound <= high }
        if let first = touching.first {
            low = min(low, runs[first].lowerBound)
            high = max(high, runs[touching.last!].upperBound)
            runs.replaceSubrange(first...touching.last!, with: [low..<high])
        } else {
            runs.insert(run, at: runs.firstIndex { $0.lowerBound > low } ?? runs.count)
        }
    }

    /// A tenth of them at once, so that the search for the quietest costs little per stream.
    private mutating func forgetQuietStreams() {
        let quiet = streams.sorted { $0.value.lastUse < $1.value.lastUse }.prefix(max(1, streamLimit / 10))
        for (stream, _) in quiet { streams[stream] = nil }
        forgotten += quiet.count
    }
}
