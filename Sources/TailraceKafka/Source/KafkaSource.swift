package import TailraceCore

/// Reads topics as a member of a group. Bodies are the records' values, uncopied. An offset is committed when everything before
/// it is safe in the sense of the channels; partitions that the group takes away are given up when what is open of them is
/// answered and committed, so that the next owner begins exactly there.
///
/// It reads while the output has slots, and stops reading when it has none; the client goes on being a member meanwhile.
package final class KafkaSource: DeclaredSource, ConsumerOwner {
    private struct Revocation {
        var partitions: [TopicPartition]
        var done: () -> Void
        var timer: TimerID
    }
    /// Longer waiting for a fuller batch brings nothing.
    private static let longestGathering = Duration.milliseconds(10)
    private static let commitInterval = Duration.milliseconds(100)
    /// How long the group waits for open puts; above it their events come twice.
    private static let revocationLimit = Duration.seconds(30)
    private static let batchesPerTurn = 16

    package var name: String { environment.component }
    package private(set) var health = Health.starting

    private let configuration: KafkaSourceConfiguration
    private let output: SourceOutput
    private let environment: Environment
    private let maker: ConsumedEvents
    private let deadLetters: DeadLetterFile
    private let gathering: Duration
    private var consumer: (any ConsumerClient)?
    private var ledger = OffsetLedger()
    private var revocations: [Revocation] = []
    /// Read, with records that cannot be read; goes on when their dead letters are synced.
    private var held: (batch: ConsumedBatch, made: ConsumedEvents.Made)?
    private var lastDrained: Instant?
    private var pumpTimer: TimerID?
    private var commitTimer: TimerID?
    private var lastCommit: Instant?
    private var isCommitting = false
    private var failures = 0
    private var trouble = TroubleLog()
    private var unreadableTrouble = TroubleLog()
    private var commitTrouble = TroubleLog()
    private var isStopping = false
    private var isLeaving = false
    private var stopped: (() -> Void)?
    private let records: Counter, unreadable: Counter, leftOut: Counter, commits: Counter, rebalances: Counter

    package init(
        _ configuration: KafkaSourceConfiguration, _ output: SourceOutput, _ environment: Environment
    ) throws(TailraceError) {
        (self.configuration, self.output, self.environment) = (configuration, output, environment)
        maker = ConsumedEvents(
            .init(
                isDatum: configuration.useFlumeEventFormat,
                topicHeader: configuration.setTopicHeader ? configuration.topicHeader : nil, addsPlace: true,
                recordHeaders: configuration.recordHeaders))
        deadLetters = DeadLetterFile(DeadLetterFile.path(configuration.deadLetterFile, environment), environment)
        gathering = min(.milliseconds(configuration.batchDurationMillis), Self.longestGathering)
        records = environment.counter("kafka_records_total")
        unreadable = environment.counter("dead_letter_events_total")
        leftOut = environment.counter("headers_left_out_total")
        commits = environment.counter("kafka_commits_total")
        rebalances = environment.counter("kafka_rebalances_total")
        environment.gauge("assigned_partitions") { [weak self] in self?.ledger.partitions.count ?? 0 }
    }

    // MARK: Start and stop

    /// Fails when the client refuses a setting. No broker need be there.
    package func start(_ done: @escaping Completion) {
        var result: Result<Void, TailraceError> = .success(())
        do throws(TailraceError) {
            try makeConsumer()
            health = .ok
        } catch {
            let error = error.named(name)
            health = .failed(error)
            result = .failure(error)
        }
        environment.loop.enqueue { [result] in done(result) }
    }
    private func makeConsumer() throws(TailraceError) {
        let made = try environment.broker.makeConsumer(try configuration.consumerSettings(), self)
        consumer = made
        do throws(TailraceError) {
            try made.subscribe(configuration.pattern == nil ? configuration.topics : [], pattern: configuration.pattern)
        } catch {
            consumer = nil
            made.close {}
            throw error
        }
        pump()
    }

    /// Reads no more; commits what becomes safe, until shortly before `deadline`, and leaves the group.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        (isStopping, stopped, held) = (true, done, nil)
        let now = environment.loop.now, left = max(.zero, deadline - now)
        environment.loop.schedule(at: deadline) { self.end() }
        // The last commit and the leaving need a moment of their own.
        environment.loop.schedule(at: now + (left - min(.seconds(1), left / 4))) { self.leave() }
        environment.loop.enqueue { self.leaveIfQuiet() }
    }
    private func leaveIfQuiet() { if stopped != nil, isStopping, ledger.isQuiet, !isCommitting { leave() } }
    private func leave() {
        guard stopped != nil, !isLeaving else { return }
        isLeaving = true
        guard let client = consumer else { return end() }
        let due = ledger.due()
        let close = { client.close { self.end() } }
        consumer = nil
        if due.isEmpty { return close() }
        client.commit(due) { result in
            self.committed(due, result)
            close()
        }
    }
    private func end() {
        guard let stopped else { return }
        self.stopped = nil
        consumer?.close {}
        consumer = nil
        for timer in [pumpTimer, commitTimer] { if let timer { environment.loop.cancel(timer) } }
        deadLetters.close()
        stopped()
    }

    // MARK: Reading

    package func outputHasRoom() { pump() }

    /// Soon after the last time, others may come to fill the batch.
    package func clientHasRecords() {
        let now = environment.loop.now
        guard let lastDrained, lastDrained + gathering > now else { return pump() }
        guard pumpTimer == nil else { return }
        pumpTimer = environment.loop.schedule(at: lastDrained + gathering) { [weak self] in
            self?.pumpTimer = nil
            self?.pump()
        }
    }

    private func pump() {
        let limit = BatchSize(events: configuration.batchSize, bytes: Limits.batchBytes)
        for _ in 0..<Self.batchesPerTurn {
            guard !isStopping, held == nil, let consumer, output.openSlots > 0 else { return }
            guard let batch = consumer.poll(upTo: limit) else {
                lastDrained = environment.loop.now
                return
            }
            take(batch)
        }
        environment.loop.enqueue { [weak self] in self?.pump() }
    }

    private func take(_ batch: ConsumedBatch) {
        records.add(batch.offsets.count)
        failures = 0
        if trouble.ended(environment.loop.now) {
            health = .ok
            environment.log(.info, "reads from Kafka again")
        }
        let made = maker.make(batch)
        if made.headersLeftOut > 0 { leftOut.add(made.headersLeftOut) }
        if made.bad.isEmpty { return submit(batch, made) }
        held = (batch, made)
        writeDeadLetters(batch, made)
    }

    private func submit(_ batch: ConsumedBatch, _ made: ConsumedEvents.Made) {
        guard let last = batch.offsets.last, let ticket = ledger.submit(batch.partition, next: last + 1) else { return }
        let position = PartitionPosition(next: last + 1, committed: ledger.committed(batch.partition))
        let key = PartitionPosition.key(name, configuration.group, batch.partition)
        let events = EventBatch(
            batch.events.storage.buffer, made.bodies, shared: made.shared, eventHeaders: made.headers,
            positions: [SourceMark(key: key, position: position.position)])
        output.submit(events) { [weak self] result in
            guard let self else { return }
            if case .success = result { ledger.answer(ticket, isSafe: true) } else { ledger.answer(ticket, isSafe: false) }
            advanceRevocations()
            commitSoon()
            leaveIfQuiet()
        }
    }

    // MARK: Records that cannot be read

    private func writeDeadLetters(_ batch: ConsumedBatch, _ made: ConsumedEvents.Made) {
        var lines = BufferBuilder(capacity: 4096)
        for (index, error) in made.bad {
            DeadLetter(
                time: environment.loop.wallTime, component: name, error: error, topic: batch.partition.topic,
                partition: batch.partition.partition, offset: batch.offsets[index], timestamp: batch.timestamps[index],
                recordHeaders: batch.headers[index], key: batch.keys[index], body: batch.events[index].body
            ).append(to: &lines)
        }
        if unreadableTrouble.began(made.bad[0].error, environment.loop.now) {
            environment.log(
                .error,
                "\(made.bad.count) of \(batch.offsets.count) records of \(batch.partition) cannot be read and go to "
                    + "\(deadLetters.path). \(made.bad[0].error)")
        }
        write(lines.finish(), made.bad.count, attempt: 1)
    }
    /// Nothing more is read until they are written: no offset passes a record that is nowhere.
    private func write(_ lines: Bytes, _ count: Int, attempt: Int) {
        deadLetters.append(lines) { [weak self] result in
            guard let self, let (batch, made) = held else { return }
            switch result {
            case .success:
                held = nil
                unreadable.add(count)
                submit(batch, made)
                pump()
            case .failure(let error):
                let delay = Backoff.standard.delay(attempt)
                environment.log(
                    .error,
                    "\(count) records could not be written to \(deadLetters.path), again in \(delay.text); nothing is read "
                        + "until then. \(error)")
                health = .degraded(error.named(name))
                environment.loop.schedule(at: environment.loop.now + delay) { [weak self] in
                    guard let self, held != nil else { return }
                    write(lines, count, attempt: attempt + 1)
                }
            }
        }
    }

    // MARK: Commits

    /// One at a time, and not more often than the interval: each holds all that is safe by then.
    private func commitSoon() {
        guard !isStopping, !isCommitting, commitTimer == nil, consumer != nil, !ledger.due().isEmpty else { return }
        // At least a turn later, so that all answers of this one are in it.
        let now = environment.loop.now, at = max(now, lastCommit.map { $0 + Self.commitInterval } ?? now)
        commitTimer = environment.loop.schedule(at: at) { [weak self] in
            guard let self else { return }
            commitTimer = nil
            if !isStopping, !isCommitting { commit(ledger.due()) {} }
        }
    }
    private func commit(_ offsets: [(TopicPartition, Int64)], _ then: @escaping () -> Void) {
        guard let consumer, !offsets.isEmpty else { return then() }
        (isCommitting, lastCommit) = (true, environment.loop.now)
        consumer.commit(offsets) { [weak self] result in
            guard let self else { return }
            isCommitting = false
            committed(offsets, result)
            then()
            advanceRevocations()
            commitSoon()
            leaveIfQuiet()
        }
    }
    private func committed(_ offsets: [(TopicPartition, Int64)], _ result: Result<Void, TailraceError>) {
        switch result {
        case .success:
            ledger.commit(offsets)
            commits.add(1)
            _ = commitTrouble.ended(environment.loop.now)
        case .failure(let error):
            guard commitTrouble.began(error, environment.loop.now) else { return }
            environment.log(.warning, "offsets were not committed; after a crash their events come again. \(error)")
        }
    }

    // MARK: The group

    package func assigned(
        _ partitions: [(TopicPartition, Int64?)], _ start: @escaping ([(TopicPartition, Int64?)]) -> Void
    ) {
        rebalances.add(1)
        let stored = output.positions
        var starts: [(TopicPartition, Int64?)] = []
        for (partition, group) in partitions {
            let own = stored[PartitionPosition.key(name, configuration.group, partition)].flatMap { PartitionPosition($0) }
            ledger.assign(partition, committed: group)
            starts.append((partition, PartitionPosition.start(own, group: group)))
        }
        environment.log(
            .info, "the group \(configuration.group) gave \(partitions.count) partitions; \(ledger.partitions.count) in all")
        start(starts)
        pump()
    }

    package func revoked(_ partitions: [TopicPartition], mayCommit: Bool, _ done: @escaping () -> Void) {
        rebalances.add(1)
        environment.log(.info, "the group \(configuration.group) took \(partitions.count) partitions back")
        ledger.revoke(partitions)
        if let (batch, _) = held, partitions.contains(batch.partition) {
            held = nil
            environment.loop.enqueue { [weak self] in self?.pump() }
        }
        guard mayCommit, consumer != nil else {
            ledger.remove(partitions)
            return done()
        }
        let timer = environment.loop.schedule(at: environment.loop.now + Self.revocationLimit) { [weak self] in
            self?.giveUp(partitions)
        }
        revocations.append(Revocation(partitions: partitions, done: done, timer: timer))
        advanceRevocations()
    }
    private func advanceRevocations() {
        guard !isCommitting, let index = revocations.firstIndex(where: { ledger.isQuiet($0.partitions) }) else { return }
        finish(revocations.remove(at: index))
    }
    private func giveUp(_ partitions: [TopicPartition]) {
        guard let index = revocations.firstIndex(where: { $0.partitions == partitions }) else { return }
        environment.log(
            .warning, "the channels did not answer for open events within \(Self.revocationLimit.text); their events come again"
        )
        finish(revocations.remove(at: index))
    }
    private func finish(_ revocation: Revocation) {
        environment.loop.cancel(revocation.timer)
        commit(ledger.due(among: revocation.partitions)) { [weak self] in
            self?.ledger.remove(revocation.partitions)
            revocation.done()
        }
    }

    /// A fatal one is answered by a new client; the others are for the log.
    package func failed(_ error: TailraceError) {
        let error = error.named(name)
        health = .degraded(error)
        if trouble.began(error, environment.loop.now) { environment.log(.warning, "\(error)") }
        guard error.code == "kafka.fatal", let client = consumer else { return }
        (consumer, held) = (nil, nil)
        ledger.removeAll()
        for revocation in revocations { environment.loop.cancel(revocation.timer) }
        revocations = []
        isCommitting = false
        client.close { [weak self] in self?.beginAgain() }
    }
    private func beginAgain() {
        failures += 1
        environment.loop.schedule(at: environment.loop.now + Backoff.standard.delay(failures)) { [weak self] in
            guard let self, !isStopping, consumer == nil else { return }
            do throws(TailraceError) {
                try makeConsumer()
            } catch {
                if trouble.began(error, environment.loop.now) { environment.log(.warning, "no new client. \(error)") }
                beginAgain()
            }
        }
    }
}
