package import TailraceCore
import TailraceStatus

/// The auditor's counts as it sends them: an ``AuditLedger`` without what only the counting needs.
package struct AuditSnapshot: Codable, Hashable, Sendable {
    package struct Tally: Codable, Hashable, Sendable {
        package var delivered: UInt64
        package var duplicates: UInt64
        package var outOfOrder: UInt64
        /// Numbers of which nobody knows any more whether they came.
        package var forgotten: UInt64
        /// Numbers that came, as [first, last + 1]; the lowest, at most ``AuditSnapshot/mostRuns``.
        package var runs: [[UInt64]]
        /// Behind the highest number that came.
        package var end: UInt64

        package var ranges: [Range<UInt64>] {
            runs.compactMap { $0.count == 2 && $0[0] < $0[1] ? $0[0]..<$0[1] : nil }
        }
    }
    package struct Partition: Codable, Hashable, Sendable {
        package var topic: String
        package var partition: Int32
        package var next: Int64
        package var dropped: UInt64
    }

    package var records: UInt64 = 0
    package var anonymous: UInt64 = 0
    package var untracked: UInt64 = 0
    package var dropped: UInt64 = 0
    /// By stream (16 hexadecimal digits), and by generated file ("edge-1").
    package var streams: [String: Tally] = [:]
    package var lines: [String: Tally] = [:]
    package var partitions: [Partition] = []
    /// The last trouble with the broker, or empty.
    package var trouble = ""
    /// The consumer is subscribed, and has partitions.
    package var isReading = false

    package init() {}

    package static let mostRuns = 1_024
}

extension AuditLedger {
    package var snapshot: AuditSnapshot {
        var snapshot = AuditSnapshot()
        (snapshot.records, snapshot.anonymous, snapshot.untracked) = (records, anonymous, untracked)
        for (stream, tally) in streams { snapshot.streams[stream.description] = tally.snapshot }
        for (writer, tally) in lines { snapshot.lines[writer] = tally.snapshot }
        for (partition, state) in partitions.sorted(by: { $0.key < $1.key }) {
            snapshot.dropped += state.dropped
            snapshot.partitions.append(
                AuditSnapshot.Partition(
                    topic: partition.topic, partition: partition.partition, next: state.next, dropped: state.dropped))
        }
        return snapshot
    }
}

extension AuditLedger.Tally {
    var snapshot: AuditSnapshot.Tally {
        AuditSnapshot.Tally(
            delivered: seen.count, duplicates: duplicates, outOfOrder: outOfOrder, forgotten: seen.forgotten,
            runs: seen.runs.prefix(AuditSnapshot.mostRuns).map { [$0.lowerBound, $0.upperBound] }, end: seen.end)
    }
}

/// A stream that the supervisor has seen in the status of an agent, now or before the agent was killed.
package struct KnownStream: Codable, Hashable, Sendable {
    package enum State: String, Codable, Sendable {
        /// The agent that numbers it runs.
        case live
        /// Its agent does not run; it may go on where it was, or begin a new stream.
        case down
        /// Its agent runs again, and began a new stream: what was not safe, it sends again there.
        case ended
    }
    package var agent: String
    package var source: String
    package var channel: String
    package var stream: StreamID
    package var submitted: UInt64
    package var safe: UInt64
    package var state: State

    package init(
        agent: String, source: String, channel: String, stream: StreamID, submitted: UInt64, safe: UInt64, state: State
    ) {
        (self.agent, self.source, self.channel, self.stream) = (agent, source, channel, stream)
        (self.submitted, self.safe, self.state) = (submitted, safe, state)
    }
}
