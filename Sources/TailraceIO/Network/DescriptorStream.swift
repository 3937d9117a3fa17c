import CLinux
import Glibc
import TailraceCore

/// A socket or an end of a pipe.
///
/// Level-triggered, with few calls: a descriptor is first watched at the first `wouldBlock`; interest in reading then stays
/// (who reads goes on reading) until something arrives that nobody wants. So a connection that reads in each turn costs one
/// read per arrival and nothing else, and one that is not read from costs nothing at all.
final class DescriptorStream: ByteStream {
    weak var handler: (any ByteStreamHandler)?
    let peer: Endpoint?

    /// Pieces in one call.
    private static let vectorCount = 64

    private let loop: EpollLoop
    private let isSocket: Bool
    /// -1: closed.
    private var descriptor: Int32
    private var registration = Registration()
    /// A `wouldBlock` is not yet answered.
    private var wantsRead = false
    private var wantsWrite = false
    /// The last read was short: what comes next will be signalled.
    private var isDrained = false
    private var hasFinishedWriting = false
    /// errno of the call after which the direction was broken; 0: none.
    private var readFailure: Int32 = 0
    private var writeFailure: Int32 = 0
    /// Runs once, when nothing more will be read: at the end, at a failure, when closed. For processes.
    private var readingEnded: (() -> Void)?

    /// Takes the descriptor over, which must not block.
    init(_ loop: EpollLoop, _ descriptor: Int32, peer: Endpoint?, isSocket: Bool, readingEnded: (() -> Void)? = nil) {
        (self.loop, self.descriptor, self.peer, self.isSocket) = (loop, descriptor, peer, isSocket)
        self.readingEnded = readingEnded
    }
    deinit { close() }

    private var name: String { peer?.description ?? "pipe" }
    private var closedError: TailraceError {
        TailraceError(code: "network.closed", message: "\(name): used after it was closed")
    }

    func read(into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> ReadResult {
        precondition(space.count > 0, "a read needs space")
        guard descriptor >= 0 else { throw closedError }
        if readFailure != 0 { throw networkError(readFailure, name) }
        if isDrained { return blockedRead() }
        let count = restarting { Glibc.read(descriptor, space.baseAddress, space.count) }
        if count > 0 {
            isDrained = count < space.count
            return .bytes(count)
        }
        if count == 0 {
            endReading()
            return .end
        }
        if errno == EAGAIN { return blockedRead() }
        readFailure = errno
        endReading()
        throw networkError(readFailure, name)
    }

    func write(_ queue: inout OutputQueue) throws(TailraceError) -> WriteResult {
        guard descriptor >= 0 && !hasFinishedWriting else { throw closedError }
        while !queue.isEmpty {
            if writeFailure != 0 { throw networkError(writeFailure, name) }
            let pieces = queue.front(Self.vectorCount)
            var wanted = 0
            let count = withUnsafeTemporaryAllocation(of: iovec.self, capacity: pieces.count) { vectors in
                for (index, piece) in pieces.enumerated() {
                    piece.withUnsafeBytes {
                        vectors[index] = iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
                    }
                    wanted += piece.count
                }
                return restarting { writev(descriptor, vectors.baseAddress, CInt(vectors.count)) }
            }
            if count < 0 && errno != EAGAIN {
                writeFailure = errno
                throw networkError(writeFailure, name)
            }
            if count > 0 { queue.remove(count) }
            if count < wanted {
                wantsWrite = true
                updateInterest()
                return .wouldBlock
            }
        }
        return .everything
    }

    func finishWriting() {
        guard descriptor >= 0 && !hasFinishedWriting else { return }
        hasFinishedWriting = true
        wantsWrite = false
        if isSocket {
            // ENOTCONN: the peer has reset it, which the next read says.
            shutdown(descriptor, CInt(SHUT_WR))
            updateInterest()
        } else {
            close()
        }
    }

    func close() {
        guard descriptor >= 0 else { return }
        loop.poller.remove(descriptor, &registration)
        // EINTR and EIO too leave it closed, and there is nobody left to tell.
        Glibc.close(descriptor)
        descriptor = -1
        (wantsRead, wantsWrite) = (false, false)
        endReading()
    }

    private func blockedRead() -> ReadResult {
        wantsRead = true
        updateInterest()
        return .wouldBlock
    }

    private func endReading() {
        guard let ended = readingEnded else { return }
        readingEnded = nil
        loop.enqueue(ended)
    }

    /// Asks epoll for what is wanted. Interest in reading is kept when it is there already.
    private func updateInterest() {
        var interest: Readiness = registration.interest.intersection(.readable)
        if wantsRead { interest.insert(.readable) }
        if wantsWrite { interest.insert(.writable) }
        loop.poller.set(interest, of: descriptor, &registration, owner: self)
    }
}

extension DescriptorStream: ReadinessHandler {
    func isReady(_ readiness: Readiness) {
        let readable = readiness.contains(.readable) && wantsRead
        let writable = readiness.contains(.writable) && wantsWrite
        if readable {
            (wantsRead, isDrained) = (false, false)
            handler?.streamIsReadable(self)
        }
        if writable && descriptor >= 0 {
            wantsWrite = false
            handler?.streamIsWritable(self)
        }
        settle(readiness, wasRead: readable)
    }

    /// Stops asking for what nobody wants any more, or this would be reported in each turn.
    private func settle(_ readiness: Readiness, wasRead: Bool) {
        guard registration.isActive else { return }
        if readiness.contains(.broken) && !wantsRead && !wantsWrite {
            loop.poller.remove(descriptor, &registration)  // epoll reports an error even to those who ask for nothing
            return
        }
        var interest = registration.interest
        if !wantsWrite { interest.remove(.writable) }
        if readiness.contains(.readable) && !wantsRead && !wasRead { interest.remove(.readable) }
        loop.poller.set(interest, of: descriptor, &registration, owner: self)
    }
}
