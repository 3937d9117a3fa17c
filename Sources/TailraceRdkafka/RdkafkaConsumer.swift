import CRdkafka
package import TailraceCore

/// A group consumer of librdkafka on the loop. Each assigned partition has a queue of its own; all of them and the
/// consumer's queue (rebalances, errors, answers to commits, log) write to one eventfd that the loop watches.
///
/// Offsets are committed by `commit` only. What librdkafka reads ahead is bounded per partition
/// (`queued.max.messages.kbytes`). A consumer that takes nothing for long, because its channel is full, stays in the group:
/// the loop's own timer shows that the agent lives. Dropped without `close`, it answers nobody and cleans up on its thread.
package final class RdkafkaConsumer: ConsumerClient {
    enum Phase {
        case open
        case closing(() -> Void)
        case destroying(() -> Void)
        case closed
    }
    enum Answer: Sendable {
        case committed(rebalance: Int, Result<[Int64?], TailraceError>)
        case destroyed
    }
    /// Events of the consumer's queue per turn.
    static let eventsPerTurn = 256
    /// How long `close` waits for the group before it leaves without a word.
    static let closeLimit = Duration.seconds(10)
    static let defaults = [
        "socket.nagle.disable": "true", "queued.min.messages": "10000", "queued.max.messages.kbytes": "16384",
    ]
    static let forced = [
        "log.queue": "true", "enable.auto.commit": "false", "enable.auto.offset.store": "false",
        "enable.partition.eof": "false",
    ]

    let client: ClientHandle
    let wake: WakeDescriptor
    let worker: WorkThread
    let loop: any DescriptorLoop
    var phase = Phase.open
    /// Assigned partitions, in the order in which they are asked for records.
    var queues: [PartitionQueue] = []
    var rebalances = RebalanceQueue()
    var answers: LoopPort<Answer>?
    private(set) weak var owner: (any ConsumerOwner)?
    private let queue: ClientHandle
    private let hint: String?
    private var log: ClientLog
    private var watch: (any Cancellable)?
    private var timer: TimerID?
    private let pollInterval: Duration
    private var turn = 0
    private var wantsSignal = false
    private var commits: [UInt: Completion] = [:]
    private var lastCommit: UInt = 0
    /// The owner was told that this client is of no use any more.
    private var isLost = false
    /// Itself while it closes: `done` comes although the owner let go.
    private var untilClosed: RdkafkaConsumer?

    init(
        _ settings: [String: String], _ loop: any DescriptorLoop, _ log: any Log, _ component: String,
        _ owner: any ConsumerOwner
    ) throws(TailraceError) {
        wake = try WakeDescriptor()
        hint = KafkaErrors.authenticationHint(mechanism: settings["sasl.mechanism"])
        let settings = ClientSettings(settings, defaults: Self.defaults, forced: Self.forced)
        let events = RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG
        client = ClientHandle(try settings.makeHandle(RD_KAFKA_CONSUMER, events: events | RD_KAFKA_EVENT_FETCH))
        guard let consumerQueue = rd_kafka_queue_get_consumer(client.pointer) else {
            rd_kafka_destroy(client.pointer)
            throw TailraceError(code: "kafka.settings", message: "group.id is missing", fix: "set the consumer group's name.")
        }
        queue = ClientHandle(consumerQueue)
        rd_kafka_poll_set_consumer(client.pointer)  // the main queue's events come there too
        rd_kafka_set_log_queue(client.pointer, consumerQueue)
        (self.loop, self.owner) = (loop, owner)
        self.log = ClientLog(log, component, client: client.name)
        worker = WorkThread("kafka-work")
        pollInterval = .milliseconds(max(100, (effectiveSetting("max.poll.interval.ms", of: client.pointer) ?? 300_000) / 3))
        answers = loop.openPort { [weak self] in self?.received($0) }
        watch = loop.onReadable(wake.number) { [weak self] in self?.serve() }
        wake.watch(queue.pointer)
        keepAlive()
    }

    deinit {
        switch phase {
        case .destroying, .closed: return
        default: break
        }
        watch?.cancel()
        if let timer { loop.cancel(timer) }
        destroy {}
    }

    package func subscribe(_ topics: [String], pattern: String?) throws(TailraceError) {
        if let wrong = topics.first(where: { !TopicHandles.isValid($0) }) ?? pattern.flatMap({ $0.hasPrefix("^") ? nil : $0 }) {
            throw TailraceError(
                code: "kafka.subscribe", message: "\"\(wrong)\" is no topic name and no pattern",
                fix: "use topic names of 1 to 249 letters, digits, '.', '_' and '-', or a pattern that begins with '^'.")
        }
        let list = PartitionList((topics + (pattern.map { [$0] } ?? [])).map { TopicPartition(topic: $0, partition: -1) })
        let code = rd_kafka_subscribe(client.pointer, list.pointer)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw TailraceError(
                code: "kafka.subscribe", message: "\(topics) \(pattern ?? ""): \(KafkaErrors.text(code))",
                fix: KafkaErrors.fix(code))
        }
    }

    // MARK: Records

    package func poll(upTo limit: BatchSize) -> ConsumedBatch? {
        guard case .open = phase, !isLost else { return nil }
        var errors: [rd_kafka_resp_err_t] = []
        for step in 0..<queues.count {
            let at = (turn + step) % queues.count
            guard !queues[at].isPaused, let batch = queues[at].take(limit, errors: &errors) else { continue }
            turn = at + 1
            report(errors)
            return batch
        }
        report(errors)
        wantsSignal = true
        return nil
    }

    private func report(_ errors: [rd_kafka_resp_err_t]) {
        for code in Set(errors.map(\.rawValue)).sorted() {
            tell(KafkaErrors.client(rd_kafka_resp_err_t(rawValue: code), "reading a partition"))
        }
    }

    /// In a later turn, and not after `close`.
    func tell(_ error: TailraceError) {
        loop.enqueue { [weak self] in
            guard let self, case .open = phase else { return }
            owner?.failed(error)
        }
    }

    private func signal() {
        guard wantsSignal, case .open = phase, queues.contains(where: { !$0.isPaused && $0.hasRecords }) else { return }
        wantsSignal = false
        owner?.clientHasRecords()
    }

    package func pause(_ partitions: [TopicPartition]) { setPaused(partitions, true) }
    package func resume(_ partitions: [TopicPartition]) { setPaused(partitions, false) }

    /// What is at hand of a paused partition waits; librdkafka drops what it read ahead and reads it again.
    private func setPaused(_ partitions: [TopicPartition], _ isPaused: Bool) {
        let wanted = Set(partitions)
        let changed = queues.filter { wanted.contains($0.partition) && $0.isPaused != isPaused }
        guard !changed.isEmpty, case .open = phase else { return }
        for queue in changed { queue.isPaused = isPaused }
        let list = PartitionList(changed.map(\.partition))
        let code =
            isPaused
            ? rd_kafka_pause_partitions(client.pointer, list.pointer) : rd_kafka_resume_partitions(client.pointer, list.pointer)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { tell(KafkaErrors.client(code, isPaused ? "pausing" : "resuming")) }
        if !isPaused { loop.enqueue { [weak self] in self?.signal() } }
    }

    package func commit(_ offsets: [(TopicPartition, Int64)], _ done: @escaping Completion) {
        guard case .open = phase else { return loop.enqueue { done(.failure(.stopped)) } }
        guard !offsets.isEmpty else { return loop.enqueue { done(.success(())) } }
        let list = PartitionList(offsets.map { ($0.0, $0.1) })
        lastCommit += 1
        let code = rd_kafka_commit_queue(
            client.pointer, list.pointer, queue.pointer, nil, UnsafeMutableRawPointer(bitPattern: lastCommit))
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return loop.enqueue { done(.failure(Self.commitError(code))) } }
        commits[lastCommit] = done
    }

    private static func commitError(_ code: rd_kafka_resp_err_t) -> TailraceError {
        TailraceError(
            code: "kafka.commit", message: "offsets are not committed: \(KafkaErrors.text(code))", fix: KafkaErrors.fix(code))
    }

    // MARK: Events

    func serve() {
        wake.clear()
        var left = Self.eventsPerTurn
        while left > 0, let event = rd_kafka_queue_poll(queue.pointer, 0) {
            switch rd_kafka_event_type(event) {
            case RD_KAFKA_EVENT_REBALANCE: takeRebalance(event)
            case RD_KAFKA_EVENT_OFFSET_COMMIT: takeCommit(event)
            case RD_KAFKA_EVENT_LOG: log.write(event, now: loop.now)
            case RD_KAFKA_EVENT_ERROR: takeError(event)
            case RD_KAFKA_EVENT_FETCH: takeStray(event)
            default: break
            }
            rd_kafka_event_destroy(event)
            left -= 1
        }
        if left == 0 { loop.enqueue { [weak self] in self?.serve() } }
        advanceRebalances()
        signal()
        if case .closing(let done) = phase, rd_kafka_consumer_closed(client.pointer) != 0 { finish(done) }
    }

    private func takeCommit(_ event: OpaquePointer) {
        guard let done = commits.removeValue(forKey: UInt(bitPattern: rd_kafka_event_opaque(event))) else { return }
        var code = rd_kafka_event_error(event)
        if code == RD_KAFKA_RESP_ERR_NO_ERROR {
            code = PartitionList.error(of: rd_kafka_event_topic_partition_list(event))
        }
        let result: Result<Void, TailraceError> =
            code == RD_KAFKA_RESP_ERR_NO_ERROR ? .success(()) : .failure(Self.commitError(code))
        loop.enqueue { done(result) }
    }

    private func takeError(_ event: OpaquePointer) {
        let code = rd_kafka_event_error(event), isFatal = rd_kafka_event_error_is_fatal(event) != 0
        let error = KafkaErrors.client(
            isFatal ? RD_KAFKA_RESP_ERR__FATAL : code, String(cString: rd_kafka_event_error_string(event)), hint: hint)
        if isFatal { lose(error) } else { tell(error) }
    }

    /// Once: nothing more is handed out, and the owner begins again with a new client.
    private func lose(_ error: TailraceError) {
        guard !isLost else { return }
        isLost = true
        tell(error)
    }

    /// Records come by their partition's queue only. One that does not would be missed: the owner must begin again.
    private func takeStray(_ event: OpaquePointer) {
        guard case .open = phase, let message = rd_kafka_event_message_next(event) else { return }
        guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else { return report([message.pointee.err]) }
        lose(
            TailraceError(
                code: "kafka.fatal",
                message: "offset \(message.pointee.offset) of partition \(message.pointee.partition) came outside of its queue",
                fix: "none needed: a new consumer reads it again."))
    }

    /// `max.poll.interval.ms` counts from the last time that the queue was served; quiet or paused is not dead.
    private func keepAlive() {
        timer = loop.schedule(at: loop.now + pollInterval) { [weak self] in
            guard let self else { return }
            serve()
            keepAlive()
        }
    }

    private func received(_ answer: Answer) {
        switch answer {
        case .committed(let rebalance, let result): lookedUp(rebalance, result)
        case .destroyed:
            guard case .destroying(let done) = phase else { return }
            (phase, untilClosed) = (.closed, nil)
            done()
        }
    }

    // MARK: Closing

    package func close(_ done: @escaping () -> Void) {
        guard case .open = phase else { return }
        (phase, untilClosed) = (.closing(done), self)
        queues = []
        releaseRebalances()
        if let error = rd_kafka_consumer_close_queue(client.pointer, queue.pointer) {
            let reason = KafkaErrors.client(consuming: error)
            log.write(.warning, reason.description, now: loop.now)
        }
        loop.schedule(at: loop.now + Self.closeLimit) { [weak self] in
            guard let self, case .closing(let done) = phase else { return }
            finish(done)
        }
        loop.enqueue { [weak self] in self?.serve() }
    }

    private func finish(_ done: @escaping () -> Void) {
        phase = .destroying(done)
        watch?.cancel()
        watch = nil
        if let timer { loop.cancel(timer) }
        for done in commits.sorted(by: { $0.key < $1.key }) { done.value(.failure(.stopped)) }
        commits = [:]
        let answers = self.answers
        destroy { answers?.post(.destroyed) }
    }

    private func destroy(_ then: @escaping @Sendable () -> Void) {
        queues = []
        wake.unwatch(queue.pointer)
        worker.run(last: true) { [client, queue, wake] in
            rd_kafka_queue_destroy(queue.pointer)
            rd_kafka_destroy_flags(client.pointer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
            withExtendedLifetime(wake) { then() }
        }
    }
}
