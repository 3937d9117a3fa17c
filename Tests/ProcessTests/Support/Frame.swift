import CChecksum

/// Frames of the wire protocol, built from the article's table and not by our encoder; also wrong ones.
struct Frame {
    var kind: UInt8
    var envelope: [UInt8] = []
    var body: [UInt8] = []
    /// What the header announces, where that is not the truth.
    var envelopeLength: UInt32?
    var bodyLength: UInt32?

    var bytes: [UInt8] {
        var header = Array("TRC1".utf8) + [1, kind, 0, 0]
        func add(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { header += $0 } }
        add(envelopeLength ?? UInt32(envelope.count))
        add(bodyLength ?? UInt32(body.count))
        add(bodyLength ?? UInt32(body.count))
        add(cchecksum_crc32c(0, envelope, envelope.count))
        add(cchecksum_crc32c(0, body, body.count))
        add(cchecksum_crc32c(0, header, header.count))
        return header + envelope + body
    }

    static let hello: UInt8 = 1, helloReply: UInt8 = 2, appendBatch: UInt8 = 3, batchReply: UInt8 = 4, refused: UInt8 = 8
}
