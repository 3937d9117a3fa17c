import CLinux
import Glibc
package import TailraceCore

/// The event loop for real: epoll, timers and an eventfd for other threads, in the thread that makes it and calls ``run()``.
///
/// A turn: wait for events or the nearest deadline; then, with one time for all, the closures that were queued before the
/// turn, the timers that are due, the descriptors that are ready, the messages of other threads, and what ``afterTurn(_:)``
/// collected. What any of them queues or sets runs in a later turn, so no turn is endless.
package final class EpollLoop: DescriptorLoop {
    package private(set) var now: Instant
    package var wallTime: WallTime { SystemClock.wallTime() }

    /// Turns that took longer than ``slowTurn``: whoever is named by ``slowest`` does too much at once.
    package private(set) var slowTurns = 0
    /// The longest turn so far, and the part of it that took longest.
    package private(set) var slowest: (duration: Duration, part: String) = (.zero, "")
    package static let slowTurn = Duration.milliseconds(10)

    var poller: Poller
    private let mailbox: Mailbox
    private var mailboxRegistration = Registration()
    private var timers = TimerQueue()
    private var queue: [() -> Void] = []
    private var hooks: [() -> Void] = []
    private var receivers: [UInt64: (any Sendable) -> Void] = [:]
    private var lastPort: UInt64 = 0
    private var watches: [ObjectIdentifier: DescriptorWatch] = [:]
    private var isStopping = false

    // Kept to reuse their memory.
    private var due: [UInt64] = []
    private var letters: [Mailbox.Letter] = []

    package init() throws(TailraceError) {
        ignoreBrokenPipes()
        now = SystemClock.now()
        poller = try Poller()
        mailbox = try Mailbox()
        poller.set(.readable, of: mailbox.descriptor, &mailboxRegistration, owner: self)
    }

    // MARK: - EventLoop

    @discardableResult
    package func schedule(at deadline: Instant, _ body: @escaping () -> Void) -> TimerID { timers.add(at: deadline, body) }
    package func cancel(_ timer: TimerID) { timers.cancel(timer) }
    package func enqueue(_ body: @escaping () -> Void) { queue.append(body) }

    package func openPort<Message: Sendable>(_ receive: @escaping (Message) -> Void) -> LoopPort<Message> {
        lastPort += 1
        // A letter to this port was posted by the closure below, with that type.
        receivers[lastPort] = { receive($0 as! Message) }  // swift-format-ignore: NeverForceCast
        let lifetime = PortLifetime(mailbox, lastPort)
        return LoopPort { lifetime.mailbox.post(.message(port: lifetime.id, $0)) }
    }

    package func onReadable(_ descriptor: Int32, _ body: @escaping () -> Void) -> any Cancellable {
        let watch = DescriptorWatch(self, descriptor, body)
        watches[ObjectIdentifier(watch)] = watch
        return watch
    }

    fileprivate func forget(_ watch: DescriptorWatch) { watches[ObjectIdentifier(watch)] = nil }

    /// Runs `body` once, at the end of this turn: so what a turn gathered goes out in one piece. Called by such a body or
    /// outside a turn: at the end of the next one.
    package func afterTurn(_ body: @escaping () -> Void) { hooks.append(body) }

    // MARK: - Running

    /// Runs turns until ``stop()``; what is then still queued is dropped.
    package func run() {
        while !isStopping { turn() }
        mailbox.shut()
        timers.removeAll()
        (queue, hooks, receivers, watches) = ([], [], [:], [:])
    }

    /// Ends ``run()`` after this turn.
    package func stop() { isStopping = true }

    /// ``stop()`` for other threads.
    package var stopper: @Sendable () -> Void { { [mailbox] in mailbox.post(.stop) } }

    /// One turn. `limit`: how long it may wait for something to happen; nil: for as long as it takes. For tests, which decide
    /// when turns happen.
    package func turn(waitingAtMost limit: Duration? = nil) {
        let count = poller.wait(waitingTime(limit))
        now = SystemClock.now()
        var part = TurnParts(start: now)
        timers.popDue(now, into: &due)
        runQueue()
        part.end("queued closures")
        runTimers()
        part.end("timers")
        for index in 0..<count {
            guard let (owner, readiness) = poller.event(index) else { continue }
            owner.isReady(readiness)
        }
        part.end("descriptors")
        runHooks()
        part.end("after turn")
        guard part.total > Self.slowTurn else { return }
        slowTurns += 1
        if part.total > slowest.duration { slowest = (part.total, part.longest) }
    }

    private func waitingTime(_ limit: Duration?) -> Int64 {
        if !queue.isEmpty || !hooks.isEmpty { return 0 }
        var time = limit?.nanoseconds ?? -1
        if let deadline = timers.next() {
            let rest = max(0, (deadline - SystemClock.now()).nanoseconds)
            time = time < 0 ? rest : min(time, rest)
        }
        return time
    }

    private func runQueue() {
        guard !queue.isEmpty else { return }
        var bodies: [() -> Void] = []
        swap(&bodies, &queue)
        for body in bodies { body() }
    }

    private func runTimers() {
        for id in due { timers.takeBody(id)?() }
        due.removeAll(keepingCapacity: true)
    }

    private func runHooks() {
        guard !hooks.isEmpty else { return }
        var bodies: [() -> Void] = []
        swap(&bodies, &hooks)
        for body in bodies { body() }
    }

    fileprivate func readMailbox() {
        mailbox.drain(into: &letters)
        for letter in letters {
            switch letter {
            case .message(let port, let message): receivers[port]?(message)
            case .closed(let port): receivers[port] = nil
            case .stop: isStopping = true
            }
        }
        letters.removeAll(keepingCapacity: letters.count < 1024)
    }
}

extension EpollLoop: ReadinessHandler {
    /// The mailbox has letters.
    func isReady(_ readiness: Readiness) { readMailbox() }
}

/// Where a turn's time went. Reads the clock only at the borders, five times a turn.
private struct TurnParts {
    private let start: Instant
    private var last: Instant
    private var longestTime = Duration.zero
    private(set) var longest = ""

    init(start: Instant) { (self.start, last) = (start, start) }

    var total: Duration { last - start }

    mutating func end(_ name: String) {
        let now = SystemClock.now()
        if now - last > longestTime { (longestTime, longest) = (now - last, name) }
        last = now
    }
}

/// A descriptor that a seam of another module has.
private final class DescriptorWatch: ReadinessHandler, Cancellable {
    private weak var loop: EpollLoop?
    private let descriptor: Int32
    private let body: () -> Void
    private var registration = Registration()

    init(_ loop: EpollLoop, _ descriptor: Int32, _ body: @escaping () -> Void) {
        (self.loop, self.descriptor, self.body) = (loop, descriptor, body)
        loop.poller.set(.readable, of: descriptor, &registration, owner: self)
    }

    func isReady(_ readiness: Readiness) { body() }

    func cancel() {
        guard let loop else { return }
        loop.poller.remove(descriptor, &registration)
        loop.forget(self)
    }
}
