import Glibc
import Synchronization

private let wasInterrupted = Atomic<Bool>(false)

/// Ctrl-C and its like as a question, for commands that have to put something in order before they end.
enum Interruption {
    /// From now on SIGINT, SIGTERM and SIGHUP do nothing else.
    static func watch() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { _ in wasInterrupted.store(true, ordering: .relaxed) }
        }
    }
    static var hasCome: Bool { wasInterrupted.load(ordering: .relaxed) }
}
