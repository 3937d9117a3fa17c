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
    enum Phase {
        case open, failed
        case closing(() -> Void)
        case destroying(() -> Void)
        case closed
    }
    enum Answer: Sendable {
        case partitions(topic: String, Result<[Bool], TailraceError>)
        case destroyed
    }
    struct Flush {
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
    let loop: any DescriptorLoop
    let queue: ClientHandle
    let wake: WakeDescriptor
    let worker: WorkThread
    var log: ClientLog
    var watch: (any Cancellable)?
    var answers: LoopPort<Answer>?
    var phase = Phase.open
    var failed: ((TailraceError) -> Void)?
    var refused: BatchSize?
    /// Why the brokers let nobody in, since the last answer from them.
    var refusal: TailraceError?
    let hint: String?
    var remainder: Int?
    var lastNumber: UInt64 = 0
    var answered: [() -> Void] = []
    var lookups: [String: [(Result<[Bool], TailraceError>) -> Void]] = [:]
    var flushes: [Flush] = []
    /// Itself while it closes: `done` comes although the owner let go.
    var untilClosed: RdkafkaProducer?

    static let defaults = ["socket.nagle.disable": "true"]
    static let forced = ["log.queue": "true", "delivery.report.only.error": "false"]

    init(
        _ settings: [String: String], _ loop: any DescriptorLoop, _ log: any Log, _ component: String,
        failed: @escaping (TailraceError) -> Void
    ) throws(TailraceError) {
        wake = try WakeDescriptor()
        hint = KafkaErrors.authenticationHint(mechanism: settings["sasl.mechanism"])
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

    func feed(_ slot: Int) {
        guard let flight = flights[slot] else { return }
        feed(flight, slot)
        remainder = flight.fed < flight.records.batch.count ? slot : nil
        settle(flight, slot)
    }

    /// Answers a flight that has its last report, in a later turn or at the end of this one.
    func settle(_ flight: Flight, _ slot: Int) {
        guard flight.isDone else { return }
        answered.append(flight.answer())
        flights.remove(slot)
    }
}
