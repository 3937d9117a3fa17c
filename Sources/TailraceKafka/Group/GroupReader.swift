import TailraceCore

/// Who reads by a ``GroupReader``.
protocol GroupReaderOwner: AnyObject {
    /// After ``GroupReader/poll(upTo:)`` had nothing.
    func readerHasRecords()
    /// With what the group has committed. `start`, once: where to begin (nil: by `auto.offset.reset`).
    func readerAssigned(
        _ partitions: [(TopicPartition, Int64?)], _ start: @escaping ([(TopicPartition, Int64?)]) -> Void)
    /// Drop what is not on its way: it is for somebody else now.
    func readerLost(_ partitions: [TopicPartition])
    /// Offsets were committed. `isLast`: before it leaves the group at a stop, also when nothing was left to commit.
    func readerCommitted(isLast: Bool)
}
extension GroupReaderOwner {
    func readerCommitted(isLast: Bool) {}
}

/// A member of a consumer group, on behalf of a source or a channel: reads, and commits what is done, as its ``OffsetLedger``
/// says. Partitions that the group takes away are given up when what is open of them is answered and committed, so that the
/// next owner begins exactly there; for a limited time, above which their events come twice. A client that is of no use any
/// more is replaced.
final class GroupReader: ConsumerOwner {
    private struct Revocation {
        var partitions: [TopicPartition]
        var done: () -> Void
        var timer: TimerID
    }
    private static let commitInterval = Duration.milliseconds(100)
    /// How long the group waits for what is open.
    private static let revocationLimit = Duration.seconds(30)

    weak var owner: (any GroupReaderOwner)?
    /// Who changes it calls ``settled()`` then.
    var ledger = OffsetLedger()
    private(set) var health = Health.starting
    private let group: String
    private let topics: [String]
    private let pattern: String?
    private let settings: () throws(TailraceError) -> [String: String]
    private let environment: Environment
    private var consumer: (any ConsumerClient)?
    private var isMember = false
    private var revocations: [Revocation] = []
    private var commitTimer: TimerID?
    private var lastCommit: Instant?
    private var isCommitting = false
    private var failures = 0
    private var trouble = TroubleLog()
    private var commitTrouble = TroubleLog()
    private var isLeaving = false
    private(set) var isStopping = false
    private var stopped: (() -> Void)?
    private let records: Counter, commits: Counter, rebalances: Counter

    init(
        group: String, topics: [String], pattern: String?, _ environment: Environment,
        settings: @escaping () throws(TailraceError) -> [String: String]
    ) {
        (self.group, self.topics, self.pattern) = (group, topics, pattern)
        (self.environment, self.settings) = (environment, settings)
        records = environment.counter("kafka_records_total")
        commits = environment.counter("kafka_commits_total")
        rebalances = environment.counter("kafka_rebalances_total")
        environment.gauge("assigned_partitions") { [weak self] in self?.ledger.partitions.count ?? 0 }
    }

    // MARK: Start and stop

    /// Makes the client: fails when it refuses a setting. No broker need be there.
    func start() throws(TailraceError) {
        do throws(TailraceError) {
            try makeConsumer()
            health = .ok
        } catch {
            health = .failed(error.named(environment.component))
            throw error.named(environment.component)
        }
    }
    private func makeConsumer() throws(TailraceError) {
        let made = try environment.broker.makeConsumer(try settings(), self)
        consumer = made
        guard isMember else { return }
        do throws(TailraceError) {
            try subscribe(made)
        } catch {
            consumer = nil
            made.close {}
            throw error
        }
        owner?.readerHasRecords()
    }
    private func subscribe(_ client: any ConsumerClient) throws(TailraceError) {
        try client.subscribe(pattern == nil ? topics : [], pattern: pattern)
    }
    /// Becomes a member of the group: records come from then on.
    func join() throws(TailraceError) {
        guard !isMember, let consumer else { return }
        isMember = true
        try subscribe(consumer)
    }

    /// Reads no more; commits what is answered until shortly before `deadline`, and leaves the group.
    func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        (isStopping, stopped) = (true, done)
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
        let close = {
            self.owner?.readerCommitted(isLast: true)
            client.close { self.end() }
        }
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
        if let commitTimer { environment.loop.cancel(commitTimer) }
        stopped()
    }

    // MARK: Reading

    /// nil: nothing there now, or no client; `readerHasRecords` follows.
    func poll(upTo limit: BatchSize) -> ConsumedBatch? {
        guard !isStopping, let batch = consumer?.poll(upTo: limit) else { return nil }
        records.add(batch.offsets.count)
        failures = 0
        if trouble.ended(environment.loop.now) {
            health = .ok
            environment.log(.info, "reads from Kafka again")
        }
        return batch
    }
    func clientHasRecords() { owner?.readerHasRecords() }

    /// The owner cannot go on for a reason of its own, until ``poll(upTo:)`` works again.
    func degrade(_ error: TailraceError) { health = .degraded(error.named(environment.component)) }

    // MARK: Commits

    /// Tickets were answered.
    func settled() {
        advanceRevocations()
        commitSoon()
        leaveIfQuiet()
    }

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
            settled()
        }
    }
    private func committed(_ offsets: [(TopicPartition, Int64)], _ result: Result<Void, TailraceError>) {
        switch result {
        case .success:
            ledger.commit(offsets)
            commits.add(1)
            if !isLeaving { owner?.readerCommitted(isLast: false) }
            _ = commitTrouble.ended(environment.loop.now)
        case .failure(let error):
            guard commitTrouble.began(error, environment.loop.now) else { return }
            environment.log(.warning, "offsets were not committed; after a crash their events come again. \(error)")
        }
    }

    // MARK: The group

    func assigned(_ partitions: [(TopicPartition, Int64?)], _ start: @escaping ([(TopicPartition, Int64?)]) -> Void) {
        rebalances.add(1)
        for (partition, group) in partitions { ledger.assign(partition, committed: group) }
        environment.log(
            .info, "the group \(group) gave \(partitions.count) partitions; \(ledger.partitions.count) in all")
        owner?.readerAssigned(partitions) { [weak self] starts in
            start(starts)
            self?.owner?.readerHasRecords()
        }
    }

    func revoked(_ partitions: [TopicPartition], mayCommit: Bool, _ done: @escaping () -> Void) {
        rebalances.add(1)
        environment.log(.info, "the group \(group) took \(partitions.count) partitions back")
        ledger.revoke(partitions)
        owner?.readerLost(partitions)
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
            .warning, "open events were not answered within \(Self.revocationLimit.text); they come again at the next member")
        finish(revocations.remove(at: index))
    }
    private func finish(_ revocation: Revocation) {
        environment.loop.cancel(revocation.timer)
        commit(ledger.due(among: revocation.partitions)) { [weak self] in
            self?.ledger.remove(revocation.partitions)
            revocation.done()
        }
    }

    // MARK: Trouble

    /// A fatal one is answered by a new client; the others are for the log.
    func failed(_ error: TailraceError) {
        let error = error.named(environment.component)
        health = .degraded(error)
        if trouble.began(error, environment.loop.now) { environment.log(.warning, "\(error)") }
        guard error.code == "kafka.fatal", let client = consumer else { return }
        consumer = nil
        owner?.readerLost(ledger.partitions)
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
