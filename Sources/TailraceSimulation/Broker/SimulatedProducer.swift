import TailraceCore

/// A producer. Record sets are split by partition; of one partition, requests are answered in their order. What cannot reach
/// its leader waits, and is sent again when it can.
final class SimulatedProducer: ProducerClient {
    /// Events of one record set for one partition.
    private final class Request {
        let flight: ProducerFlight
        let partition: TopicPartition
        let events: [Int]
        let deadline: Instant?
        var isWritten = false

        init(_ flight: ProducerFlight, _ partition: TopicPartition, _ events: [Int], _ deadline: Instant?) {
            (self.flight, self.partition, self.events, self.deadline) = (flight, partition, events, deadline)
        }
    }
    private enum State { case open, failed, closed }

    var hasRoom: (() -> Void)?
    private let host: String
    private let cluster: SimulatedBroker
    private let loop: SimulatedLoop
    private let timeline: Timeline
    private var random: SeededRandom
    private let failed: (TailraceError) -> Void
    private let limit: BatchSize
    private let messageTimeout: Duration?
    private let isIdempotent: Bool
    private var state = State.open
    private var lanes: [TopicPartition: [Request]] = [:]
    private var busy: Set<TopicPartition> = []
    private var flights: [UInt64: ProducerFlight] = [:]
    private var flushes: [(last: UInt64, timer: TimerID, done: Completion)] = []
    private var outstanding = BatchSize.zero
    private var refused: BatchSize?
    private var nextFlight: UInt64 = 0
    private var number: Int?

    init(
        _ settings: [String: String], _ host: String, _ cluster: SimulatedBroker, _ loop: SimulatedLoop,
        _ random: SeededRandom, _ failed: @escaping (TailraceError) -> Void
    ) {
        (self.host, self.cluster, self.loop, self.random, self.failed) = (host, cluster, loop, random, failed)
        timeline = cluster.timeline
        func setting(_ name: String, _ initial: Int) -> Int { settings[name].flatMap { Int($0) } ?? initial }
        let events = setting("queue.buffering.max.messages", 100_000)
        limit = BatchSize(events: events == 0 ? .max : events, bytes: setting("queue.buffering.max.kbytes", 1 << 20) << 10)
        let milliseconds = setting("message.timeout.ms", 300_000)
        messageTimeout = milliseconds == 0 ? nil : .milliseconds(milliseconds)
        isIdempotent = settings["enable.idempotence"] == "true"
        number = cluster.addSender { [weak self] in self?.advanceAll() }
    }
    deinit { if let number { cluster.remove(number) } }

    // MARK: Producing

    func produce(_ records: RecordSet, _ done: @escaping (ProduceResult) -> Void) -> Bool {
        guard state == .open else { return false }
        let count = records.batch.count
        guard count > 0 else {
            loop.enqueue { done(ProduceResult(confirmed: [], rejected: [], retriable: [])) }
            return true
        }
        let size = BatchSize(
            events: count, bytes: records.encoded?.reduce(0) { $0 + $1.count } ?? records.batch.size.bytes)
        guard outstanding.events == 0 || (outstanding + size).fits(in: limit) else {
            refused = size
            return false
        }
        outstanding += size
        let flight = ProducerFlight(records, nextFlight, size, done)
        flights[nextFlight] = flight
        nextFlight += 1
        spread(flight)
        if flight.missing == 0 { settle(flight) }
        return true
    }

