import TailraceCore
import TailraceWire

/// Puts records behind each other as pieces for one write. Between two batches' bodies stand the bytes of one small buffer.
struct RecordWriter: ~Copyable {
    private var envelopes = BatchEnvelopeEncoder()
    private var glue = BufferBuilder(capacity: 1024)
    private var pieces: [Bytes] = []
    /// Bytes written so far.
    private(set) var count = 0

    /// The prologue of a new segment.
    mutating func append(_ prologue: SegmentPrologue) {
        prologue.append(to: &glue)
        count += SegmentPrologue.byteCount
    }

    /// A snapshot; `frame` is of that kind. Returns the frame as it was written.
    @discardableResult
    mutating func append(_ memory: ChannelMemory, _ frame: RecordFrame, seed: UInt32) -> RecordFrame {
        var frame = frame
        let start = glue.count
        glue.append(zeros: RecordFrame.byteCount)
        memory.append(to: &glue)
        frame.metaLength = glue.count - start - RecordFrame.byteCount
        finish(&frame, start, [], seed)
        return frame
    }

    /// Throws when the batch exceeds a limit that every reader has; nothing is appended then.
    mutating func append(
        _ batch: EventBatch, _ meta: RecordMeta, _ frame: RecordFrame, seed: UInt32
    ) throws(TailraceError) -> RecordFrame {
        var frame = frame
        let encoded = try envelopes.encode(batch, call: 0)
        let start = glue.count
        glue.append(zeros: RecordFrame.byteCount)
        meta.append(to: &glue)
        frame.metaLength = glue.count - start - RecordFrame.byteCount
        frame.envelopeLength = encoded.envelopeLength
        glue.reserve(encoded.envelopeLength)
        envelopes.pack(into: UnsafeMutableRawBufferPointer(rebasing: glue.spare.prefix(encoded.envelopeLength)))
        glue.filled(encoded.envelopeLength)
        finish(&frame, start, encoded.content, seed)
        return frame
    }

    private mutating func finish(_ frame: inout RecordFrame, _ start: Int, _ content: [Bytes], _ seed: UInt32) {
        let front = UnsafeRawBufferPointer(rebasing: glue.bytes[(start + RecordFrame.byteCount)...])
        frame.payloadLength = front.count + content.reduce(0) { $0 + $1.count }
        frame.payloadChecksum = content.reduce(crc32c(front)) { crc, piece in piece.withUnsafeBytes { crc32c($0, crc) } }
        frame.store(in: &glue, at: start, mark: RecordFrame.frontMark, seed: seed)
        if !content.isEmpty {
            cut()
            pieces += content
        }
        glue.append(zeros: FileFormat.aligned(frame.payloadLength) - frame.payloadLength)
        frame.append(to: &glue, mark: RecordFrame.backMark, seed: seed)
        count += frame.recordLength
    }
    private mutating func cut() {
        guard glue.count > 0 else { return }
        pieces.append(Bytes(copying: glue.bytes))
        glue.removeAll()
    }

    /// All of it; the writer is empty again.
    mutating func take() -> [Bytes] {
        cut()
        defer { (pieces, count) = ([], 0) }
        return pieces
    }
}

enum RecordReader {
    /// `record`: all of it. Throws `channel.malformed` for what no writer writes: the checksums are right.
    static func batch(
        _ frame: RecordFrame, _ record: Bytes, _ arena: WireArena
    ) throws(TailraceError) -> (batch: EventBatch, meta: RecordMeta) {
        let start = record.startIndex + RecordFrame.byteCount
        let envelope = start + frame.metaLength, content = envelope + frame.envelopeLength
        let meta = Bytes(record.buffer, start..<envelope).withUnsafeBytes { RecordMeta($0) }
        guard let meta else { throw .channelMalformed("positions", frame) }
        do throws(TailraceError) {
            let received = try Bytes(record.buffer, envelope..<content).withUnsafeBytes { (bytes) throws(TailraceError) in
                try BatchDecoder.decode(bytes, Bytes(record.buffer, content..<start + frame.payloadLength), arena)
            }
            let batch = try received.batch.get()
            return (EventBatch(batch.storage, batch.runs, batch.identity, meta.positions), meta)
        } catch { throw .channelMalformed(error.message, frame) }
    }

    static func memory(_ frame: RecordFrame, _ record: Bytes) throws(TailraceError) -> ChannelMemory {
        let start = record.startIndex + RecordFrame.byteCount
        let memory = Bytes(record.buffer, start..<start + frame.metaLength).withUnsafeBytes { ChannelMemory($0) }
        guard let memory else { throw .channelMalformed("snapshot", frame) }
        return memory
    }
}
