import TailraceChannels
import TailraceCore

/// The way into a Kafka channel. A put is answered when the broker has confirmed all of its events, in the order of the
/// commits; what is on its way is bounded by ``capacity``.
///
/// A put fails when its events were not confirmed within the limit, and all that was committed behind it fails with it: those
/// that arrived all the same are remembered, and not sent a second time when they are put again.
final class KafkaPuts: PutBackend {
    static let capacity = BatchSize(events: 100_000, bytes: KafkaSinkConfiguration.windowBytes)
    static let largest = BatchSize(events: 10_000, bytes: KafkaSinkConfiguration.takeBytes)

    private struct Reservation {
        var batch: EventBatch
        var size: BatchSize
    }
    private final class Put {
        /// Without what the channel had before.
        let batch: EventBatch
        let done: Completion
        /// nil: on its way.
        var outcome: Result<Void, TailraceError>?
        /// One before it has failed.
        var doom: TailraceError?
        init(_ batch: EventBatch, _ done: @escaping Completion) { (self.batch, self.done) = (batch, done) }
    }

    weak var channel: (any EventChannel)?
    /// Behind the last number that was committed, by stream; those of our own sources.
    private var ends: [StreamID: UInt64] = [:]
    private let delivery: RecordDelivery
    private let environment: Environment
    private let line = ProducerLine()
    private var used = BatchSize.zero
    private var reservations: [UInt64: Reservation] = [:]
    /// In the order of the commits.
    private var puts: [Put] = []
    private var numbers = HeldNumbers()
    private var nextID: UInt64 = 0
    private var isAnswering = false
    private var isStopped = false
    private let counter: Counter, duplicates: Counter

    init(_ configuration: KafkaChannelConfiguration, _ environment: Environment) throws(TailraceError) {
        self.environment = environment
        delivery = try RecordDelivery(configuration.delivery, environment)
        counter = environment.counter("put_events_total")
        duplicates = environment.counter("duplicate_events_total")
    }

    var health: Health { delivery.health }
    var room: BatchSize { Self.capacity - used }
    /// Committed and not confirmed.
    var held: BatchSize { reservations.values.reduce(used) { $0 - $1.size } }

    func start() throws(TailraceError) { try delivery.start() }
    /// What the broker confirms until `deadline` is answered so; the rest fails then.
    func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        isStopped = true
        delivery.stop(by: deadline) { [self] in
            answer()
            done()
        }
    }

    // MARK: Reservations

    /// The next number of one of our own sources.
    func next(of stream: StreamID) -> UInt64 { ends[stream] ?? 0 }
    func begin(_ stream: StreamID) { ends[stream] = 0 }

    func put(_ batch: EventBatch, _ producer: (any ChannelProducer)?) -> PutTransaction? {
        let missing = numbers.missing(batch.identity!, count: batch.count), size = batch.keeping(missing).size
        if size.events > 0 {
            guard !isStopped, line.isFirst(producer), fits(size) else {
                if let producer { line.wait(producer, for: size) }
                return nil
            }
            if let producer { line.leave(producer) }
        }
        used += size
        nextID += 1
        reservations[nextID] = Reservation(batch: batch, size: size)
        if !line.isEmpty { tellProducers() }
        return PutTransaction(id: nextID, isDuplicate: missing.isEmpty && batch.count > 0, self)
    }
    private func fits(_ size: BatchSize) -> Bool { size.fits(in: room) || used == .zero }

    func rollbackPut(_ id: UInt64) {
        guard let reservation = reservations.removeValue(forKey: id) else { return }
        used -= reservation.size
        tellProducers()
    }
    func stopWaiting(_ producer: any ChannelProducer) {
        line.leave(producer)
        tellProducers()
    }
    private func tellProducers() {
        guard let channel else { return }
        line.tell(channel, on: environment.loop) { [weak self] in self?.fits($0) ?? false }
    }

    // MARK: Commits

    /// Every custody means the same here: the broker has it, and no crash of this process can undo that.
    func commitPut(_ id: UInt64, until custody: Custody, _ done: @escaping Completion) {
        guard let reservation = reservations.removeValue(forKey: id), !isStopped else {
            environment.loop.enqueue { done(.failure(.stopped)) }
            return
        }
        // Looked at again: another source may have committed the same numbers since the reservation.
        let batch = reservation.batch, identity = batch.identity!
        let new = batch.keeping(numbers.missing(identity, count: batch.count))
        used -= reservation.size - new.size
        duplicates.add(batch.count - new.count)
        if let end = ends[identity.stream] { ends[identity.stream] = max(end, identity.span.upperBound) }
        let put = Put(new, done)
        puts.append(put)
        guard new.count > 0 else {
            // All of it was committed before, and is answered before; or it has nothing but positions.
            put.outcome = .success(())
            return answerSoon()
        }
        counter.add(new.count)
        numbers.add(identity)
        delivery.deliver(new) { [weak self] outcome in
            guard let self else { return }
            switch outcome {
            case .delivered: put.outcome = .success(())
            case .givenBack(let error): put.outcome = .failure(error)
            }
            used -= new.size
            answerSoon()
        }
    }

    /// In a later turn.
    private func answerSoon() {
        guard !isAnswering else { return }
        isAnswering = true
        environment.loop.enqueue { [self] in
            isAnswering = false
            answer()
        }
    }
    private func answer() {
        var answered = 0
        while answered < puts.count, let outcome = puts[answered].outcome {
            let put = puts[answered]
            answered += 1
            if case .failure(let error) = outcome { doom(from: answered, error) }
            guard case .success = outcome, put.doom == nil else {
                if let identity = put.batch.identity, put.batch.count > 0 { numbers.remove(identity) }
                if case .success = outcome, put.batch.count > 0 { delivery.remember(put.batch) }
                put.outcome = .failure(put.doom ?? .stopped)
                if case .failure = outcome { put.outcome = outcome }
                continue
            }
        }
        guard answered > 0 else { return }
        let ready = puts[..<answered]
        puts.removeFirst(answered)
        for put in ready { put.done(put.outcome!) }
        tellProducers()
    }
    private func doom(from index: Int, _ error: TailraceError) {
        for put in puts[index...] where put.doom == nil { put.doom = error }
    }
}
