import CRdkafka
package import TailraceCore

/// A producer of librdkafka on the loop. Values are not copied: librdkafka's messages point into the batch, which is kept
/// until its last report. Reports come as events on a queue whose eventfd the loop watches; nothing is called back.
///
/// **Room.** Only this class frees librdkafka's queue, by destroying report events, so it knows what is in it and refuses
/// a record set that does not fit before the first message is handed over. A set that is larger than the whole queue
/// (`queue.buffering.max.messages`, `queue.buffering.max.kbytes`) is taken when the queue is empty and fed as room comes;
/// until it is fed, everything else is refused.
///
/// After a fatal error `failed` is called once, what is outstanding comes back as retriable, and `produce` says no for
/// good. Dropped without `close`, it answers nobody and cleans up on its thread.
package final class RdkafkaProducer: ProducerClient {
    private enum Phase {
        case open, failed
        case closing(() -> Void)
        case destroying(() -> Void)
        case closed
    }
    enum Answer: Sendable {
        case partitions(topic: String, Result<[Bool], TailraceError>)
        case destroyed
    }
    private struct Flush {
        var last: UInt64
        var timer: TimerID
        var done: Completion
    }
    /// Report events per turn; one carries the reports of many messages.
    static let eventsPerTurn = 256
    /// How long `close` waits for reports of messages that were purged.
    static let closeLimit = Duration.seconds(5)
    /// Of a metadata request, which holds up what the thread does after it.
    static let metadataLimit = Duration.seconds(3)
    /// Topics whose partitions are being asked for.
    static let lookupLimit = 64

    package var hasRoom: (() -> Void)?

    let client: ClientHandle
    let scratch: MessageScratch
    var topics: TopicHandles
    var flights = FlightTable()
    /// What librdkafka has, and how much that may be.
    var outstanding = BatchSize.zero
    let limit: BatchSize
    private let loop: any DescriptorLoop
    private let queue: ClientHandle
    private let wake: WakeDescriptor
    private let worker: WorkThread
    private var log: ClientLog
    private var watch: (any Cancellable)?
    private var answers: LoopPort<Answer>?
    private var phase = Phase.open
    private var failed: ((TailraceError) -> Void)?
    private var refused: BatchSize?
    private var remainder: Int?
    private var lastNumber: UInt64 = 0
    private var answered: [() -> Void] = []
    private var lookups: [String: [(Result<[Bool], TailraceError>) -> Void]] = [:]
    private var flushes: [Flush] = []
    /// Itself while it closes: `done` comes although the owner let go.
    private var untilClosed: RdkafkaProducer?

    static let defaults = ["socket.nagle.disable": "true"]
    static let forced = ["log.queue": "true", "delivery.report.only.error": "false"]

    init(
        _ settings: [String: String], _ loop: any DescriptorLoop, _ log: any Log, _ component: String,
        failed: @escaping (TailraceError) -> Void
    ) throws(TailraceError) {
        wake = try WakeDescriptor()
        let settings = ClientSettings(settings, defaults: Self.defaults, forced: Self.forced)
        client = ClientHandle(
            try settings.makeHandle(RD_KAFKA_PRODUCER, events: RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG))
        rd_kafka_set_log_queue(client.pointer, nil)  // into the main queue
        queue = ClientHandle(rd_kafka_queue_get_main(client.pointer))
        limit = BatchSize(
            events: effectiveSetting("queue.buffering.max.messages", of: client.pointer).map { $0 == 0 ? .max : $0 } ?? 100_000,
            bytes: (effectiveSetting("queue.buffering.max.kbytes", of: client.pointer) ?? 1 << 20) << 10)
        (self.loop, self.failed, topics, scratch) = (loop, failed, TopicHandles(client), MessageScratch())
        self.log = ClientLog(log, component, client: client.name)
        worker = WorkThread("kafka-work")
        answers = loop.openPort { [weak self] in self?.received($0) }
        watch = loop.onReadable(wake.number) { [weak self] in self?.serve() }
        wake.watch(queue.pointer)
    }

    deinit {
        switch phase {
        case .destroying, .closed: return
        default: break
        }
        watch?.cancel()
        destroy { _ = $0 }
    }

    // MARK: Producing

    package func produce(_ records: RecordSet, _ done: @escaping (ProduceResult) -> Void) -> Bool {
        guard case .open = phase else { return false }
        guard records.batch.count > 0 else {
            loop.enqueue { done(ProduceResult(confirmed: [], rejected: [], retriable: [])) }
            return true
        }
        let size = BatchSize(
            events: records.batch.count, bytes: records.encoded?.reduce(0) { $0 + $1.count } ?? records.batch.size.bytes)
        guard remainder == nil, outstanding.events == 0 || (outstanding + size).fits(in: limit) else {
            refused = size
            return false
        }
        lastNumber += 1
        let slot = flights.insert(Flight(records, number: lastNumber, done))
        feed(slot)
        if !answered.isEmpty { loop.enqueue { [weak self] in self?.afterReports() } }
        return true
    }

    private func feed(_ slot: Int) {
        guard let flight = flights[slot] else { return }
        feed(flight, slot)
        remainder = flight.fed < flight.records.batch.count ? slot : nil
        settle(flight, slot)
    }

    /// Answers a flight that has its last report, in a later turn or at the end of this one.
    private func settle(_ flight: Flight, _ slot: Int) {
        guard flight.isDone else { return }
        answered.append(flight.answer())
        flights.remove(slot)
    }

    // MARK: Reports

    private func serve() {
        wake.clear()
        var left = Self.eventsPerTurn
        while let event = rd_kafka_queue_poll(queue.pointer, 0) {
            switch rd_kafka_event_type(event) {
            case RD_KAFKA_EVENT_DR: takeReports(event)
            case RD_KAFKA_EVENT_ERROR: takeError(event)
            case RD_KAFKA_EVENT_LOG: log.write(event, now: loop.now)
            default: break
            }
            rd_kafka_event_destroy(event)  // only now librdkafka has room for as many new messages
            left -= 1
            if left == 0 {
                loop.enqueue { [weak self] in self?.serve() }
                break
            }
        }
        afterReports()
    }

    /// Neighbours with one outcome are one run: what is done per message is two comparisons.
    private func takeReports(_ event: OpaquePointer) {
        var first: UInt = 0, next: UInt = 0, code = RD_KAFKA_RESP_ERR_NO_ERROR, messages = 0, bytes = 0
        while let message = rd_kafka_event_message_next(event) {
            let tag = UInt(bitPattern: message.pointee._private)
            messages += 1
            bytes += message.pointee.len
            if tag != next || message.pointee.err != code {
                takeRun(first, next, code)
                (first, code) = (tag, message.pointee.err)
            }
            next = tag + 1
        }
        takeRun(first, next, code)
        outstanding -= BatchSize(events: messages, bytes: bytes)
    }

    private func takeRun(_ first: UInt, _ end: UInt, _ code: rd_kafka_resp_err_t) {
        let slot = ReportTag.slot(first)
        guard first != end, let flight = flights[slot] else { return }
        flight.outcomes.add(ReportTag.event(first)..<ReportTag.event(first) + Int(end - first), code)
        settle(flight, slot)
        if KafkaErrors.verdict(code) == .fatal { fail(code, "a delivery report says so") }
    }

    private func takeError(_ event: OpaquePointer) {
        let code = rd_kafka_event_error(event), text = String(cString: rd_kafka_event_error_string(event))
        if rd_kafka_event_error_is_fatal(event) != 0 { return fail(code, text) }
        let error = KafkaErrors.client(code, text)
        log.write(.warning, error.description, now: loop.now)
    }

    private func fail(_ code: rd_kafka_resp_err_t, _ text: String) {
        guard case .open = phase, let failed else { return }
        phase = .failed
        self.failed = nil
        var cause = code, reason = text
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { space in
            let known = rd_kafka_fatal_error(client.pointer, space.baseAddress!, space.count)
            if known != RD_KAFKA_RESP_ERR_NO_ERROR { (cause, reason) = (known, String(cString: space.baseAddress!)) }
        }
        purge()
        let error = TailraceError(
            code: "kafka.fatal", message: "\(KafkaErrors.text(cause)): \(reason)", fix: "none needed: a new producer goes on.")
        loop.enqueue { failed(error) }
    }

    /// All that librdkafka has comes back by report, and what it was not given yet at once.
    private func purge() {
        rd_kafka_purge(client.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
        guard let slot = remainder, let flight = flights[slot] else { return }
        remainder = nil
        flight.outcomes.add(flight.fed..<flight.records.batch.count, RD_KAFKA_RESP_ERR__PURGE_QUEUE)
        flight.fed = flight.records.batch.count
        settle(flight, slot)
    }

    /// At the end of a turn: completions and signals, with the client's own state in order.
    private func afterReports() {
        if let slot = remainder, outstanding.events <= limit.events / 2, outstanding.bytes <= limit.bytes / 2 { feed(slot) }
        let ready = answered
        answered = []
        for answer in ready { answer() }
        if case .open = phase, let wanted = refused, remainder == nil,
            outstanding.events == 0 || (outstanding + wanted).fits(in: limit)
        {
            refused = nil
            hasRoom?()
        }
        if !flushes.isEmpty { checkFlushes() }
        if case .closing(let done) = phase, flights.count == 0, answered.isEmpty { finish(done) }
    }

    // MARK: Partitions, flush

    package func partitions(of topic: String, _ done: @escaping (Result<[Bool], TailraceError>) -> Void) {
        switch phase {
        case .open, .failed: break
        default: return loop.enqueue { done(.failure(.stopped)) }
        }
        let isAsked = lookups[topic] != nil
        guard isAsked || (lookups.count < Self.lookupLimit && TopicHandles.isValid(topic)) else {
            let error = TailraceError(
                code: "kafka.metadata",
                message: "the partitions of topic \"\(topic)\" are not asked for: \(lookups.count) questions are open",
                fix: "use a topic name of 1 to 249 letters, digits, '.', '_' and '-', and fewer topics at a time.")
            return loop.enqueue { done(.failure(error)) }
        }
        lookups[topic, default: []].append(done)
        guard !isAsked, let answers else { return }
        worker.run { [client] in
            answers.post(.partitions(topic: topic, partitionLeaders(of: topic, client, limit: Self.metadataLimit)))
        }
    }

    private func received(_ answer: Answer) {
        switch answer {
        case .partitions(let topic, let result):
            for done in lookups.removeValue(forKey: topic) ?? [] { done(result) }
        case .destroyed:
            guard case .destroying(let done) = phase else { return }
            (phase, untilClosed) = (.closed, nil)
            done()
        }
    }

    package func flush(by deadline: Instant, _ done: @escaping Completion) {
        let limit = max(0, (deadline - loop.now).milliseconds)
        let number = lastNumber
        let timer = loop.schedule(at: deadline) { [weak self] in self?.flushTimedOut(number) }
        flushes.append(Flush(last: number, timer: timer, done: done))
        // It does not serve reports; it makes the brokers' threads send without waiting for more (`linger.ms`).
        worker.run { [client] in _ = rd_kafka_flush(client.pointer, Int32(clamping: limit)) }
        loop.enqueue { [weak self] in self?.checkFlushes() }
    }

    private func checkFlushes() {
        let oldest = flights.all.map(\.number).min() ?? .max
        let over = flushes.filter { $0.last < oldest }
        flushes.removeAll { $0.last < oldest }
        for flush in over {
            loop.cancel(flush.timer)
            flush.done(.success(()))
        }
    }

    private func flushTimedOut(_ number: UInt64) {
        guard let index = flushes.firstIndex(where: { $0.last == number }) else { return }
        let flush = flushes.remove(at: index)
        let open = flights.all.filter { $0.number <= number }.count
        flush.done(
            .failure(
                TailraceError(
                    code: "kafka.flush", message: "\(open) batches have no delivery report at the deadline",
                    fix: "check that the brokers run; what is not confirmed is sent again.")))
    }

    // MARK: Closing

    package func close(_ done: @escaping () -> Void) {
        switch phase {
        case .open, .failed: break
        default: return
        }
        (phase, untilClosed) = (.closing(done), self)
        (failed, hasRoom) = (nil, nil)
        purge()
        loop.schedule(at: loop.now + Self.closeLimit) { [weak self] in self?.closeTimedOut() }
        loop.enqueue { [weak self] in self?.afterReports() }
    }

    /// Reports that did not come: their memory stays until the handle is destroyed.
    private func closeTimedOut() {
        guard case .closing(let done) = phase else { return }
        for flight in flights.all {
            flight.outcomes.giveUp(RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
            flight.answer()()
        }
        finish(done)
    }

    private func finish(_ done: @escaping () -> Void) {
        phase = .destroying(done)
        watch?.cancel()
        watch = nil
        for (_, waiting) in lookups { for done in waiting { done(.failure(.stopped)) } }
        lookups = [:]
        for flush in flushes {
            loop.cancel(flush.timer)
            flush.done(.failure(.stopped))
        }
        flushes = []
        let answers = self.answers
        destroy { _ in answers?.post(.destroyed) }
    }

    /// By the thread, for it joins librdkafka's threads. The batches live until then, the descriptor too.
    private func destroy(_ then: @escaping @Sendable (WakeDescriptor) -> Void) {
        wake.unwatch(queue.pointer)
        topics.destroyAll()
        let kept = flights.all.map(\.records)
        flights.removeAll()
        worker.run(last: true) { [client, queue, wake] in
            rd_kafka_purge(client.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
            rd_kafka_queue_destroy(queue.pointer)
            rd_kafka_destroy(client.pointer)
            withExtendedLifetime(kept) { then(wake) }
        }
    }
}
