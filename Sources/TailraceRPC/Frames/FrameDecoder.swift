package import TailraceCore
import TailraceWire

/// Bytes to frames, cut anywhere. Without IO: the owner asks where the next bytes go, reads them there, says how many, and
/// asks what came of it.
///
/// Headers and small frames go through a landing of 256 bytes; so an idle connection holds no more than that, and a small
/// frame takes one read. The payload of a larger frame is read to where it stays; at most a landing of it is copied.
package struct FrameDecoder: ~Copyable {
    package static let landingBytes = 256

    package enum Step: Equatable {
        /// Read more, to ``space()``.
        case needsBytes
        /// Reserve ``FrameHeader/memoryCost``, then call ``memoryGranted()``. Nothing is read before.
        case needsMemory(FrameHeader)
        /// Whole, with right checksums: take it with ``takePayload()``.
        case frame(FrameHeader)
    }
    private enum State {
        case header
        case waiting(FrameHeader)
        case payload(FrameHeader)
        case skipping(Int)
    }

    private let limits: FrameLimits
    /// Payloads of up to so many bytes take no memory from the budget, unless they are batches.
    private let freeBytes: Int
    private let landing: UnsafeMutableRawPointer
    private var low = 0
    private var high = 0
    private var payload = BufferBuilder(capacity: 0)
    private var state = State.header
    private var isFirst = true

    package init(_ limits: FrameLimits, freeBytes: Int = 4096) {
        (self.limits, self.freeBytes) = (limits, freeBytes)
        landing = .allocate(byteCount: Self.landingBytes, alignment: 8)
    }
    deinit { landing.deallocate() }

    /// Bytes of a frame have come, but not all of it.
    package var isWithinFrame: Bool {
        if case .header = state { return high > low }
        return true
    }
    /// Size of the frame that has begun, as far as known.
    package var expectedBytes: Int {
        switch state {
        case .header: FrameHeader.byteCount
        case .waiting(let header), .payload(let header): FrameHeader.byteCount + header.payloadLength
        case .skipping(let rest): rest
        }
    }
    /// What was read and not yet made into a frame: for a handler that takes over a foreign connection.
    package var unread: [UInt8] { Array(UnsafeRawBufferPointer(start: landing + low, count: high - low)) }

    /// Where the next bytes go; empty while a frame waits for memory. Valid until the next call.
    package mutating func space() -> UnsafeMutableRawBufferPointer {
        switch state {
        case .header:
            if low > 0 {
                landing.copyMemory(from: landing + low, byteCount: high - low)
                (low, high) = (0, high - low)
            }
            return UnsafeMutableRawBufferPointer(start: landing + high, count: Self.landingBytes - high)
        case .waiting:
            return UnsafeMutableRawBufferPointer(start: landing, count: 0)
        case .payload(let header):
            let missing = header.payloadLength - payload.count
            return UnsafeMutableRawBufferPointer(rebasing: payload.spare.prefix(missing))
        case .skipping(let rest):
            (low, high) = (0, 0)
            return UnsafeMutableRawBufferPointer(start: landing, count: min(rest, Self.landingBytes))
        }
    }

    /// So many bytes were read to the front of ``space()``.
    package mutating func filled(_ count: Int) {
        switch state {
        case .header: high += count
        case .waiting: preconditionFailure("read while a frame waits for memory")
        case .payload: payload.filled(count)
        case .skipping(let rest): state = rest == count ? .header : .skipping(rest - count)
        }
    }

    /// What came of the bytes so far. Throws when the connection can only be closed.
    package mutating func next() throws(TailraceError) -> Step {
        while true {
            switch state {
            case .header:
                guard let header = try header() else { return .needsBytes }
                low += FrameHeader.byteCount
                try begin(header)
            case .waiting(let header):
                return .needsMemory(header)
            case .payload(let header):
                guard payload.count == header.payloadLength else { return .needsBytes }
                try check(header)
                return .frame(header)
            case .skipping(let rest):
                let here = min(rest, high - low)
                low += here
                guard rest > here else {
                    state = .header
                    continue
                }
                state = .skipping(rest - here)
                return .needsBytes
            }
        }
    }

    /// What the peer's end means here, or nil if it is between two frames.
    package func end() -> TailraceError? {
        if isFirst, high > low {
            let bytes = UnsafeRawBufferPointer(start: landing + low, count: high - low)
            if case .foreign(let found) = ForeignProtocol.judge(bytes, isEnd: true) { return .rpcForeign(found) }
        }
        switch state {
        case .header:
            return high > low ? .rpcClosed("after \(high - low) of \(FrameHeader.byteCount) bytes of a frame's header") : nil
        case .waiting(let header): return .rpcClosed("within a frame of \(header.payloadLength) bytes")
        case .payload(let header):
            return .rpcClosed("after \(payload.count) of \(header.payloadLength) bytes of a frame")
        case .skipping(let rest): return .rpcClosed("\(rest) bytes before the end of a frame")
        }
    }

    private mutating func header() throws(TailraceError) -> FrameHeader? {
        let bytes = UnsafeRawBufferPointer(start: landing + low, count: high - low)
        if isFirst {
            switch ForeignProtocol.judge(bytes) {
            case .needsMore: return nil
            case .foreign(let found): throw .rpcForeign(found)
            case .ours: isFirst = false
            }
        }
        guard zip(bytes, FrameHeader.magic).allSatisfy({ $0 == $1 }) else {
            throw .rpcMalformed("no frame begins where the one before ended")
        }
        // An unknown layout may have another length.
        if bytes.count > 4, bytes[4] != FrameHeader.layoutVersion { throw .rpcVersion(layout: bytes[4]) }
        guard bytes.count >= FrameHeader.byteCount else { return nil }
        return try FrameHeader(bytes, limits)
    }

    private mutating func begin(_ header: FrameHeader) throws(TailraceError) {
        guard let kind = MessageKind(rawValue: header.kind) else {
            state = .skipping(header.payloadLength)
            return
        }
        state = .waiting(header)
        if kind == .appendBatch { return }
        guard header.compression == .none else { throw .rpcMalformed("\(kind) is compressed: only batches may be") }
        if header.payloadLength <= freeBytes { memoryGranted() }
    }

    /// The answer to ``Step/needsMemory(_:)``.
    package mutating func memoryGranted() {
        guard case .waiting(let header) = state else { preconditionFailure("no frame waits for memory") }
        var builder = BufferBuilder(capacity: header.payloadLength)
        let here = min(header.payloadLength, high - low)
        builder.append(UnsafeRawBufferPointer(start: landing + low, count: here))
        low += here
        payload = builder
        state = .payload(header)
    }

    private func check(_ header: FrameHeader) throws(TailraceError) {
        let bytes = payload.bytes
        let envelope = crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<header.envelopeLength]))
        guard envelope == header.envelopeChecksum else {
            throw .rpcChecksum("envelope", found: header.envelopeChecksum, computed: envelope)
        }
        let body = crc32c(UnsafeRawBufferPointer(rebasing: bytes[header.envelopeLength...]))
        guard body == header.bodyChecksum else { throw .rpcChecksum("body", found: header.bodyChecksum, computed: body) }
    }

    /// The payload of the frame that ``next()`` announced: envelope, then body.
    package mutating func takePayload() -> BufferBuilder {
        guard case .payload = state else { preconditionFailure("no frame is there") }
        state = .header
        var taken = BufferBuilder(capacity: 0)
        swap(&taken, &payload)
        return taken
    }
}
