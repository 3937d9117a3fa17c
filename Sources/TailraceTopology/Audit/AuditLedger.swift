package import TailraceCore

/// What the auditor has read from Kafka: per stream and per generated file which numbers came, how often and in which order;
/// per partition what the broker dropped before it was read. A value without IO, bounded in streams and runs.
package struct AuditLedger: Sendable {
    /// The numbers of one stream, or of one generated file.
    package struct Tally: Sendable {
        package fileprivate(set) var seen = RunSet()
        /// Records whose number was there already.
        package fileprivate(set) var duplicates: UInt64 = 0
        /// First deliveries that came behind a higher number in the same partition.
        package fileprivate(set) var outOfOrder: UInt64 = 0
        fileprivate var highest: [TopicPartition: UInt64] = [:]

        fileprivate mutating func record(_ number: UInt64, in partition: TopicPartition) {
            guard number < .max, seen.insert(number) else {
                duplicates += 1
                return
            }
            if let high = highest[partition], high > number {
                outOfOrder += 1
            } else {
                highest[partition] = number
            }
        }
    }
    package struct Partition: Sendable {
        package var next: Int64
        /// Offsets that were never delivered to the auditor.
        package var dropped: UInt64
    }

    package private(set) var streams: [StreamID: Tally] = [:]
    package private(set) var lines: [String: Tally] = [:]
    package private(set) var partitions: [TopicPartition: Partition] = [:]
    package private(set) var records: UInt64 = 0
    /// Records without a valid identity header.
    package private(set) var anonymous: UInt64 = 0
    /// Records of streams and files beyond the limits.
    package private(set) var untracked: UInt64 = 0
    /// The topics were made by this cluster: partitions begin at offset 0.
    private let startsAtZero: Bool
    private let mostStreams: Int

    package init(startsAtZero: Bool, mostStreams: Int = 4_096) {
        (self.startsAtZero, self.mostStreams) = (startsAtZero, mostStreams)
    }

    /// `identity`: the value of the header ``RecordSet/identityHeaderName``. `body`: for the numbers of generated lines.
    package mutating func record(_ partition: TopicPartition, offset: Int64, identity: Bytes?, body: Bytes) {
        records += 1
        note(partition, offset)
        if let (stream, number) = identity.flatMap(Self.decode) {
            if streams[stream] != nil || streams.count < mostStreams {
                streams[stream, default: Tally()].record(number, in: partition)
            } else {
                untracked += 1
            }
        } else {
            anonymous += 1
        }
        if let (writer, number) = GeneratedLine.parse(body), lines[writer] != nil || lines.count < Topology.mostAgents {
            lines[writer, default: Tally()].record(number, in: partition)
        }
    }

    private mutating func note(_ partition: TopicPartition, _ offset: Int64) {
        var state = partitions[partition] ?? Partition(next: startsAtZero ? 0 : offset, dropped: 0)
        // A lower offset is read again (a new broker, a reset): nothing was dropped by it.
        if offset > state.next { state.dropped += UInt64(offset - state.next) }
        state.next = max(state.next, offset + 1)
        partitions[partition] = state
    }

    /// 16 bytes, big-endian: stream and number.
    package static func decode(_ value: Bytes) -> (StreamID, UInt64)? {
        guard value.count == 16 else { return nil }
        return value.withUnsafeBytes { bytes in
            let stream = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
            let number = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            return (StreamID(value: stream), number)
        }
    }
}
