import TailraceCore

/// One connection of an ``RPCSink``: bytes to messages, frames to bytes. Knows nothing of calls.
final class RPCClientLink: ByteStreamHandler {
    /// Answers are small; others have their turn after so much.
    private static let bytesPerTurn = 256 << 10

    private let stream: any ByteStream
    private unowned let sink: RPCSink
    private let loop: any EventLoop
    private var decoder = FrameDecoder(.control, freeBytes: FrameLimits.control.frameBytes)
    private var output = OutputQueue()
    private var isReadBlocked = false
    private var isWriteBlocked = false
    private var isFlushQueued = false
    private var isClosed = false

    init(_ stream: any ByteStream, _ sink: RPCSink, _ loop: any EventLoop) {
        (self.stream, self.sink, self.loop) = (stream, sink, loop)
        stream.handler = self
    }

    func streamIsReadable(_ stream: any ByteStream) {
        isReadBlocked = false
        pump()
    }
    func streamIsWritable(_ stream: any ByteStream) {
        isWriteBlocked = false
        flush()
    }

    /// In the order of the calls; what is sent in one turn is one write. `now`: before the connection closes.
    func send(_ pieces: [Bytes], now: Bool = false) {
        guard !isClosed else { return }
        for piece in pieces { output.append(piece) }
        if now { return flush() }
        guard !isFlushQueued else { return }
        isFlushQueued = true
        loop.enqueue { [weak self] in
            self?.isFlushQueued = false
            self?.flush()
        }
    }

    private func flush() {
        guard !isClosed, !isWriteBlocked, !output.isEmpty else { return }
        do throws(TailraceError) {
            if case .wouldBlock = try stream.write(&output) { isWriteBlocked = true }
        } catch {
            // What the peer said before it closed (why it refuses) is still to be read: that is the better reason.
            pump()
            if !isClosed { sink.lost(error) }
        }
    }

    /// Reads what there is.
    func pump() {
        var rest = Self.bytesPerTurn
        do throws(TailraceError) {
            while !isClosed {
                switch try decoder.next() {
                case .needsBytes:
                    guard !isReadBlocked else { return }
                    guard rest > 0 else { return loop.enqueue { [weak self] in self?.pump() } }
                    guard let count = try read() else { return }
                    rest -= count
                case .needsMemory: throw .rpcUnexpected(.appendBatch, "although it is the server")
                case .frame(let header):
                    let payload = decoder.takePayload().finish()
                    guard let kind = MessageKind(rawValue: header.kind) else {
                        preconditionFailure("unknown kinds are skipped")
                    }
                    try sink.received(kind, payload[0..<header.envelopeLength])
                }
            }
        } catch {
            sink.broken(error)
        }
    }

    private func read() throws(TailraceError) -> Int? {
        let result: ReadResult
        do throws(TailraceError) { result = try stream.read(into: decoder.space()) } catch {
            sink.lost(error)
            return nil
        }
        switch result {
        case .bytes(let count):
            decoder.filled(count)
            sink.heard()
            return count
        case .wouldBlock: isReadBlocked = true
        case .end: sink.ended(decoder.end())
        }
        return nil
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        output.removeAll()
        stream.handler = nil
        stream.close()
    }
}
