package struct TimerID: Hashable, Sendable {
    package var value: UInt64
    package init(value: UInt64) { self.value = value }
}

/// One thread that runs one closure after another: a closure that blocks, blocks the agent. What can block is behind a
/// seam that answers by completion.
package protocol EventLoop: AnyObject {
    /// Monotonic: the time at which the turn began, so that one turn sees one time.
    var now: Instant { get }
    var wallTime: WallTime { get }
    /// Runs `body` once, in a turn that begins at `deadline` or later; equal deadlines in the order they were set.
    @discardableResult
    func schedule(at deadline: Instant, _ body: @escaping () -> Void) -> TimerID
    /// After the call the timer's body does not run. Unknown and fired timers are ignored.
    func cancel(_ timer: TimerID)
    /// Runs `body` in the next turn, in order. For completions, and for work that gives others a turn in between.
    func enqueue(_ body: @escaping () -> Void)
    /// The way in for other threads. `receive` runs on the loop, once per message, in the order of `post`.
    func openPort<Message: Sendable>(_ receive: @escaping (Message) -> Void) -> LoopPort<Message>
}

/// The only part of a loop that is Sendable.
package struct LoopPort<Message: Sendable>: Sendable {
    private let deliver: @Sendable (Message) -> Void
    package init(_ deliver: @escaping @Sendable (Message) -> Void) { self.deliver = deliver }
    /// From any thread; never blocks. A message posted after the loop ended is dropped.
    package func post(_ message: Message) { deliver(message) }
}

/// A loop that watches descriptors for others: a C library that signals by an eventfd. Components never see it; modules
/// that are seams themselves (TailraceRdkafka) do.
package protocol DescriptorLoop: EventLoop {
    /// Runs `body` on the loop, once in each turn in which `descriptor` is readable: so `body` reads it until it is empty.
    /// The descriptor stays the caller's: watched once at a time, non-blocking, open until the watch is cancelled. After
    /// `cancel()` the body does not run. The loop keeps the watch until then; dropping it does not end it.
    func onReadable(_ descriptor: Int32, _ body: @escaping () -> Void) -> any Cancellable
}
