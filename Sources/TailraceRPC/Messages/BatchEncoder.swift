// A batch to a frame: CWire/wire.proto, AppendBatch.

package import TailraceCore
package import TailraceWire

/// Makes frames of batches, with memory that is kept from one to the next. Confined to its loop.
///
/// The bodies are not touched: the frame points into the batch's buffer.
package struct BatchEncoder: ~Copyable {
    private var envelopes = BatchEnvelopeEncoder()

    package init() {}

    /// A frame, ready to be written.
    package struct Frame {
        /// Header and envelope, then the body.
        package var pieces: [Bytes]
        /// As the receiver counts it against its largest frame.
        package var size: Int
        package var byteCount: Int { pieces.reduce(0) { $0 + $1.count } }
    }

    /// `batch`: numbered. Throws when it is larger than `largestFrame`.
    package mutating func encode(
        _ batch: EventBatch, call: UInt64, largestFrame: Int, compression: Compression, _ compressor: Compressor,
        _ arena: WireArena
    ) throws(TailraceError) -> Frame {
        let encoded = try envelopes.encode(batch, call: call)
        let length = encoded.envelopeLength, size = length + encoded.contentLength
        guard size <= largestFrame else { throw .rpcTooLarge("frame", size, limit: largestFrame) }
        let packed = compression == .none ? nil : compressor.compress(encoded.content, compression)
        let body = packed.map { [$0] } ?? encoded.content
        let head = FrameHeader.byteCount + length
        var front = BufferBuilder(capacity: head)
        let space = front.spare
        let envelope = UnsafeMutableRawBufferPointer(rebasing: space[FrameHeader.byteCount..<head])
        envelopes.pack(into: envelope)
        FrameHeader(
            kind: MessageKind.appendBatch.rawValue, compression: packed == nil ? .none : compression, envelopeLength: length,
            bodyLength: body.reduce(0) { $0 + $1.count }, contentLength: encoded.contentLength,
            envelopeChecksum: crc32c(UnsafeRawBufferPointer(envelope)),
            bodyChecksum: body.reduce(0) { crc, piece in piece.withUnsafeBytes { crc32c($0, crc) } }
        ).write(to: space)
        front.filled(head)
        return Frame(pieces: [front.finish()] + body, size: size)
    }
}
