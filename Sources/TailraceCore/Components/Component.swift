/// For people only (admin endpoint, "nothing moves" messages); nobody decides by it.
package enum Health: Sendable {
    case starting, ok
    case degraded(TailraceError)
    case failed(TailraceError)
}

package protocol Component: AnyObject {
    /// "edge.channels.c1": unique in the agent, and the order in which a source output reserves.
    var name: String { get }
    var health: Health { get }
    /// Ready to be used when `done` says so, in a later turn: a file channel has scanned its log. No sink waits here for its
    /// peer. Failure ends the agent (a port that is taken).
    func start(_ done: @escaping Completion)
    /// Takes nothing new, finishes or gives back what is open, then calls `done`, at `deadline` at the latest.
    func stop(by deadline: Instant, _ done: @escaping () -> Void)
}

/// Made with its ``SourceOutput``, whose ``SourceOutput/source`` the runtime sets. The runtime stops the source first, then
/// the output: a source goes on answering for what its output still has.
package protocol EventSource: Component {
    /// Called once each time that ``SourceOutput/openSlots`` has left 0.
    func outputHasRoom()
}

/// What would be taken next. `first`: of its span.
package struct BatchHead: Sendable {
    package var stream: StreamID
    package var first: UInt64
    package var size: BatchSize
    package init(stream: StreamID, first: UInt64, size: BatchSize) {
        (self.stream, self.first, self.size) = (stream, first, size)
    }
}

package struct StoredPosition: Sendable {
    package var position: SourcePosition
    package var last: UInt64?
    package init(position: SourcePosition, last: UInt64?) { (self.position, self.last) = (position, last) }
}

/// Holds batches between sources and sinks. No call waits. One that has failed says no, and why in ``Component/health``.
package protocol EventChannel: Component {
    /// Whether what it has committed survives a crash; if not, "safe" means delivered.
    var isDurable: Bool { get }
    /// The most that one put may be; a batch that is larger is cut by the source output. A single event always fits once the
    /// channel is empty.
    var largestPut: BatchSize { get }
    /// How long a source that answers somebody waits for room before it gives up.
    var keepAlive: Duration { get }
    /// Free space, for windows that are granted from it.
    var room: BatchSize { get }
    /// What it holds that is not delivered, takes that are open included.
    var held: BatchSize { get }
    /// Reserves room for a numbered batch. nil: full, or others wait; `producer`, if given, is then told once. They wait in one
    /// line, each with one place; nobody overtakes. The first is told when its batch fits, the next one a turn later if there
    /// is still room. Numbers that it holds or has held (remembered per stream, as runs, bounded: the oldest run is forgotten
    /// first, and a gap is never taken for held) take no room and are not stored again.
    func put(_ batch: EventBatch, _ producer: (any ChannelProducer)?) -> PutTransaction?
    /// Gives up the place in the line.
    func stopWaiting(_ producer: any ChannelProducer)
    /// nil: nothing there, and `consumer` is told once; so are all that wait. Not nil: `take` in the same turn gives it.
    func next(_ consumer: any ChannelConsumer) -> BatchHead?
    /// One batch as it was put, or a part of it (at least one event), in the order of commits, given-back ones first. Many
    /// takes may be open and settle in any order; the read position stays before the oldest that is not delivered.
    /// A record that has nothing but positions is never taken; one whose events were all dropped is.
    func take(upTo limit: BatchSize) -> TakeTransaction?
    /// The stream that begins at this source and channel, and its next number: behind all that was committed, answered or not.
    func origin(of source: String) -> (stream: StreamID, next: UInt64)
    /// Committed with the records, and repeated at the head of each segment, so that they outlive deleted segments.
    func positions(of source: String) -> [SourcePositionKey: StoredPosition]
    func forget(_ key: SourcePositionKey)
    /// For reload: no signal after it. What it has open is given back, or ignored when it is settled later.
    func remove(_ producer: any ChannelProducer)
    func remove(_ consumer: any ChannelConsumer)
    /// Whether a stop goes on, within its time, until the channel is empty. One that others fill too would never be.
    var isDrainedAtStop: Bool { get }
}
extension EventChannel {
    package var isDrainedAtStop: Bool { true }
}

package protocol ChannelProducer: AnyObject { func channelHasRoom(_ channel: any EventChannel) }
package protocol ChannelConsumer: AnyObject { func channelHasEvents(_ channel: any EventChannel) }

package protocol Interceptor: AnyObject {
    /// Changes or drops events; adds none, keeps order and numbers. `done`: once, and it alone may come within the call.
    func intercept(_ batch: EventBatch, _ done: @escaping (EventBatch) -> Void)
}

/// What one channel gets of a batch. An optional channel is tried once and never waited for.
package struct ChannelShare: Sendable {
    package var events: [Range<Int>]
    package var isRequired: Bool
    package init(events: [Range<Int>], isRequired: Bool) { (self.events, self.isRequired) = (events, isRequired) }
}

package protocol ChannelSelector: AnyObject {
    /// One share per channel. A channel that is required for some batches is given a share, perhaps without events, of
    /// each one, so that its positions and its memory of numbers advance. nil: nothing at all.
    func select(_ batch: EventBatch) -> [ChannelShare?]
}

package protocol EventSink: Component {
    /// How many batches it takes now. 0 means busy, never down: it works on what it has. Found 0: `sinkHasSlots` follows. A
    /// sink that cannot reach its peer has slots, and answers with `retry`: there is no other way to say so.
    var openSlots: Int { get }
    /// Held weakly.
    var observer: (any SinkObserver)? { get set }
    /// To match the hint of a `notOwner`.
    var peer: Endpoint? { get }
    /// The most that it takes at once (its batch size).
    var largestTake: BatchSize { get }
    /// Keeps the transaction until it knows what became of it, then settles it; also within the call.
    func deliver(_ transaction: consuming TakeTransaction)
}

package protocol SinkObserver: AnyObject { func sinkHasSlots(_ sink: any EventSink) }
