import TailraceCore
import TailraceSimulation

/// A channel whose room and answers the test decides.
final class ScriptedChannel: EventChannel, PutBackend, TakeBackend {
    let name: String
    let health = Health.ok
    var isDurable = true
    var largestPut = BatchSize.unlimited
    var keepAlive = Duration.seconds(3)
    var capacity: BatchSize
    private(set) var held = BatchSize.zero
    var room: BatchSize { capacity - held }
    /// Of the stream that begins here.
    var stream = StreamID(value: 1)
    var next: UInt64 = 0
    var stored: [SourcePositionKey: StoredPosition] = [:]
    private let loop: any EventLoop

    private var lastID: UInt64 = 0
    private(set) var reserved: [UInt64: EventBatch] = [:]
    private(set) var line: [any ChannelProducer] = []
    private var invited: (any ChannelProducer)?
    private(set) var removedProducers = 0, removedConsumers = 0
    /// Committed, and not yet answered; in order.
    private(set) var commits: [(batch: EventBatch, custody: Custody, done: Completion)] = []
    /// Answered with success; in order.
    private(set) var safe: [EventBatch] = []
    /// Answers by itself after so long; nil: the test does.
    var answersAfter: (() -> (Duration, Result<Void, TailraceError>))?

    /// What a sink runner finds.
    var offers: [EventBatch] = []
    private(set) var open: [UInt64: EventBatch] = [:]
    private(set) var settled: [(batch: EventBatch, isDelivered: Bool)] = []
    private var consumer: (any ChannelConsumer)?

    init(_ name: String, _ loop: any EventLoop, capacity: BatchSize = .unlimited) {
        (self.name, self.loop, self.capacity) = (name, loop, capacity)
    }
    func start(_ done: @escaping Completion) { loop.enqueue { done(.success(())) } }
    func stop(by deadline: Instant, _ done: @escaping () -> Void) { loop.enqueue(done) }

    // MARK: Puts

    func put(_ batch: EventBatch, _ producer: (any ChannelProducer)?) -> PutTransaction? {
        let isNext = invited == nil ? line.isEmpty : producer != nil && invited === producer
        guard isNext, batch.size.fits(in: room) else {
            if let producer, !line.contains(where: { $0 === producer }) { line.append(producer) }
            if let producer, invited === producer { invited = nil }
            return nil
        }
        if let producer, invited === producer { invited = nil }
        lastID += 1
        reserved[lastID] = batch
        held += batch.size
        return PutTransaction(id: lastID, isDuplicate: false, self)
    }
    func stopWaiting(_ producer: any ChannelProducer) {
        line.removeAll { $0 === producer }
        if invited === producer { invited = nil }
    }
    func commitPut(_ id: UInt64, until custody: Custody, _ done: @escaping Completion) {
        commits.append((reserved.removeValue(forKey: id)!, custody, done))
        guard let (delay, result) = answersAfter?() else { return }
        loop.schedule(at: loop.now + delay) { [self] in answer(result) }
    }
    func rollbackPut(_ id: UInt64) {
        guard let batch = reserved.removeValue(forKey: id) else { return }
        held -= batch.size
        tellFirst()
    }
    /// Answers the oldest commit in the next turn. A failure takes along all that is committed up to then.
    func answer(_ result: Result<Void, TailraceError> = .success(())) {
        loop.enqueue { [self] in
            guard !commits.isEmpty else { return }
            var answered = [commits.removeFirst()]
            if case .success = result {
                safe.append(answered[0].batch)
            } else {
                answered += commits
                commits = []
                for commit in answered { held -= commit.batch.size }
            }
            for commit in answered { commit.done(result) }
            tellFirst()
        }
    }
    /// Sinks have taken everything that is safe.
    func makeRoom(capacity: BatchSize? = nil) {
        if let capacity { self.capacity = capacity }
        held = reserved.values.reduce(.zero) { $0 + $1.size } + commits.reduce(.zero) { $0 + $1.batch.size }
        tellFirst()
    }
    private func tellFirst() {
        guard invited == nil, !line.isEmpty, room.events > 0, room.bytes > 0 else { return }
        let producer = line.removeFirst()
        invited = producer
        loop.enqueue { if self.invited === producer { producer.channelHasRoom(self) } }
    }

    // MARK: Takes

    func next(_ consumer: any ChannelConsumer) -> BatchHead? {
        guard let first = offers.first else {
            self.consumer = consumer
            return nil
        }
        return BatchHead(stream: first.identity!.stream, first: first.identity!.span.lowerBound, size: first.size)
    }
    func offer(_ batch: EventBatch) {
        offers.append(batch)
        if let consumer {
            self.consumer = nil
            loop.enqueue { consumer.channelHasEvents(self) }
        }
    }
    func take(upTo limit: BatchSize) -> TakeTransaction? {
        guard let first = offers.first else { return nil }
        let range = first.prefix(fitting: limit)
        if range.upperBound == first.count {
            offers.removeFirst()
        } else {
            offers[0] = first.part(range.upperBound..<first.count)
        }
        lastID += 1
        open[lastID] = first.part(range)
        return TakeTransaction(first.part(range), id: lastID, self)
    }
    func settleTake(_ id: UInt64, _ outcome: TakeOutcome) {
        let batch = open.removeValue(forKey: id)!
        var isDelivered = false
        if case .delivered = outcome { isDelivered = true }
        settled.append((batch, isDelivered))
        if !isDelivered { offers.insert(batch, at: 0) }
        if let consumer, !offers.isEmpty {
            self.consumer = nil
            loop.enqueue { consumer.channelHasEvents(self) }
        }
    }

    func origin(of source: String) -> (stream: StreamID, next: UInt64) { (stream, next) }
    func positions(of source: String) -> [SourcePositionKey: StoredPosition] { stored }
    func forget(_ key: SourcePositionKey) { stored[key] = nil }
    func remove(_ producer: any ChannelProducer) {
        removedProducers += 1
        stopWaiting(producer)
    }
    func remove(_ consumer: any ChannelConsumer) {
        removedConsumers += 1
        self.consumer = nil
    }
}

func events(_ texts: [String]) -> EventBatch {
    var builder = EventBatchBuilder()
    for text in texts { builder.append(text.utf8) }
    return builder.finish()
}
func events(_ range: Range<Int>) -> EventBatch { events(range.map(String.init)) }
func texts(_ batches: [EventBatch]) -> [String] {
    var result: [String] = []
    for batch in batches { batch.forEach { _, event in result.append(event.body.text) } }
    return result
}
