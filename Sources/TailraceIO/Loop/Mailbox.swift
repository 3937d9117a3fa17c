import CLinux
import Glibc
import TailraceCore

/// The way in for other threads: one queue and one eventfd for all ports of a loop. The descriptor lives as long as any port,
/// so that posting after the loop's end is harmless.
final class Mailbox: Sendable {
    enum Letter: Sendable {
        case message(port: UInt64, any Sendable)
        /// The last copy of a port is gone: nothing more comes from it.
        case closed(port: UInt64)
        case stop
    }
    private struct State {
        var letters: [Letter] = []
        var isClosed = false
    }
    let descriptor: Int32
    private let state = Locked(State())

    init() throws(TailraceError) {
        descriptor = eventfd(0, CInt(EFD_NONBLOCK) | CInt(EFD_CLOEXEC))
        guard descriptor >= 0 else { throw systemError("loop.failed", "make an event loop (eventfd)", errno) }
    }
    deinit { close(descriptor) }

    func post(_ letter: Letter) {
        let isFirst = state.withLock { state in
            guard !state.isClosed else { return false }
            state.letters.append(letter)
            return state.letters.count == 1
        }
        // Fails only at a count of 2^64 - 1, and then the loop is awake.
        if isFirst { eventfd_write(descriptor, 1) }
    }

    /// What was posted, in order; `letters` is empty and gives its memory.
    func drain(into letters: inout [Letter]) {
        var count: eventfd_t = 0
        eventfd_read(descriptor, &count)
        state.withLock { swap(&$0.letters, &letters) }
    }

    /// From now on everything is dropped.
    func shut() {
        let dropped = state.withLock { state in
            state.isClosed = true
            let letters = state.letters
            state.letters = []
            return letters
        }
        _ = consume dropped  // outside the lock: what dies here may post
    }
}

/// Held by all copies of a port together.
final class PortLifetime: Sendable {
    let mailbox: Mailbox
    let id: UInt64
    init(_ mailbox: Mailbox, _ id: UInt64) { (self.mailbox, self.id) = (mailbox, id) }
    deinit { mailbox.post(.closed(port: id)) }
}
