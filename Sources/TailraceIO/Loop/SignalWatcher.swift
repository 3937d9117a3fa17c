import CLinux
import Glibc
package import TailraceCore

/// Signals as events of the loop: SIGTERM and its kind are no interruptions but something to do in a turn.
package final class SignalWatcher {
    private let loop: any DescriptorLoop
    private let descriptor: OwnedDescriptor
    private var watch: (any Cancellable)?
    private let received: (Int32) -> Void

    /// Blocks them in this thread and those it will start. Call it in `main` before anything starts a thread: a signal
    /// goes to any thread that does not block it, and ends the process there.
    package static func block(_ signals: [Int32]) throws(TailraceError) {
        guard clinux_block_signals(signals, CInt(signals.count)) == 0 else {
            throw systemError("process.signals", "block signals", errno)
        }
    }

    /// `received`: on the loop, with the number, until ``cancel()``. Blocks them in this thread, too.
    package init(
        _ signals: [Int32], _ loop: any DescriptorLoop, _ received: @escaping (Int32) -> Void
    ) throws(TailraceError) {
        try Self.block(signals)
        let raw = clinux_signal_descriptor(signals, CInt(signals.count))
        guard raw >= 0 else { throw systemError("process.signals", "watch signals (signalfd)", errno) }
        (self.loop, descriptor, self.received) = (loop, OwnedDescriptor(raw), received)
        watch = loop.onReadable(raw) { [unowned self] in readAll() }
    }

    package func cancel() {
        watch?.cancel()
        watch = nil
    }

    private func readAll() {
        while watch != nil {
            let number = clinux_next_signal(descriptor.raw)
            guard number > 0 else { return }
            received(number)
        }
    }
}
