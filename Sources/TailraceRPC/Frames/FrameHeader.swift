// The frame: how bytes become messages.
//
// Every message, in both directions, is one frame: a fixed header, an envelope (protobuf, CWire/wire.proto), and a body that
// is never decoded, only sliced. All numbers are little-endian.
//
//     offset  size  what
//          0     4  magic "TRC1"
//          4     1  version of this layout: 1
//          5     1  kind of message
//          6     2  flags: the two low bits say how the body is compressed (0 none, 1 lz4, 2 zstd); the others are ignored
//          8     4  length of the envelope
//         12     4  length of the body, as sent
//         16     4  length of the body, decompressed (as sent, if it is not compressed)
//         20     4  CRC32C of the envelope
//         24     4  CRC32C of the body, as sent
//         28     4  CRC32C of the 28 bytes before
//         32        the envelope, then the body
//
// Why so:
// - The header has a checksum of its own, so that a damaged length is found before memory is asked for, and not after
//   waiting for bytes that never come. It covers the envelope's and the body's checksums, and so the whole frame.
// - Both lengths of the body are here and not in the envelope, so that everything a frame will need is reserved at once, before
//   its first byte is read: nobody holds a compressed frame while waiting for memory to open it, and a decompression bomb
//   is refused by its announced size; what comes out must have exactly that size.
// - Envelopes are small (numbers, no bodies or headers), so their bound is the same for every frame.
//
// Order of the checks: magic (a foreign protocol is named), version, header checksum, lengths against the limits; then memory;
// then the checksums of envelope and body; only then is anything decoded. A kind that is not known is skipped.
//
// What is not promised: the checksums find damage, not malice; and frames say nothing about order: calls have numbers.

package import TailraceCore
import TailraceWire

/// The kinds of message. Others are skipped, so that a newer peer may send them.
package enum MessageKind: UInt8, Sendable, CaseIterable {
    case hello = 1
    case helloReply = 2
    case appendBatch = 3
    case batchReply = 4
    case ping = 5
    case pong = 6
    case goAway = 7
    case refused = 8
}

/// The fixed header of a frame, decoded. See the head of this file for the layout.
package struct FrameHeader: Hashable, Sendable {
    package static let byteCount = 32
    package static let magic: [UInt8] = Array("TRC1".utf8)
    package static let layoutVersion: UInt8 = 1

    package var kind: UInt8
    package var compression: Compression
    package var envelopeLength: Int
    /// As sent.
    package var bodyLength: Int
    /// Decompressed.
    package var contentLength: Int
    package var envelopeChecksum: UInt32
    package var bodyChecksum: UInt32

    package init(
        kind: UInt8, compression: Compression = .none, envelopeLength: Int, bodyLength: Int, contentLength: Int,
        envelopeChecksum: UInt32, bodyChecksum: UInt32
    ) {
        (self.kind, self.compression) = (kind, compression)
        (self.envelopeLength, self.bodyLength, self.contentLength) = (envelopeLength, bodyLength, contentLength)
        (self.envelopeChecksum, self.bodyChecksum) = (envelopeChecksum, bodyChecksum)
    }

    /// Bytes behind the header.
    package var payloadLength: Int { envelopeLength + bodyLength }

    /// What the frame may cost in memory: its bytes, the decompressed body, and the tables that its envelope becomes. A byte of
    /// an envelope becomes at most eight (a body's range, a run of numbers).
    package var memoryCost: Int {
        payloadLength + (compression == .none ? 0 : contentLength) + 8 * envelopeLength
    }

    /// Writes the 32 bytes to the front of `space`.
    package func write(to space: UnsafeMutableRawBufferPointer) {
        precondition(space.count >= Self.byteCount)
        for (index, byte) in Self.magic.enumerated() { space[index] = byte }
        space[4] = Self.layoutVersion
        space[5] = kind
        space.storeBytes(of: UInt16(compression.rawValue).littleEndian, toByteOffset: 6, as: UInt16.self)
        let numbers = [
            UInt32(envelopeLength), UInt32(bodyLength), UInt32(contentLength), envelopeChecksum, bodyChecksum,
        ]
        for (index, number) in numbers.enumerated() {
            space.storeBytes(of: number.littleEndian, toByteOffset: 8 + 4 * index, as: UInt32.self)
        }
        let checksum = crc32c(UnsafeRawBufferPointer(rebasing: space[0..<28]))
        space.storeBytes(of: checksum.littleEndian, toByteOffset: 28, as: UInt32.self)
    }

    /// Reads the 32 bytes at the front of `bytes`, whose magic is right, and checks them against `limits`.
    package init(_ bytes: UnsafeRawBufferPointer, _ limits: FrameLimits) throws(TailraceError) {
        precondition(bytes.count >= Self.byteCount)
        guard bytes[4] == Self.layoutVersion else { throw .rpcVersion(layout: bytes[4]) }
        func number(_ offset: Int) -> UInt32 {
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        let expected = crc32c(UnsafeRawBufferPointer(rebasing: bytes[0..<28]))
        guard number(28) == expected else { throw .rpcChecksum("header", found: number(28), computed: expected) }
        guard let compression = Compression(rawValue: bytes[6] & 3) else { throw .rpcUnknownCompression(Int(bytes[6] & 3)) }
        self.init(
            kind: bytes[5], compression: compression, envelopeLength: Int(number(8)), bodyLength: Int(number(12)),
            contentLength: Int(number(16)), envelopeChecksum: number(20), bodyChecksum: number(24))
        try check(limits)
    }

    private func check(_ limits: FrameLimits) throws(TailraceError) {
        guard envelopeLength <= limits.envelopeBytes else {
            throw .rpcTooLarge("envelope", envelopeLength, limit: limits.envelopeBytes)
        }
        // Counted decompressed: what is legal must not depend on how well it compresses.
        let size = envelopeLength + max(bodyLength, contentLength)
        guard size <= limits.frameBytes else { throw .rpcTooLarge("frame", size, limit: limits.frameBytes) }
        guard compression != .none || bodyLength == contentLength else {
            throw .rpcMalformed("a body that is not compressed has \(bodyLength) bytes but announces \(contentLength)")
        }
    }
}

/// What a peer may send.
package struct FrameLimits: Hashable, Sendable {
    /// Envelope and body, decompressed (`maxFrameSizeBytes`).
    package var frameBytes: Int
    /// Enough for ``Limits/batchEvents`` events with headers of their own and gaps, and ``Limits/runs`` runs.
    package var envelopeBytes: Int

    package static let largestEnvelope = WireLimits.largestEnvelope
    package static let largestText = WireLimits.largestText

    package init(frameBytes: Int, envelopeBytes: Int = FrameLimits.largestEnvelope) {
        (self.frameBytes, self.envelopeBytes) = (frameBytes, envelopeBytes)
    }
    /// For a client, to which nobody sends batches.
    package static let control = FrameLimits(frameBytes: 64 << 10, envelopeBytes: 64 << 10)
}
