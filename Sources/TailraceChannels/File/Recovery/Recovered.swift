import TailraceCore

/// A channel as it was found.
struct Recovered {
    var channel: UInt64
    var memory: ChannelMemory
    /// From the read position on.
    var segments: [SegmentInfo]
    /// All files with records, and those without.
    var kept: [SegmentInfo]
    var useless: [SegmentInfo]
    /// Files for the next segments.
    var spares: [SegmentInfo]
    var position: ReadPosition
    var end: LogEnd
    var previous: (segment: UInt64, end: Int, number: UInt64)?
    var nextSegment: UInt64
    var stateFile: any File
    var slot: StateSlot
    var slotIndex: Int
    /// Numbers may have been given that are not remembered: streams that begin here must begin anew.
    var needsNewStreams: Bool
    /// For the log: what is unusual, and what is lost.
    var notes: [(LogLevel, String)]
}
