import CLinux
import Glibc
import TailraceCore

/// Starts a thread that ends with `body`. What is made inside it need not be Sendable. No signal is delivered to it: signals
/// are for ``SignalWatcher``.
///
/// A free function: a closure given to C by main-actor isolated code would trap on the new thread.
/// `name`: shown by `ps -L`; the kernel keeps 15 bytes. Ends the process when no thread can be made, which is a lack of memory.
package func startThread(_ name: String, stackBytes: Int = 512 << 10, _ body: @escaping @Sendable () -> Void) {
    final class Box {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) { (self.name, self.body) = (name, body) }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, stackBytes)
    pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
    var before = clinux_signals()
    clinux_block_all_signals(&before)  // the new thread inherits it
    var thread = pthread_t()
    let result = pthread_create(
        &thread, &attributes,
        { argument in
            let box = Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue()
            clinux_name_thread(String(decoding: box.name.utf8.prefix(15), as: UTF8.self))
            box.body()
            return nil
        },
        Unmanaged.passRetained(Box(name, body)).toOpaque())
    clinux_restore_signals(&before)
    pthread_attr_destroy(&attributes)
    guard result == 0 else { fatalError("cannot start thread \(name): \(errnoText(result))") }
}

/// A loop with a thread of its own. For tests and commands; an agent's loop is on the main thread.
package enum LoopThread {
    /// Runs `body` on a new thread, which makes there what belongs to the loop, and then the loop until somebody stops it.
    /// Then `ended`, on that thread.
    package static func run(
        _ name: String = "loop", _ body: @escaping @Sendable (EpollLoop) -> Void, ended: @escaping @Sendable () -> Void = {}
    ) {
        startThread(name, stackBytes: 8 << 20) {
            do throws(TailraceError) {
                let loop = try EpollLoop()
                body(loop)
                loop.run()
            } catch {
                fatalError("cannot make an event loop: \(error)")
            }
            ended()
        }
    }
}
