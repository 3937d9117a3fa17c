package import TailraceCore

/// The one queue of a world, ordered by (virtual time, number), its clock, its randomness, and the record of what happened.
/// Everything simulated holds it; it holds nothing but what is to happen.
package final class Timeline {
    package let seed: UInt64
    package private(set) var now = Instant(nanoseconds: 1_000_000_000_000)
    package var transcript = Transcript()
    package var faults = FaultPlan()
    private var queue = TimeQueue<() -> Void>()

    init(seed: UInt64) { self.seed = seed }

    var isIdle: Bool { queue.isEmpty }
    var next: Instant? { queue.first }
    var pending: Int { queue.count }

    func random(_ name: String) -> SeededRandom { SeededRandom(seed: seed).split(name) }

    /// A time in the past means now.
    func at(_ time: Instant, _ body: @escaping () -> Void) { queue.add(body, at: max(time, now)) }
    func after(_ delay: Duration, _ body: @escaping () -> Void) { at(now + delay, body) }

    func step() {
        let (time, body) = queue.removeFirst()
        now = time
        body()
    }
    func advance(to time: Instant) { now = max(now, time) }
    func drop() { queue.removeAll() }

    /// One line of the transcript. Numbers instead of text where something happens often.
    func note(_ what: StaticString, _ subject: String, _ first: Int = 0, _ second: Int = 0) {
        transcript.note(now, what, subject, first, second)
    }
}
