package import TailraceCore

/// A loop on virtual time. A turn runs what is ready, then the timers that are due; what they enqueue runs in the next turn.
/// Each turn takes a little virtual time, drawn from the seed: so loops interleave differently from seed to seed, and work that
/// never ends still lets time pass.
package final class SimulatedLoop: EventLoop {
    private let name: String
    private let timeline: Timeline
    private var random: SeededRandom
    private var ready: [() -> Void] = []
    private var timers = TimeQueue<TimerID>()
    private var bodies: [TimerID: () -> Void] = [:]
    private var receivers: [Int: Any] = [:]
    private var nextTimer: UInt64 = 0
    private var nextPort = 0
    private var turnAt: Instant?
    private var isInTurn = false
    private var busyUntil: Instant
    private var hasEnded = false
    package private(set) var now: Instant
    package private(set) var turns = 0
    /// How long a turn takes.
    package var turnTime: ClosedRange<Duration> = .microseconds(1)...(.microseconds(20))
    /// Milliseconds since 1970 at the beginning of virtual time. A test may make it jump.
    package var wallBase: Int64 = 1_767_225_600_000

    init(_ name: String, _ timeline: Timeline) {
        (self.name, self.timeline, now, busyUntil) = (name, timeline, timeline.now, timeline.now)
        random = timeline.random("loop \(name)")
    }

    package var wallTime: WallTime { WallTime(milliseconds: wallBase + now.nanoseconds / 1_000_000) }

    @discardableResult
    package func schedule(at deadline: Instant, _ body: @escaping () -> Void) -> TimerID {
        let id = TimerID(value: nextTimer)
        nextTimer += 1
        guard !hasEnded else { return id }
        bodies[id] = body
        timers.add(id, at: deadline)
        plan()
        return id
    }
    package func cancel(_ timer: TimerID) { bodies[timer] = nil }

    package func enqueue(_ body: @escaping () -> Void) {
        guard !hasEnded else { return }
        ready.append(body)
        plan()
    }

    package func openPort<Message: Sendable>(_ receive: @escaping (Message) -> Void) -> LoopPort<Message> {
        receivers[nextPort] = receive
        defer { nextPort += 1 }
        let inlet = Inlet<Message>(self, nextPort)
        return LoopPort { inlet.post($0) }
    }
    fileprivate func post<Message: Sendable>(_ message: Message, to port: Int) {
        enqueue { [weak self] in (self?.receivers[port] as? (Message) -> Void)?(message) }
    }

    /// The process is stopped (SIGSTOP): no turn begins before `time`.
    func pause(until time: Instant) {
        busyUntil = max(busyUntil, time)
        turnAt = nil
        plan()
    }
    /// Nothing of it runs any more.
    func end() {
        hasEnded = true
        (ready, bodies, receivers, turnAt) = ([], [:], [:], nil)
        timers.removeAll()
    }

    private func plan() {
        guard !hasEnded, !isInTurn else { return }
        guard let earliest = ready.isEmpty ? timers.first : timeline.now else { return }
        let time = max(earliest, busyUntil, timeline.now)
        if let turnAt, turnAt <= time { return }
        turnAt = time
        timeline.at(time) { [weak self] in
            guard let self, self.turnAt == time else { return }  // overtaken by an earlier one, paused, or ended
            turn()
        }
    }

    private func turn() {
        (turnAt, isInTurn, now) = (nil, true, timeline.now)
        turns += 1
        var due: [TimerID] = []
        while let deadline = timers.first, deadline <= now { due.append(timers.removeFirst().element) }
        let work = ready
        ready = []
        timeline.note("turn", name, work.count, due.count)
        for body in work where !hasEnded { body() }
        for timer in due where !hasEnded { bodies.removeValue(forKey: timer)?() }
        isInTurn = false
        busyUntil = max(busyUntil, now + random.duration(turnTime))
        plan()
    }
}

/// The way to a loop for what is Sendable.
///
/// `@unchecked Sendable`: a simulated world lives in one thread, and so does everybody who posts there.
private final class Inlet<Message: Sendable>: @unchecked Sendable {
    private weak var loop: SimulatedLoop?
    private let port: Int
    init(_ loop: SimulatedLoop, _ port: Int) { (self.loop, self.port) = (loop, port) }
    func post(_ message: Message) { loop?.post(message, to: port) }
}
