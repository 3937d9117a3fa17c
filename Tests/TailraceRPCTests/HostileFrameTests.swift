import CProtobufC
import CWire
import TailraceCore
import TailraceRPC
import TailraceWire
import Testing

/// What a peer may send that it should not. Each is refused by name, and none crashes.
@Suite struct HostileFrameTests {
    let arena = WireArena()
    let compressor = Compressor()

    private func frame(_ seed: UInt64 = 8, _ compression: Compression = .none) throws -> [UInt8] {
        var encoder = BatchEncoder()
        let batch = RandomBatches(seed: seed).firstBatch
        return flatten(
            try encoder.encode(batch, call: 7, largestFrame: 1 << 24, compression: compression, compressor, arena).pieces)
    }

    /// Decodes as far as it goes; the answer is an error or what came.
    private func outcome(_ bytes: [UInt8], _ limits: FrameLimits = FrameLimits(frameBytes: 1 << 24)) -> TailraceError? {
        error { () throws(TailraceError) in
            let (frames, end) = try decodeFrames(bytes, limits: limits)
            for frame in frames {
                if frame.kind == .appendBatch {
                    _ = try decodeBatch(frame, arena, compressor).batch.get()
                } else {
                    _ = try ControlMessage(frame.kind, frame.envelope, arena)
                }
            }
            if let end { throw end }
        }
    }

