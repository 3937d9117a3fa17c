package import TailraceCore
package import TailraceWire

/// The step between a frame and its batch: opening the body.
package enum FrameContent {
    /// `payload`: envelope and body, whose memory becomes the batch's, unless the body was compressed. `released`: put on the
    /// memory that stays, if it is new; called in any case then.
    package static func batch(
        _ header: FrameHeader, _ payload: Buffer, _ arena: WireArena, _ compressor: Compressor,
        released: (@Sendable (Int) -> Void)?
    ) throws(TailraceError) -> ReceivedBatch {
        let envelope = Bytes(payload, 0..<header.envelopeLength)
        guard header.compression != .none else {
            return try envelope.withUnsafeBytes { (bytes) throws(TailraceError) in
                try BatchDecoder.decode(bytes, payload, at: header.envelopeLength, arena)
            }
        }
        var content = BufferBuilder(capacity: header.contentLength)
        let space = UnsafeMutableRawBufferPointer(rebasing: content.spare.prefix(header.contentLength))
        do throws(TailraceError) {
            try Bytes(payload, header.envelopeLength..<header.payloadLength).withUnsafeBytes { (bytes) throws(TailraceError) in
                try compressor.decompress(bytes, header.compression, into: space)
            }
        } catch {
            _ = content.finishBuffer(released: released)  // gives the budget back
            throw error
        }
        content.filled(header.contentLength)
        let opened = content.finishBuffer(released: released)
        return try envelope.withUnsafeBytes { (bytes) throws(TailraceError) in
            try BatchDecoder.decode(bytes, opened, at: 0, arena)
        }
    }
}
