package import TailraceCore

/// The step between a frame and its batch: opening the body.
package enum FrameContent {
    /// `payload`: envelope and body, whose memory becomes the batch's, unless the body was compressed. `released`: put on the
    /// memory that stays, if it is new.
    package static func batch(
        _ header: FrameHeader, _ payload: Buffer, _ envelope: UnsafeRawBufferPointer, _ arena: WireArena,
        _ compressor: Compressor, released: (@Sendable (Int) -> Void)?
    ) throws(TailraceError) -> ReceivedBatch {
        guard header.compression != .none else {
            return try BatchDecoder.decode(envelope, payload, at: header.envelopeLength, arena)
        }
        var content = BufferBuilder(capacity: header.contentLength)
        let packed = UnsafeRawBufferPointer(start: payload.base + header.envelopeLength, count: header.bodyLength)
        let space = UnsafeMutableRawBufferPointer(rebasing: content.spare.prefix(header.contentLength))
        try compressor.decompress(packed, header.compression, into: space)
        content.filled(header.contentLength)
        return try BatchDecoder.decode(envelope, content.finishBuffer(released: released), at: 0, arena)
    }
}
