package import TailraceCore
import TailraceWire

/// What a record is.
package enum RecordKind: UInt8, Sendable {
    case batch = 1
    /// The first of a segment: a snapshot.
    case head = 2
    /// The last of a segment, after an orderly stop: a snapshot.
    case close = 3
}

/// The fixed part of a record, before and behind its payload.
package struct RecordFrame: Equatable, Sendable {
    package var kind: RecordKind
    /// Of the record, over all segments.
    package var number: UInt64
    package var group: UInt64
    /// The how many-th of its group it is, from 0.
    package var index: UInt32
    package var stream: StreamID
    package var span: Range<UInt64>
    package var events: Int
    /// As ``EventBatch/size`` counts.
    package var bytes: Int
    /// All that the log had before it, ever.
    package var eventsBefore: UInt64
    package var bytesBefore: UInt64
    package var time: WallTime
    var metaLength: Int
    var envelopeLength: Int
    package var payloadLength: Int
    var payloadChecksum: UInt32

    static let byteCount = 104
    static let frontMark: UInt32 = 0x4252_5254  // "TRRB"
    static let backMark: UInt32 = 0x4552_5254  // "TRRE"

    /// Frames, payload and padding.
    package var recordLength: Int { 2 * Self.byteCount + FileFormat.aligned(payloadLength) }
    package var endNumber: UInt64 { number + 1 }
    package var eventsAfter: UInt64 { eventsBefore + UInt64(events) }
    package var bytesAfter: UInt64 { bytesBefore + UInt64(bytes) }

    /// What the checksums of a segment begin with.
    static func seed(channel: UInt64, segment: UInt64) -> UInt32 {
        withUnsafeBytes(of: (channel.littleEndian, segment.littleEndian)) { crc32c($0) }
    }

    /// Appends it; the checksum comes last, over what stands behind it.
    func append(to builder: inout BufferBuilder, mark: UInt32, seed: UInt32) {
        let start = builder.count
        builder.append(zeros: Self.byteCount)
        store(in: &builder, at: start, mark: mark, seed: seed)
    }
    func store(in builder: inout BufferBuilder, at start: Int, mark: UInt32, seed: UInt32) {
        builder.store(mark, at: start)
        builder.store(UInt32(payloadLength), at: start + 8)
        builder.store(payloadChecksum, at: start + 12)
        builder.store(number, at: start + 16)
        builder.store(group, at: start + 24)
        builder.store(stream.value, at: start + 32)
        builder.store(span.lowerBound, at: start + 40)
        builder.store(span.upperBound, at: start + 48)
        builder.store(UInt32(events), at: start + 56)
        builder.store(UInt32(bytes), at: start + 60)
        builder.store(eventsBefore, at: start + 64)
        builder.store(bytesBefore, at: start + 72)
        builder.store(time.milliseconds, at: start + 80)
        builder.store(UInt32(metaLength), at: start + 88)
        builder.store(UInt32(envelopeLength), at: start + 92)
        builder.store(index, at: start + 96)
        builder.store(kind.rawValue, at: start + 100)
        let covered = UnsafeRawBufferPointer(rebasing: builder.bytes[start + 8..<start + Self.byteCount])
        builder.store(crc32c(covered, seed), at: start + 4)
    }

    /// nil: these bytes are no frame with that mark of that segment.
    init?(_ bytes: UnsafeRawBufferPointer, mark: UInt32, seed: UInt32) {
        guard bytes.count >= Self.byteCount else { return nil }
        func value<Value: FixedWidthInteger>(_ offset: Int, _: Value.Type = Value.self) -> Value {
            Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
        }
        guard value(0, UInt32.self) == mark,
            value(4, UInt32.self) == crc32c(UnsafeRawBufferPointer(rebasing: bytes[8..<Self.byteCount]), seed),
            let kind = RecordKind(rawValue: value(100))
        else { return nil }
        let (first, end): (UInt64, UInt64) = (value(40), value(48))
        self.kind = kind
        (payloadLength, payloadChecksum) = (Int(value(8, UInt32.self)), value(12))
        (number, group, index) = (value(16), value(24), value(96))
        stream = StreamID(value: value(32))
        span = first..<max(first, end)
        (events, self.bytes) = (Int(value(56, UInt32.self)), Int(value(60, UInt32.self)))
        (eventsBefore, bytesBefore) = (value(64), value(72))
        time = WallTime(milliseconds: value(80))
        (metaLength, envelopeLength) = (Int(value(88, UInt32.self)), Int(value(92, UInt32.self)))
        guard first <= end, metaLength + envelopeLength <= payloadLength, number < .max, index <= number else { return nil }
    }

    init(
        kind: RecordKind, number: UInt64, group: UInt64, index: UInt32, batch: EventBatch?, eventsBefore: UInt64,
        bytesBefore: UInt64, time: WallTime
    ) {
        (self.kind, self.number, self.group, self.index) = (kind, number, group, index)
        stream = batch?.identity?.stream ?? StreamID(value: 0)
        span = batch?.identity?.span ?? 0..<0
        (events, bytes) = (batch?.size.events ?? 0, batch?.size.bytes ?? 0)
        (self.eventsBefore, self.bytesBefore, self.time) = (eventsBefore, bytesBefore, time)
        (metaLength, envelopeLength, payloadLength, payloadChecksum) = (0, 0, 0, 0)
    }
}
