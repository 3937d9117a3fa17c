package import TailraceCore

/// Reads topics as a member of a group. Bodies are the records' values, uncopied. An offset is committed when everything before
/// it is safe in the sense of the channels (see ``GroupReader``).
///
/// It reads while the output has slots, and stops reading when it has none; the client goes on being a member meanwhile.
package final class KafkaSource: DeclaredSource, GroupReaderOwner {
    /// That waits to be begun.
    private struct Assignment {
        var partitions: [(TopicPartition, Int64?)]
        var start: ([(TopicPartition, Int64?)]) -> Void
        var timer: TimerID?
    }
    /// How long it waits at most; then events are read twice.
    private static let settleLimit = Duration.seconds(30)
    /// Longer waiting for a fuller batch brings nothing.
    private static let longestGathering = Duration.milliseconds(10)
    private static let batchesPerTurn = 16
    /// After a commit behind which nothing came.
    private static let tellDelay = Duration.seconds(1)

    package var name: String { environment.component }
    package var health: Health { reader.health }

    private let configuration: KafkaSourceConfiguration
    private let output: SourceOutput
    private let environment: Environment
    private let maker: ConsumedEvents
    private let reader: GroupReader
    private let unreadable: UnreadableRecords
    private let gathering: Duration
    /// Read, with records that cannot be read; goes on when their dead letters are synced.
    private var held: (partition: TopicPartition, number: UInt64)?
    private var heldCount: UInt64 = 0
    private var assignment: Assignment?
    /// Batches that the channels have not answered, of this assignment and of earlier ones.
    private var onWay: [TopicPartition: Int] = [:]
    private var lastDrained: Instant?
    private var pumpTimer: TimerID?
    private var tellTimer: TimerID?
    private let leftOut: Counter

    package init(
        _ configuration: KafkaSourceConfiguration, _ output: SourceOutput, _ environment: Environment
    ) throws(TailraceError) {
        (self.configuration, self.output, self.environment) = (configuration, output, environment)
        maker = ConsumedEvents(
            .init(
                isDatum: configuration.useFlumeEventFormat,
                topicHeader: configuration.setTopicHeader ? configuration.topicHeader : nil, addsPlace: true,
                recordHeaders: configuration.recordHeaders))
        reader = GroupReader(
            group: configuration.group, topics: configuration.topics, pattern: configuration.pattern, environment
        ) { () throws(TailraceError) in try configuration.consumerSettings() }
        unreadable = UnreadableRecords(
            DeadLetterFile(DeadLetterFile.path(configuration.deadLetterFile, environment), environment), environment)
        gathering = min(.milliseconds(configuration.batchDurationMillis), Self.longestGathering)
        leftOut = environment.counter("headers_left_out_total")
        reader.owner = self
        unreadable.failed = { [weak self] in self?.reader.degrade($0) }
    }

    // MARK: Start and stop

    /// Fails when the client refuses a setting. No broker need be there.
    package func start(_ done: @escaping Completion) {
        var result: Result<Void, TailraceError> = .success(())
        do throws(TailraceError) {
            try reader.start()
            try reader.join()
            pump()
        } catch { result = .failure(error) }
        environment.loop.enqueue { [result] in done(result) }
    }
    /// Reads no more; commits what becomes safe, until shortly before `deadline`, and leaves the group.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        held = nil
        for timer in [pumpTimer, tellTimer, assignment?.timer] { if let timer { environment.loop.cancel(timer) } }
        assignment = nil
        reader.stop(by: deadline) { [self] in
            unreadable.close()
            done()
        }
    }

    // MARK: Reading

    package func outputHasRoom() { pump() }

    /// Soon after the last time, others may come to fill the batch.
    func readerHasRecords() {
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
            guard !reader.isStopping, held == nil, output.openSlots > 0 else { return }
            guard let batch = reader.poll(upTo: limit) else {
                lastDrained = environment.loop.now
                return
            }
            take(batch)
        }
        environment.loop.enqueue { [weak self] in self?.pump() }
    }

    private func take(_ batch: ConsumedBatch) {
        let made = maker.make(batch)
        if made.headersLeftOut > 0 { leftOut.add(made.headersLeftOut) }
        if made.bad.isEmpty { return submit(batch, made) }
        heldCount += 1
        let number = heldCount
        held = (batch.partition, number)
        // Nothing more is read until they are written: no offset passes a record that is nowhere.
        unreadable.write(batch, made.bad) { [weak self] in
            guard let self, held?.number == number else { return }
            held = nil
            submit(batch, made)
            pump()
        }
    }

    private func submit(_ batch: ConsumedBatch, _ made: ConsumedEvents.Made) {
        guard let first = batch.offsets.first, let last = batch.offsets.last,
            let ticket = reader.ledger.read(batch.partition, first..<last + 1)
        else { return }
        reader.ledger.open(ticket)
        let partition = batch.partition
        onWay[partition, default: 0] += 1
        let position = PartitionPosition(next: last + 1, committed: reader.ledger.committed(batch.partition))
        let key = PartitionPosition.key(name, configuration.group, batch.partition)
        let events = EventBatch(
            batch.events.storage.buffer, made.bodies, shared: made.shared, eventHeaders: made.headers,
            positions: [SourceMark(key: key, position: position.position)])
        output.submit(events) { [weak self] result in
            guard let self else { return }
            let left = onWay[partition]! - 1
            onWay[partition] = left == 0 ? nil : left
            if case .success = result {
                reader.ledger.answer(ticket, isSafe: true)
            } else {
                reader.ledger.answer(ticket, isSafe: false)
            }
            reader.settled()
            beginIfSettled()
        }
    }

    // MARK: Commits

    func readerCommitted(isLast: Bool) {
        if isLast { return tellCommitted() }
        guard tellTimer == nil else { return }
        tellTimer = environment.loop.schedule(at: environment.loop.now + Self.tellDelay) { [weak self] in
            self?.tellTimer = nil
            self?.tellCommitted()
        }
    }
    /// A record with nothing but positions: what was committed behind the last events. Without it nobody could see that a person
    /// set the group back to between the last two commits. The next batch would bring it, too.
    private func tellCommitted() {
        guard output.openSlots > 0, output.channels.allSatisfy(\.isDurable) else { return }
        let marks = reader.ledger.untold().map { partition, offset in
            SourceMark(
                key: PartitionPosition.key(name, configuration.group, partition),
                position: PartitionPosition(next: offset, committed: offset).position)
        }
        if !marks.isEmpty { output.submit(EventBatch(.empty, [], positions: marks)) { _ in } }
    }

    // MARK: The group

    /// Where durable channels have the position, it is asked for when they have answered for all that an earlier assignment has
    /// on its way: else its events would be read again.
    func readerAssigned(
        _ partitions: [(TopicPartition, Int64?)], _ start: @escaping ([(TopicPartition, Int64?)]) -> Void
    ) {
        begin()
        assignment = Assignment(partitions: partitions, start: start)
        guard output.channels.allSatisfy(\.isDurable) else { return begin() }
        beginIfSettled()
        guard assignment != nil else { return }
        assignment?.timer = environment.loop.schedule(at: environment.loop.now + Self.settleLimit) { [weak self] in
            self?.begin()
        }
    }
    private func beginIfSettled() {
        if let assignment, assignment.partitions.allSatisfy({ onWay[$0.0] == nil }) { begin() }
    }
    private func begin() {
        guard let assignment else { return }
        self.assignment = nil
        if let timer = assignment.timer { environment.loop.cancel(timer) }
        let stored = output.positions
        assignment.start(
            assignment.partitions.map { partition, group in
                let own = stored[PartitionPosition.key(name, configuration.group, partition)].flatMap { PartitionPosition($0) }
                if let own, let group, own.isSetBack(to: group) {
                    environment.log(
                        .warning,
                        "\(partition): the group \(configuration.group) was set back to \(group), from \(own.committed ?? 0); "
                            + "it begins there, and not at \(own.next) where the channels are")
                }
                return (partition, PartitionPosition.start(own, group: group))
            })
    }
    func readerLost(_ partitions: [TopicPartition]) {
        begin()
        guard let held, partitions.contains(held.partition) else { return }
        self.held = nil
        environment.loop.enqueue { [weak self] in self?.pump() }
    }
}
