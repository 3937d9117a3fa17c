import CLinux
import CRdkafka
import Glibc
import TailraceCore

/// librdkafka's handle of one client. Whoever has the client's ``WorkThread`` may use it there until the last job.
///
/// `@unchecked Sendable`: librdkafka's handles are thread-safe by their documentation, and the pointer does not change.
struct ClientHandle: @unchecked Sendable {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    var name: String { String(cString: rd_kafka_name(pointer)) }
}

/// An eventfd that librdkafka writes to when a queue is no longer empty.
///
/// `@unchecked Sendable`: the descriptor is a constant; a `read` and a `write` of it may meet in any order. It is
/// closed with the last reference, which is after the handle that writes to it was destroyed.
final class WakeDescriptor: @unchecked Sendable {
    let number: Int32

    init() throws(TailraceError) {
        number = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        guard number >= 0 else {
            throw TailraceError(
                code: "kafka.client", message: "no descriptor for the Kafka client's reports: errno \(errno)",
                fix: "raise the limit of open files (ulimit -n).")
        }
    }
    deinit { close(number) }

    /// Reports on `queue` wake the loop from now on. 8 bytes, as an eventfd wants them.
    func watch(_ queue: OpaquePointer) {
        var one: UInt64 = 1
        rd_kafka_queue_io_event_enable(queue, number, &one, MemoryLayout<UInt64>.size)
    }
    func unwatch(_ queue: OpaquePointer) { rd_kafka_queue_io_event_enable(queue, -1, nil, 0) }

    /// Before the queues are polled: what comes after it wakes again.
    func clear() {
        var count: UInt64 = 0
        // Nothing to read (EAGAIN) is fine: another queue's wake-up was read before.
        _ = read(number, &count, MemoryLayout<UInt64>.size)
    }
}
