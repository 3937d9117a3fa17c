import Glibc

/// A descriptor that is closed with the last reference: a thread that still works with it keeps it open.
final class OwnedDescriptor: Sendable {
    let raw: Int32
    init(_ raw: Int32) { self.raw = raw }
    deinit { close(raw) }
}

/// Repeats a system call that a signal interrupted. -1: failed, see `errno`.
@inline(__always)
func restarting<Value: SignedInteger>(_ call: () -> Value) -> Value {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}
