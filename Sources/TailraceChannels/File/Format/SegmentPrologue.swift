package import TailraceCore
import TailraceWire

/// The first bytes of a segment.
package struct SegmentPrologue: Equatable, Sendable {
    package var channel: UInt64
    package var segment: UInt64
    /// The one before in the log; 0: there was none. Segments whose first write failed are left out.
    package var previousSegment: UInt64
    /// Where the last good record of it ended, and the number behind that.
    package var previousEnd: UInt64
    package var previousNumber: UInt64
    /// Of the head record.
    package var firstNumber: UInt64
    package var eventsBefore: UInt64
    package var bytesBefore: UInt64
    package var created: WallTime

    static let byteCount = 96

    enum Reading: Equatable {
        case valid(SegmentPrologue)
        case newer(UInt32)
        /// Zeros, or nothing: preallocated and never written.
        case empty
        /// Not ours, or damaged.
        case invalid
    }

    func append(to builder: inout BufferBuilder) {
        let start = builder.count
        builder.append(integer: FileFormat.magic)
        builder.append(integer: FileFormat.version)
        builder.append(integer: UInt32(0))
        for value in [
            channel, segment, previousSegment, previousEnd, previousNumber, firstNumber, eventsBefore, bytesBefore,
            UInt64(bitPattern: created.milliseconds), 0,
        ] {
            builder.append(integer: value)
        }
        let covered = UnsafeRawBufferPointer(rebasing: builder.bytes[start..<start + Self.byteCount])
        builder.store(crc32c(covered), at: start + 12)
    }

    static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
        if bytes.prefix(byteCount).allSatisfy({ $0 == 0 }) { return .empty }
        guard bytes.count >= byteCount else { return .invalid }
        var copy = BufferBuilder(capacity: byteCount)
        copy.append(UnsafeRawBufferPointer(rebasing: bytes[0..<byteCount]))
        copy.store(UInt32(0), at: 12)
        var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[0..<byteCount]))
        let magic: UInt64 = reader.integer()!, version: UInt32 = reader.integer()!, checksum: UInt32 = reader.integer()!
        // The place of magic, version and checksum, and what it covers, are the same in every version.
        guard magic == FileFormat.magic, crc32c(copy.bytes) == checksum else { return .invalid }
        guard version <= FileFormat.version else { return .newer(version) }
        func next() -> UInt64 { reader.integer()! }
        return .valid(
            SegmentPrologue(
                channel: next(), segment: next(), previousSegment: next(), previousEnd: next(), previousNumber: next(),
                firstNumber: next(), eventsBefore: next(), bytesBefore: next(),
                created: WallTime(milliseconds: Int64(bitPattern: next()))))
    }
}
