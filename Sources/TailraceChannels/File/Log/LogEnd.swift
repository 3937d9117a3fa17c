import TailraceCore

/// Where the log ends, and what it has had so far.
struct LogEnd: Equatable {
    /// Of the next record.
    var number: UInt64 = 1
    var events: UInt64 = 0
    var bytes: UInt64 = 0
    var group: UInt64 = 1

    mutating func passed(_ frame: RecordFrame) {
        (number, events, bytes) = (frame.endNumber, frame.eventsAfter, frame.bytesAfter)
    }
}

/// A segment that the log has, or had until it was read.
struct SegmentInfo: Equatable {
    var number: UInt64
    /// The data directory it lies in.
    var disk: Int
    /// Where the last good record ends; nil: what can be read counts.
    var end: Int?
    /// The number behind the last good record; nil: not known.
    var endNumber: UInt64?
    /// What the log had at its begin; nil: its prologue is damaged.
    var firstNumber: UInt64?
    var eventsBefore: UInt64?
    var bytesBefore: UInt64?
}
