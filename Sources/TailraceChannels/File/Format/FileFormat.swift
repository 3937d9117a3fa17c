// The file channel on disk.
//
// A channel is a directory for its state, and one or more for its data. The data is a log of segments; segment n lies in data
// directory n modulo their count, under the name `segment-` and n in 16 decimal digits. Numbers only grow and are never used
// twice, so that no bytes of a former file can pass for a later one's: a file that was read to its end becomes a spare, and the
// next segment is written over it.
//
//     segment   = prologue record*                      preallocated; what follows the last record means nothing
//     record    = frame payload padding frame           the second frame has another mark and is otherwise the same
//     payload   = meta envelope content                 of a batch; of a `head` and a `close`: a snapshot, as the meta
//
// All integers are little-endian, all records begin at a multiple of 8. The frame names what was in the payload (stream, span,
// count), so that a damaged payload can still be told by name. It stands before and behind the payload: a flipped bit in one
// of the two costs nothing. Its checksum begins with the channel's id and the segment's number, and covers the payload's
// checksum. Envelope and content are those of the RPC (CWire/wire.proto, AppendBatch): the bodies are written from the memory
// they were read into. The meta has what the RPC does not carry: source positions, and the source whose stream begins here.
//
// The first record of a segment is its head: a snapshot of what must outlive deleted segments (positions, streams that begin
// here, numbers held). The prologue says where the segment before ended, the cumulative counts, and is checked by itself. A
// close record is written at an orderly stop.
//
// Record numbers grow by one within a segment; numbers that a failed write used are left out. Each record names its sync group
// and its place in it. A group is written only after the one before was synced, and lies within one segment. So one intact
// record of group g proves that all of the groups before g were synced: what is missing of those is damage. Of the last group
// of the last segment an undamaged prefix counts; the rest was never acknowledged. Segments that are not the last were synced
// before the next one began, in every sync mode.
//
// The state file has two slots, written in turn: the read position, which is a hint that saves reading events twice. Lost, it
// is replaced by the start of the first segment.

/// Names and constants of the format.
package enum FileFormat {
    /// "TAILRSEG"
    static let magic: UInt64 = 0x4745_5352_4C49_4154
    package static let version: UInt32 = 1
    static let alignment = 8
    package static let stateName = "state"
    package static let quarantinePrefix = "quarantine-"
    private static let segmentPrefix = "segment-"
    private static let sparePrefix = "spare-"

    package static func name(ofSegment number: UInt64) -> String { segmentPrefix + digits(number) }
    package static func segment(named name: String) -> UInt64? { Self.number(name, behind: segmentPrefix) }
    /// A file to be used again, by the number of the segment that it was last.
    package static func name(ofSpare number: UInt64) -> String { sparePrefix + digits(number) }
    package static func spare(named name: String) -> UInt64? { Self.number(name, behind: sparePrefix) }

    private static func digits(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 16 - digits.utf8.count)) + digits
    }
    private static func number(_ name: String, behind prefix: String) -> UInt64? {
        guard name.hasPrefix(prefix), name.utf8.count >= prefix.utf8.count + 16 else { return nil }
        return UInt64(name.dropFirst(prefix.utf8.count))
    }
    /// Flume's own data files: `log-1`, `log-1.meta`.
    static func isFlumes(_ name: String) -> Bool {
        name.hasPrefix("log-") && Int(name.dropFirst(4).prefix { $0 != "." }) != nil
    }
    static func aligned(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }
}