    /// By the given partition, by key, or all that have neither to one with a leader.
    private func spread(_ flight: ProducerFlight) {
        let records = flight.records
        var requests: [TopicPartition: [Int]] = [:], order: [TopicPartition] = [], sticky: [String: Int32] = [:]
        for index in 0..<records.batch.count {
            let topic = records.topic[index]
            guard let count = cluster.partitions(of: topic, creating: true) else {
                flight.set(index, .retriable(undelivered("topic \(topic) does not exist")))
                continue
            }
            let partition: Int32
            if let wanted = records.partition[index] {
                guard wanted >= 0, wanted < count else {
                    flight.set(index, .rejected(rejected("topic \(topic) has no partition \(wanted)")))
                    continue
                }
                partition = wanted
            } else if let key = records.key[index] {
                partition = Int32(key.reduce(UInt64(14_695_981_039)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 } % UInt64(count))
            } else {
                let led = (0..<Int32(count)).filter { cluster.hasLeader(TopicPartition(topic: topic, partition: $0)) }
                let choice = sticky[topic] ?? led.randomElement(using: &random) ?? 0
                sticky[topic] = choice
                partition = choice
            }
            let key = TopicPartition(topic: topic, partition: partition)
            if requests[key] == nil { order.append(key) }
            requests[key, default: []].append(index)
        }
        for partition in order {
            let deadline = messageTimeout.map { timeline.now + $0 }
            lanes[partition, default: []].append(
                Request(flight, partition, requests[partition]!, deadline))
            if let deadline { timeline.at(deadline) { [weak self] in self?.advance(partition) } }
            advance(partition)
        }
    }

    private func advanceAll() { for partition in lanes.keys.sorted() { advance(partition) } }

    /// Sends the first request of a partition, if its leader can be reached.
    private func advance(_ partition: TopicPartition) {
        guard state != .closed, !busy.contains(partition), let request = lanes[partition]?.first else { return }
        if let deadline = request.deadline, deadline <= timeline.now {
            answer(partition) { [self] in $0.events.forEach { request.flight.set($0, .retriable(undelivered("timed out"))) } }
            return
        }
        guard cluster.isReachable(from: host), cluster.hasLeader(partition) else { return }  // told when that changes
        busy.insert(partition)
        let time = random.duration(timeline.faults.brokerTime)
        timeline.after(.nanoseconds(time.nanoseconds / 2)) { [self] in
            // Of a client that is gone meanwhile, it was sent or not.
            if state == .open || random.chance(0.5) { arrived(request) }
            timeline.after(.nanoseconds(time.nanoseconds / 2)) { [weak self] in self?.acknowledged(request) }
        }
    }

    /// At the broker: the records are there from now on, whatever the producer gets to know.
    private func arrived(_ request: Request) {
        guard !request.isWritten || !isIdempotent else { return }
        let partition = request.partition
        guard cluster.isReachable(from: host), cluster.hasLeader(partition) else { return }
        let faults = timeline.faults, flight = request.flight
        var failing = 0..<0, failureWrites = false
        if random.chance(faults.brokerError) {
            let from = random.below(request.events.count)
            failing = from..<from + 1 + random.below(request.events.count - from)
            failureWrites = random.chance(0.5)
        }
        for (position, index) in request.events.enumerated() {
            let record = flight.record(index, partition), size = record.value.count + (record.key?.count ?? 0)
            if size > cluster.largestRecord {
                flight.set(
                    index, .rejected(rejected("a record of \(size) bytes; the broker takes \(cluster.largestRecord)")))
            } else if let reason = cluster.rejects?(record) {
                flight.set(index, .rejected(rejected(reason)))
            } else if failing.contains(position) {
                if failureWrites { cluster.append(record) }
                flight.set(index, .retriable(undelivered("NOT_ENOUGH_REPLICAS_AFTER_APPEND")))
            } else {
                cluster.append(record)
            }
        }
        request.isWritten = true
        timeline.note("produced", partition.description, request.events.count, Int(cluster.end(of: partition)))
        cluster.appended()
        if random.chance(faults.brokerFatal) { loop.enqueue { [weak self] in self?.fail() } }
    }

    private func acknowledged(_ request: Request) {
        let partition = request.partition
        busy.remove(partition)
        guard lanes[partition]?.first === request else { return advance(partition) }
        // Without an answer it is sent again: once more there, if the broker cannot tell.
        guard request.isWritten, cluster.isReachable(from: host) else { return advance(partition) }
        answer(partition) { request in
            for index in request.events { request.flight.set(index, .confirmed) }
        }
    }
    private func answer(_ partition: TopicPartition, _ body: (Request) -> Void) {
        let request = lanes[partition]!.removeFirst()
        if lanes[partition]!.isEmpty { lanes[partition] = nil }
        body(request)
        if request.flight.missing == 0 { settle(request.flight) }
        advance(partition)
    }

