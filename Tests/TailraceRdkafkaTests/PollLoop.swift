import CLinux
import Glibc
import TailraceCore

/// A loop for tests: poll(2), run by the test itself until a condition holds.
final class PollLoop: DescriptorLoop {
    private final class Watch: Cancellable {
        let descriptor: Int32
        let body: () -> Void
        weak var loop: PollLoop?
        init(_ descriptor: Int32, _ body: @escaping () -> Void) { (self.descriptor, self.body) = (descriptor, body) }
        func cancel() { loop?.watches.removeAll { $0 === self } }
    }
    /// `@unchecked Sendable`: the mutex guards `bodies`. What is in it is run by the loop's thread only.
    private final class Mailbox: @unchecked Sendable {
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private var bodies: [@Sendable () -> Void] = []
        let wake = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        init() { pthread_mutex_init(mutex, nil) }
        deinit {
            pthread_mutex_destroy(mutex)
            mutex.deallocate()
            close(wake)
        }
        func post(_ body: @escaping @Sendable () -> Void) {
            pthread_mutex_lock(mutex)
            bodies.append(body)
            pthread_mutex_unlock(mutex)
            eventfd_write(wake, 1)
        }
        func drain() -> [@Sendable () -> Void] {
            var count: eventfd_t = 0
            eventfd_read(wake, &count)
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            defer { bodies = [] }
            return bodies
        }
    }
    /// `@unchecked Sendable`: called on the loop's thread only, however it travels there.
    private struct Receiver<Message>: @unchecked Sendable { let body: (Message) -> Void }

    private let mailbox = Mailbox()
    private var watches: [Watch] = []
    private var queue: [() -> Void] = []
    private var timers: [(deadline: Instant, id: UInt64, body: () -> Void)] = []
    private var lastTimer: UInt64 = 0
    private(set) var now = PollLoop.clock()
    var wallTime: WallTime { WallTime(milliseconds: Int64(time(nil)) * 1000) }

    private static func clock() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    func schedule(at deadline: Instant, _ body: @escaping () -> Void) -> TimerID {
        lastTimer += 1
        timers.append((deadline, lastTimer, body))
        return TimerID(value: lastTimer)
    }
    func cancel(_ timer: TimerID) { timers.removeAll { $0.id == timer.value } }
    func enqueue(_ body: @escaping () -> Void) { queue.append(body) }
    func openPort<Message: Sendable>(_ receive: @escaping (Message) -> Void) -> LoopPort<Message> {
        let receiver = Receiver(body: receive)
        return LoopPort { [mailbox] message in mailbox.post { receiver.body(message) } }
    }
    func onReadable(_ descriptor: Int32, _ body: @escaping () -> Void) -> any Cancellable {
        let watch = Watch(descriptor, body)
        watch.loop = self
        watches.append(watch)
        return watch
    }

    /// True when the condition came to hold, false at the time limit. Other tests have their turns in between: a consumer
    /// group of the embedded broker takes seconds to form, and all tests wait for theirs together.
    func run(limit: Duration = .seconds(30), until isDone: () -> Bool) async -> Bool {
        now = Self.clock()
        let end = now + limit
        while !isDone() {
            guard now < end else { return false }
            turn()
            await Task.yield()
        }
        return true
    }

    /// For a fixed time, to show that nothing happens in it.
    func run(for time: Duration) async { _ = await run(limit: time) { false } }

    private func turn() {
        var descriptors = [pollfd(fd: mailbox.wake, events: Int16(POLLIN), revents: 0)]
        let watched = watches
        for watch in watched { descriptors.append(pollfd(fd: watch.descriptor, events: Int16(POLLIN), revents: 0)) }
        poll(&descriptors, nfds_t(descriptors.count), queue.isEmpty ? 1 : 0)
        now = Self.clock()
        let ready = queue
        queue = []
        for body in ready { body() }
        for body in mailbox.drain() { body() }
        for (index, watch) in watched.enumerated() where descriptors[index + 1].revents != 0 {
            if watches.contains(where: { $0 === watch }) { watch.body() }
        }
        for timer in timers.filter({ $0.deadline <= now }).sorted(by: { ($0.deadline, $0.id) < ($1.deadline, $1.id) })
        where timers.contains(where: { $0.id == timer.id }) {
            timers.removeAll { $0.id == timer.id }
            timer.body()
        }
    }
}

final class TestLog: Log {
    private(set) var lines: [(level: LogLevel, text: String)] = []
    func write(_ level: LogLevel, _ component: String, _ text: @autoclosure () -> String) {
        lines.append((level, "\(component): \(text())"))
    }
}
