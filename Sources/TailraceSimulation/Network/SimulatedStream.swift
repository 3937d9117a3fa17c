package import TailraceCore

/// One end of a connection or pipe, as a component has it.
package final class SimulatedStream: ByteStream {
    private let loop: SimulatedLoop
    private let incoming: Pipe?
    private let outgoing: Pipe?
    private var isClosed = false
    private var wasShort = false
    private var wantsRead = false
    private var wantsWrite = false
    private var isBroken = false
    var closed: (() -> Void)?
    /// Once: nothing more will be read.
    var endedReading: (() -> Void)?
    var wrote: (() -> Void)?
    package weak var handler: (any ByteStreamHandler)?
    package let peer: Endpoint?

    /// nil: that direction does not exist (the pipes of a child).
    init(_ loop: SimulatedLoop, _ peer: Endpoint?, incoming: Pipe?, outgoing: Pipe?) {
        (self.loop, self.peer, self.incoming, self.outgoing) = (loop, peer, incoming, outgoing)
        incoming?.readable = { [weak self] in self?.signalRead() }
        outgoing?.writable = { [weak self] in self?.signalWrite() }
    }
    deinit { close() }

    package func read(into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> ReadResult {
        precondition(!space.isEmpty, "a read needs space")
        guard !isClosed, let incoming else { throw closedError }
        if !wasShort, incoming.unread > 0 {
            let count = incoming.read(into: space)
            wasShort = count < space.count
            return .bytes(count)
        }
        if !wasShort {
            if isBroken { throw resetError }
            if incoming.hasEnded {
                endReading()
                return .end
            }
        }
        wasShort = false
        wantsRead = true
        if incoming.hasSomething || isBroken { signalRead() }
        return .wouldBlock
    }

    package func write(_ queue: inout OutputQueue) throws(TailraceError) -> WriteResult {
        guard !isClosed, let outgoing, !outgoing.isFinished else { throw closedError }
        if isBroken { throw resetError }
        guard !queue.isEmpty else { return .everything }
        let result = outgoing.write(&queue)
        if result == .wouldBlock { wantsWrite = true }
        wrote?()
        return result
    }

    package func finishWriting() {
        guard !isClosed, !isBroken else { return }
        outgoing?.finish()
    }

    package func close() {
        guard !isClosed else { return }
        isClosed = true
        closed?()
        (closed, wrote) = (nil, nil)
        endReading()
    }
    private func endReading() {
        endedReading?()
        endedReading = nil
    }

    /// The connection was reset.
    func broke() {
        isBroken = true
        signalRead()
        signalWrite()
    }

    private func signalRead() {
        guard wantsRead, !isClosed else { return }
        wantsRead = false
        loop.enqueue { [weak self] in
            guard let self, !isClosed else { return }
            handler?.streamIsReadable(self)
        }
    }
    private func signalWrite() {
        guard wantsWrite, !isClosed else { return }
        wantsWrite = false
        loop.enqueue { [weak self] in
            guard let self, !isClosed else { return }
            handler?.streamIsWritable(self)
        }
    }

    private var resetError: TailraceError {
        TailraceError(
            code: "network.reset", message: "the connection\(peer.map { " to \($0)" } ?? "") was reset by the other side")
    }
    private var closedError: TailraceError {
        TailraceError(code: "network.closed", message: "the connection\(peer.map { " to \($0)" } ?? "") is closed on this side")
    }
}
