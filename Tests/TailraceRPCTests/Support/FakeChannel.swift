import TailraceCore

/// A channel that keeps what it gets, with answers and room as the test wants them.
final class FakeChannel: EventChannel, PutBackend {
    let name = "aggregator.channels.c1"
    let health = Health.ok
    let isDurable = true
    var largestPut = BatchSize(events: Limits.batchEvents, bytes: 1 << 30)
    let keepAlive = Duration.seconds(3)
    var capacity = BatchSize.unlimited
    /// Answers wait for ``answerAll()``.
    var holdsAnswers = false

    private let loop: any EventLoop
    private(set) var stored: [EventBatch] = []
    private var used = BatchSize.zero
    private var reserved: [UInt64: EventBatch] = [:]
    private var unanswered: [Completion] = []
    private var waiting: [any ChannelProducer] = []
    private var nextID: UInt64 = 0

    init(_ loop: any EventLoop) { self.loop = loop }

    var held: BatchSize { used }
    var room: BatchSize { capacity == .unlimited ? capacity : capacity - used }
    var eventCount: Int { stored.reduce(0) { $0 + $1.count } }

    func start(_ done: @escaping Completion) { loop.enqueue { done(.success(())) } }
    func stop(by deadline: Instant, _ done: @escaping () -> Void) { loop.enqueue(done) }

    func put(_ batch: EventBatch, _ producer: (any ChannelProducer)?) -> PutTransaction? {
        guard batch.size.fits(in: room) else {
            if let producer { waiting.append(producer) }
            return nil
        }
        defer { nextID += 1 }
        used += batch.size
        reserved[nextID] = batch
        return PutTransaction(id: nextID, isDuplicate: false, self)
    }
    func commitPut(_ id: UInt64, until custody: Custody, _ done: @escaping Completion) {
        stored.append(reserved.removeValue(forKey: id)!)
        unanswered.append(done)
        if !holdsAnswers { answerAll() }
    }
    func rollbackPut(_ id: UInt64) { reserved.removeValue(forKey: id).map { used -= $0.size } }
    func answerAll() {
        let answers = unanswered
        unanswered = []
        loop.enqueue { for done in answers { done(.success(())) } }
    }
    /// Everything was taken.
    func empty() {
        used = .zero
        let told = waiting
        waiting = []
        loop.enqueue { for producer in told { producer.channelHasRoom(self) } }
    }
    /// Lets go of the batches, and so of their memory.
    func forgetStored() { stored = [] }

    func stopWaiting(_ producer: any ChannelProducer) { waiting.removeAll { $0 === producer } }
    func next(_ consumer: any ChannelConsumer) -> BatchHead? { nil }
    func take(upTo limit: BatchSize) -> TakeTransaction? { nil }
    func origin(of source: String) -> (stream: StreamID, next: UInt64) { (StreamID(value: 1), 0) }
    func positions(of source: String) -> [SourcePositionKey: StoredPosition] { [:] }
    func forget(_ key: SourcePositionKey) {}
    func remove(_ producer: any ChannelProducer) { stopWaiting(producer) }
    func remove(_ consumer: any ChannelConsumer) {}
}

/// Offers batches to a sink, as a runner does, and notes what became of them.
final class Offers: TakeBackend, SinkObserver {
    private(set) var outcomes: [UInt64: TakeOutcome] = [:]
    private(set) var batches: [UInt64: EventBatch] = [:]
    private(set) var slotSignals = 0
    var settled: ((UInt64, TakeOutcome) -> Void)?
    private var nextID: UInt64 = 1

    @discardableResult
    func offer(_ batch: EventBatch, to sink: any EventSink) -> UInt64 {
        defer { nextID += 1 }
        batches[nextID] = batch
        sink.deliver(TakeTransaction(batch, id: nextID, self))
        return nextID
    }
    func settleTake(_ id: UInt64, _ outcome: TakeOutcome) {
        precondition(outcomes[id] == nil, "take \(id) was settled twice")
        outcomes[id] = outcome
        settled?(id, outcome)
    }
    func sinkHasSlots(_ sink: any EventSink) { slotSignals += 1 }

    func error(_ id: UInt64) -> TailraceError? {
        if case .retry(let error, _)? = outcomes[id] { error } else { nil }
    }
    func isDelivered(_ id: UInt64) -> Bool { if case .delivered? = outcomes[id] { true } else { false } }
    var openCount: Int { batches.count - outcomes.count }
}
