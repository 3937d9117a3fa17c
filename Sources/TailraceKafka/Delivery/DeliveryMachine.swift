import TailraceCore

/// Decides what the Kafka sink does next: which events of which take are sent, when the client is replaced, and how each take
/// ends. A value without IO and clock. Inputs are the calls; ``next(_:)`` is asked for the one thing to do until it has none.
///
/// A take ends in one of two ways. *Settled*: each event is confirmed by the broker, or rejected by it and written to the dead
/// letters. *Given back*: the sink's limit has passed, or the dead letters could not be written. It is never given back while a
/// client still has events of it, which would be sent behind its back: the client is closed first.
struct DeliveryMachine {
    typealias TakeID = UInt64
    typealias SendID = UInt64

    struct Timing {
        /// How long a take may be undelivered.
        var limit: Duration
        /// Between two tries of events that failed.
        var resend = Backoff(first: .milliseconds(100), limit: .seconds(10))
        /// Before a new client.
        var restart = Backoff.standard
        /// How long a batch waits for a partition that lost its leader, before it goes to another one.
        var leaderPatience = Duration.seconds(30)
    }

    enum Action {
        case makeProducer
        /// `flush`: give what is on its way a moment first.
        case closeProducer(flush: Bool)
        /// Answer with `sent`, `unroutable` or `queueFull`, before the next question. `isAgain`: not the first try, so
        /// that the sink leaves the partition to the client.
        case send(TakeID, [Range<Int>], isAgain: Bool)
        case writeDeadLetters(TakeID, [Rejection])
        case settle(TakeID, rejected: [Rejection])
        /// `done`: events that are not to be sent again.
        case giveBack(TakeID, TailraceError, done: [Range<Int>])
    }

    private enum Producer {
        case absent(until: Instant)
        case running(isFull: Bool)
        case closing
    }
    private struct Send {
        var id: SendID
        var events: [Range<Int>]
        /// The partitions were the sink's choice, by what it knew of the topic.
        var isChosen: Bool
        /// Those that it chose freely: others would do as well.
        var pinned: [TopicPartition]
        var at: Instant
    }
    private enum Phase {
        case sending
        case writing
        case written
        case failed(TailraceError)
    }
    private struct Take {
        var id: TakeID
        var size: BatchSize
        var arrived: Instant
        var phase = Phase.sending
        var pending: Runs<Int>
        var sends: [Send] = []
        var done: Runs<Int>
        var rejected: [Rejection] = []
        var failures = 0
        var resendAt: Instant?
        var lastError: TailraceError?
    }

    private let timing: Timing
    private var takes: [Take] = []  // in the order they came
    private var producer: Producer
    private var restarts = 0
    private(set) var open = BatchSize.zero
    private var isStopping = false

    init(_ timing: Timing, now: Instant) {
        self.timing = timing
        producer = .absent(until: now)
    }

    var takeCount: Int { takes.count }
    private func index(_ id: TakeID) -> Int? { takes.firstIndex { $0.id == id } }

    // MARK: Takes

    /// `done`: events that an earlier take of the same numbers has delivered.
    mutating func accept(_ id: TakeID, _ size: BatchSize, done: [Range<Int>], now: Instant) {
        var pending = Runs(size.events > 0 ? [0..<size.events] : [])
        pending.remove(done)
        takes.append(Take(id: id, size: size, arrived: now, pending: pending, done: Runs(done)))
        open += size
    }
    mutating func sent(
        _ id: TakeID, _ send: SendID, _ events: [Range<Int>], chosen: Bool, pinned: [TopicPartition], now: Instant
    ) {
        guard let index = index(id) else { preconditionFailure("sent events of a take that is gone") }
        takes[index].pending.remove(events)
        takes[index].sends.append(Send(id: send, events: events, isChosen: chosen, pinned: pinned, at: now))
    }
    /// No record can be made of these events.
    mutating func unroutable(_ id: TakeID, _ rejections: [Rejection]) {
        guard let index = index(id) else { preconditionFailure("rejected events of a take that is gone") }
        for rejection in rejections { takes[index].pending.remove(rejection.events) }
        takes[index].rejected += rejections
    }
    /// Indices are the take's. Late reports for takes that are gone are ignored.
    mutating func reported(_ id: TakeID, _ send: SendID, _ result: ProduceResult, now: Instant) {
        guard let index = index(id), let place = takes[index].sends.firstIndex(where: { $0.id == send }) else { return }
        let sent = takes[index].sends.remove(at: place)
        var result = result
        if sent.isChosen {
            // Perhaps the topic has fewer partitions than it had: the client chooses, and its no is the last word.
            result.retriable += result.rejected
            result.rejected = []
        }
        if takes[index].done.isEmpty, takes[index].pending.isEmpty, result.rejected.isEmpty, result.retriable.isEmpty {
            takes[index].done = Runs(result.confirmed)
        } else {
            takes[index].done.insert(result.confirmed)
        }
        takes[index].rejected += result.rejected
        if !result.confirmed.isEmpty { restarts = 0 }
        guard let failure = result.retriable.first else { return }
        for rejection in result.retriable { takes[index].pending.insert(rejection.events) }
        takes[index].lastError = failure.error
        // What comes back because the client is closed goes on as soon as there is a new one.
        guard case .running = producer else { return }
        takes[index].failures += 1
        takes[index].resendAt = now + timing.resend.delay(takes[index].failures)
    }
    mutating func deadLettersWritten(_ id: TakeID) {
        if let index = index(id) { takes[index].phase = .written }
    }
    mutating func deadLettersFailed(_ id: TakeID, _ error: TailraceError) {
        if let index = index(id) { takes[index].phase = .failed(error) }
    }

