import TailraceCore
import TailraceRPC
import TailraceWire

/// A frame that came out of a decoder.
struct DecodedFrame {
    var header: FrameHeader
    var payload: Bytes
    var kind: MessageKind { MessageKind(rawValue: header.kind)! }
    var envelope: Bytes { payload[0..<header.envelopeLength] }
}

func flatten(_ pieces: [Bytes]) -> [UInt8] { pieces.flatMap { Array($0) } }

/// Feeds `bytes` in pieces that end at `cuts`; grants all memory that is asked for.
func decodeFrames(
    _ bytes: [UInt8], cuts: [Int] = [], limits: FrameLimits = FrameLimits(frameBytes: 64 << 20)
) throws(TailraceError) -> (frames: [DecodedFrame], end: TailraceError?) {
    var decoder = FrameDecoder(limits), frames: [DecodedFrame] = [], at = 0
    for border in cuts.filter({ $0 > 0 && $0 < bytes.count }).sorted() + [bytes.count] {
        while at < border {
            let space = decoder.space(), count = min(space.count, border - at)
            precondition(count > 0, "the decoder has no space while bytes are left")
            for index in 0..<count { space[index] = bytes[at + index] }
            decoder.filled(count)
            at += count
            try drain(&decoder, &frames)
        }
    }
    return (frames, decoder.end())
}

private func drain(_ decoder: inout FrameDecoder, _ frames: inout [DecodedFrame]) throws(TailraceError) {
    while true {
        switch try decoder.next() {
        case .needsBytes: return
        case .needsMemory: decoder.memoryGranted()
        case .frame(let header): frames.append(DecodedFrame(header: header, payload: decoder.takePayload().finish()))
        }
    }
}

/// As a session does it: decompressed if it has to be, then decoded.
func decodeBatch(_ frame: DecodedFrame, _ arena: WireArena, _ compressor: Compressor) throws(TailraceError) -> ReceivedBatch {
    try FrameContent.batch(frame.header, frame.payload.buffer, arena, compressor, released: nil)
}

func error(of body: () throws(TailraceError) -> Void) -> TailraceError? {
    do {
        try body()
        return nil
    } catch {
        return error
    }
}