    private func settle(_ flight: ProducerFlight) {
        loop.enqueue { [self] in
            guard flights.removeValue(forKey: flight.number) != nil else { return }
            outstanding -= flight.size
            flight.answer()
            checkFlushes()
            guard state == .open, let wanted = refused else { return }
            guard outstanding.events == 0 || (outstanding + wanted).fits(in: limit) else { return }
            refused = nil
            hasRoom?()
        }
    }

    private func undelivered(_ reason: String) -> TailraceError {
        TailraceError(code: "kafka.undelivered", message: "not confirmed: \(reason)")
    }
    private func rejected(_ reason: String) -> TailraceError {
        TailraceError(
            code: "kafka.rejected", message: reason, fix: "raise the broker's limits, or send other events to this topic")
    }

    // MARK: Failing, partitions, flush, close

    /// For tests too: the broker fences this producer off.
    func fail() {
        guard state == .open else { return }
        state = .failed
        timeline.note("fatal", host)
        giveUp(undelivered("the producer failed"))
        let error = TailraceError(
            code: "kafka.fatal", message: "the broker does not accept this producer any more",
            fix: "none needed: a new producer goes on.")
        loop.enqueue { [failed] in failed(error) }
    }
    private func giveUp(_ error: TailraceError) {
        lanes = [:]
        // Also those whose last answer was on its way: it does not come any more. (Settling twice does nothing.)
        for number in flights.keys.sorted() {
            flights[number]!.giveUp(error)
            settle(flights[number]!)
        }
    }

    func partitions(of topic: String, _ done: @escaping (Result<[Bool], TailraceError>) -> Void) {
        timeline.after(random.duration(timeline.faults.brokerTime)) { [self] in ask(topic, timeline.now + .seconds(5), done) }
    }
    private func ask(_ topic: String, _ deadline: Instant, _ done: @escaping (Result<[Bool], TailraceError>) -> Void) {
        if cluster.isReachable(from: host), let count = cluster.partitions(of: topic, creating: true) {
            let leaders = (0..<Int32(count)).map { cluster.hasLeader(TopicPartition(topic: topic, partition: $0)) }
            return loop.enqueue { done(.success(leaders)) }
        }
        if timeline.now < deadline, !cluster.isReachable(from: host) {
            return timeline.after(.milliseconds(250)) { [self] in ask(topic, deadline, done) }
        }
        let error = TailraceError(
            code: "kafka.metadata", message: "the partitions of topic \(topic) are not known",
            fix: "check that the brokers run, and that the topic exists.")
        loop.enqueue { done(.failure(error)) }
    }

    func flush(by deadline: Instant, _ done: @escaping Completion) {
        let last = nextFlight
        let timer = loop.schedule(at: deadline) { [self] in
            guard let index = flushes.firstIndex(where: { $0.last == last }) else { return }
            let flush = flushes.remove(at: index), open = flights.keys.filter { $0 < last }.count
            flush.done(
                .failure(
                    TailraceError(
                        code: "kafka.flush", message: "\(open) batches have no delivery report at the deadline",
                        fix: "check that the brokers run; what is not confirmed is sent again.")))
        }
        flushes.append((last, timer, done))
        loop.enqueue { [self] in checkFlushes() }
    }
    private func checkFlushes() {
        let oldest = flights.keys.min() ?? .max
        let over = flushes.filter { $0.last <= oldest }
        flushes.removeAll { $0.last <= oldest }
        for flush in over {
            loop.cancel(flush.timer)
            flush.done(.success(()))
        }
    }

    func close(_ done: @escaping () -> Void) {
        guard state != .closed else { return }
        state = .closed
        hasRoom = nil
        giveUp(undelivered("the producer was closed"))
        loop.enqueue { [self] in
            for flush in flushes {
                loop.cancel(flush.timer)
                flush.done(.failure(.stopped))
            }
            flushes = []
            loop.enqueue(done)
        }
    }

    /// The process is gone; a request on its way may still arrive.
    func die() {
        (state, hasRoom) = (.closed, nil)
        flushes = []
    }
}