    // MARK: The client

    mutating func producerMade() { producer = .running(isFull: false) }
    mutating func producerNotMade(now: Instant) {
        restarts += 1
        producer = .absent(until: now + timing.restart.delay(restarts))
    }
    mutating func queueFull() { producer = .running(isFull: true) }
    mutating func hasRoom() { if case .running = producer { producer = .running(isFull: false) } }
    /// All its reports are in.
    mutating func producerClosed(now: Instant) {
        restarts += 1
        producer = .absent(until: now + timing.restart.delay(restarts))
    }
    /// It has failed for good. True: close it now, without waiting for anything.
    mutating func producerFailed() -> Bool {
        guard case .running = producer else { return false }
        producer = .closing
        return true
    }
    /// Partitions that the sink chose and that keep events for longer than its patience.
    func waitingPartitions(now: Instant) -> [TopicPartition] {
        var result: [TopicPartition] = []
        for take in takes {
            for send in take.sends where now - send.at >= timing.leaderPatience {
                for partition in send.pinned where !result.contains(partition) { result.append(partition) }
            }
        }
        return result
    }
    /// A partition that has no leader keeps events: the next client sends them to another one. True: close the client.
    mutating func leaderIsGone() -> Bool { producerFailed() }

    // MARK: What to do

    mutating func next(_ now: Instant) -> Action? {
        for index in takes.indices {
            switch takes[index].phase {
            case .writing: continue
            case .written: return settle(index)
            case .failed(let error): return giveBack(index, error)
            case .sending: if let action = nextSending(index, now) { return action }
            }
        }
        if case .absent(let until) = producer, until <= now, !isStopping || !takes.isEmpty { return .makeProducer }
        return nil
    }

    private mutating func nextSending(_ index: Int, _ now: Instant) -> Action? {
        let take = takes[index]
        if take.pending.isEmpty, take.sends.isEmpty {
            if take.rejected.isEmpty { return settle(index) }
            takes[index].phase = .writing
            return .writeDeadLetters(take.id, take.rejected)
        }
        if now - take.arrived >= timing.limit {
            if take.sends.isEmpty { return giveBack(index, overdue(take, now)) }
            guard case .running = producer else { return nil }
            producer = .closing
            return .closeProducer(flush: true)
        }
        guard !take.pending.isEmpty, case .running(isFull: false) = producer, take.resendAt ?? now <= now else { return nil }
        return .send(take.id, take.pending.ranges, isAgain: take.failures > 0)
    }

    private func overdue(_ take: Take, _ now: Instant) -> TailraceError {
        if var error = take.lastError {
            error.message +=
                "; \(take.pending.count) of \(take.size.events) events not confirmed for \((now - take.arrived).text)"
            return error
        }
        return TailraceError(
            code: "kafka.undelivered",
            message:
                "\(take.pending.count) of \(take.size.events) events not confirmed by the broker for \((now - take.arrived).text)",
            fix: "see whether the brokers are up and the partitions have leaders")
    }
    private mutating func settle(_ index: Int) -> Action {
        let take = remove(index)
        return .settle(take.id, rejected: take.rejected)
    }
    /// Rejected events are not done: their dead letters are not written.
    private mutating func giveBack(_ index: Int, _ error: TailraceError) -> Action {
        let take = remove(index)
        return .giveBack(take.id, error, done: take.done.ranges)
    }
    private mutating func remove(_ index: Int) -> Take {
        let take = takes.remove(at: index)
        open -= take.size
        return take
    }

    /// No new client is made for nothing. What is open goes on.
    mutating func stop() { isStopping = true }
    /// The deadline of the stop: all that is open, whatever the client still has of it.
    mutating func giveBackAll() -> [TakeID] {
        defer { (takes, open) = ([], .zero) }
        return takes.map(\.id)
    }

    /// When to ask again, if nothing happens before.
    func wakeAt(_ now: Instant) -> Instant? {
        var earliest: Instant?
        func consider(_ instant: Instant) { earliest = min(earliest ?? instant, instant) }
        for take in takes {
            let isOverdue = now - take.arrived >= timing.limit
            if !isOverdue { consider(take.arrived + timing.limit) }
            if let resendAt = take.resendAt, resendAt > now, !take.pending.isEmpty { consider(resendAt) }
        }
        if case .absent(let until) = producer, until > now { consider(until) }
        return earliest
    }
}
