package import TailraceCore
import TailraceWire

/// Where reading goes on: everything before it was delivered.
package struct ReadPosition: Equatable, Sendable {
    package var segment: UInt64
    /// Of the record in the segment's file.
    package var offset: UInt64
    /// Of that record.
    package var number: UInt64
    /// Events of that record that were delivered.
    package var prefix: UInt32 = 0
    /// What the log had before that record.
    package var eventsBefore: UInt64
    package var bytesBefore: UInt64
}

/// One of the two slots of the state file.
package struct StateSlot: Equatable, Sendable {
    package var channel: UInt64
    /// The slot with the greater one counts.
    package var generation: UInt64
    package var position: ReadPosition
    /// The number behind all that was synced then: a log that ends before it has lost something.
    package var endNumber: UInt64
    /// Of the state file itself. Another one means that the directory was copied or restored.
    package var file: FileIdentity
    /// When it was written. A file that was changed much later than its last slot says was restored in place, by a program
    /// that keeps the inode (rsync --inplace). 0: written by an earlier version.
    package var written = WallTime(milliseconds: 0)

    /// A write may wait for the disk behind a sync.
    private static let longestWrite: Int64 = 60_000
    func isOlder(than file: FileInformation) -> Bool {
        written.milliseconds > 0 && file.changed.milliseconds - written.milliseconds > Self.longestWrite
    }

    static let byteCount = 128
    /// Slots lie in different pages and sectors.
    static let stride = 4096
    /// "TAILRSTA"
    private static let magic: UInt64 = 0x4154_5352_4C49_4154

    enum Reading: Equatable {
        case valid(StateSlot)
        case newer(UInt32)
        case empty
        case invalid
    }

    func encoded() -> Bytes {
        var builder = BufferBuilder(capacity: Self.byteCount)
        builder.append(integer: Self.magic)
        builder.append(integer: FileFormat.version)
        builder.append(integer: UInt32(0))
        for value in [
            channel, generation, position.segment, position.offset, position.number, UInt64(position.prefix),
            position.eventsBefore, position.bytesBefore, endNumber, file.device, file.inode,
            UInt64(bitPattern: written.milliseconds),
        ] {
            builder.append(integer: value)
        }
        builder.append(zeros: Self.byteCount - builder.count)
        builder.store(crc32c(builder.bytes), at: 12)
        return builder.finish()
    }

    static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
        if bytes.prefix(byteCount).allSatisfy({ $0 == 0 }) { return .empty }
        guard bytes.count >= byteCount else { return .invalid }
        var copy = BufferBuilder(capacity: byteCount)
        copy.append(UnsafeRawBufferPointer(rebasing: bytes[0..<byteCount]))
        copy.store(UInt32(0), at: 12)
        var reader = ByteReader(bytes)
        let magic: UInt64 = reader.integer()!, version: UInt32 = reader.integer()!, checksum: UInt32 = reader.integer()!
        guard magic == Self.magic, crc32c(copy.bytes) == checksum else { return .invalid }
        guard version <= FileFormat.version else { return .newer(version) }
        func next() -> UInt64 { reader.integer()! }
        let channel = next(), generation = next()
        let position = ReadPosition(
            segment: next(), offset: next(), number: next(), prefix: UInt32(truncatingIfNeeded: next()), eventsBefore: next(),
            bytesBefore: next())
        return .valid(
            StateSlot(
                channel: channel, generation: generation, position: position, endNumber: next(),
                file: FileIdentity(device: next(), inode: next()),
                written: WallTime(milliseconds: Int64(bitPattern: next()))))
    }
}