    /// Every single flipped bit is found.
    @Test(arguments: [Compression.none, .lz4])
    func everyFlippedBit(compression: Compression) throws {
        let bytes = try frame(8, compression)
        for index in 0..<min(bytes.count, 500) {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << bit
                #expect(outcome(damaged) != nil, "bit \(bit) of byte \(index)")
            }
        }
    }

    @Test func wrongChecksums() throws {
        let bytes = try frame()
        func flipped(_ index: Int) -> TailraceError? {
            var damaged = bytes
            damaged[index] ^= 0x10
            return outcome(damaged)
        }
        #expect(flipped(9)?.code == "rpc.checksum")
        #expect(flipped(9)?.message.hasPrefix("the header's checksum is ") == true)
        #expect(flipped(32)?.message.hasPrefix("the envelope's checksum is ") == true)
        #expect(flipped(bytes.count - 1)?.message.hasPrefix("the body's checksum is ") == true)
    }

    /// Lengths above the limit, "negative" ones too, are refused before memory is asked for.
    @Test(arguments: [UInt32(1 << 24) + 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
    func oversizeLengths(length: UInt32) throws {
        for field in 0..<3 {
            var header = FrameHeader(
                kind: 3, envelopeLength: 0, bodyLength: 0, contentLength: 0, envelopeChecksum: 0, bodyChecksum: 0)
            switch field {
            case 0: header.envelopeLength = Int(length)
            case 1: (header.bodyLength, header.contentLength) = (Int(length), Int(length))
            default: (header.contentLength, header.compression) = (Int(length), .zstd)
            }
            let refusal = outcome(written(header))
            #expect(refusal?.code == "rpc.too-large")
            #expect(refusal?.message.contains("\(length)") == true)
        }
    }

    private func written(_ header: FrameHeader) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 32)
        bytes.withUnsafeMutableBytes { header.write(to: $0) }
        return bytes
    }

    @Test func wrongVersionOfTheLayout() throws {
        var bytes = try frame()
        bytes[4] = 9
        #expect(outcome(bytes)?.code == "rpc.version")
        #expect(outcome(bytes)?.message == "the peer writes frames of version 9, this agent reads version 1")
        #expect(outcome(Array(bytes.prefix(5)))?.code == "rpc.version")
    }

    /// A kind that is not known is skipped, at any size and cut.
    @Test func unknownKinds() throws {
        let body = [UInt8](repeating: 1, count: 700)
        let header = FrameHeader(
            kind: 77, envelopeLength: 300, bodyLength: 400, contentLength: 400, envelopeChecksum: 1, bodyChecksum: 2)
        let bytes = written(header) + body + Array(ControlMessage.ping(4).frame(arena))
        for cut in 1..<bytes.count {
            let (frames, end) = try decodeFrames(bytes, cuts: [cut])
            #expect(frames.count == 1 && end == nil)
            #expect(frames[0].kind == .ping)
        }
    }

    /// A body that would become more than it announced, or less, or is no such body at all.
    @Test(arguments: [Compression.lz4, .zstd])
    func decompressionBomb(compression: Compression) throws {
        let zeros = Bytes(copying: [UInt8](repeating: 0, count: 8 << 20))
        let packed = try #require(compressor.compress([zeros], compression))
        #expect(packed.count < 64 << 10)
        for announced in [100, 8 << 20 - 1, 8 << 20 + 1] {
            #expect(outcome(compressedFrame(packed, compression, announced))?.code == "rpc.malformed")
        }
        let garbage = Bytes(copying: (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 37) })
        #expect(outcome(compressedFrame(garbage, compression, 5000))?.code == "rpc.malformed")
        #expect(outcome(compressedFrame(garbage, compression, 0))?.code == "rpc.malformed")
    }

    private func compressedFrame(_ body: Bytes, _ compression: Compression, _ announced: Int) -> [UInt8] {
        let header = FrameHeader(
            kind: 3, compression: compression, envelopeLength: 0, bodyLength: body.count, contentLength: announced,
            envelopeChecksum: 0, bodyChecksum: body.withUnsafeBytes { crc32c($0) })
        return written(header) + Array(body)
    }

    @Test func unknownCompression() throws {
        var bytes = try frame()
        bytes[6] = 3
        let checksum = bytes.withUnsafeBytes { crc32c(UnsafeRawBufferPointer(rebasing: $0[..<28])) }
        withUnsafeBytes(of: checksum.littleEndian) { for index in 0..<4 { bytes[28 + index] = $0[index] } }
        #expect(outcome(bytes)?.code == "rpc.compression")
    }

    /// Garbage with right checksums: what the checks behind them are for.
    @Test(arguments: (0..<60).map { UInt64($0) })
    func garbageEnvelopes(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let honest = try decodeFrames(frame(seed)).frames[0]
        for _ in 0..<150 {
            var envelope = Array(honest.envelope)
            var body = Array(honest.payload[honest.header.envelopeLength...])
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                switch Int.random(in: 0...3, using: &random) {
                case 0 where !envelope.isEmpty:
                    envelope[Int.random(in: 0..<envelope.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                case 1: envelope = Array(envelope.prefix(Int.random(in: 0...envelope.count, using: &random)))
                case 2: body = Array(body.prefix(Int.random(in: 0...body.count, using: &random)))
                default:
                    envelope += (0..<Int.random(in: 1...40, using: &random)).map { _ in
                        UInt8.random(in: 0...255, using: &random)
                    }
                }
            }
            for kind in MessageKind.allCases {
                let header = FrameHeader(
                    kind: kind.rawValue, envelopeLength: envelope.count, bodyLength: body.count, contentLength: body.count,
                    envelopeChecksum: envelope.withUnsafeBytes { crc32c($0) }, bodyChecksum: body.withUnsafeBytes { crc32c($0) }
                )
                _ = outcome(written(header) + envelope + body)
            }
        }
    }

    /// Thousands of empty sub-messages want fifty times their size: the arena refuses.
    @Test func amplification() {
        let envelope = Bytes(copying: (0..<64_000).map { UInt8($0 % 2 == 0 ? 0x32 : 0) })
        let refusal = error { () throws(TailraceError) in
            _ = try envelope.withUnsafeBytes { (bytes) throws(TailraceError) in
                try ControlMessage(.helloReply, bytes, WireArena(capacity: 1 << 20))
            }
        }
        #expect(refusal?.code == "rpc.malformed")
        #expect(refusal?.message == "the envelope of helloReply (64000 bytes) needs too much memory to decode")
    }

    /// Pure noise, with and without a right beginning.
    @Test(arguments: (0..<100).map { UInt64($0) })
    func noise(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let bytes = (0..<400).map { _ in UInt8.random(in: 0...255, using: &random) }
        #expect(outcome(bytes) != nil)
        #expect(outcome(FrameHeader.magic + bytes) != nil)
        #expect(outcome(FrameHeader.magic + [1, 3] + bytes) != nil)
    }
}
