import TailraceCore

/// A member of a group.
final class SimulatedConsumer: ConsumerClient {
    private struct Reading {
        var partition: TopicPartition
        /// nil until the owner has said where to begin.
        var position: Int64?
        var isPaused = false
    }
    private let host: String
    private let cluster: SimulatedBroker
    private let group: ConsumerGroup
    private let loop: SimulatedLoop
    private let timeline: Timeline
    private var random: SeededRandom
    private weak var owner: (any ConsumerOwner)?
    private let fromBeginning: Bool
    private let session: Duration
    private var topics: [String] = []
    private var pattern: NamePattern?
    private var reading: [Reading] = []
    private var turn = 0
    private var assignment = 0
    private var wantsSignal = false
    private var isSignalling = false
    private var isCheckingSilence = false
    /// Being given back, with the right to commit a last time.
    private var revoking: [TopicPartition] = []
    private var isClosed = false
    private var reader: Int?

    init(
        _ settings: [String: String], _ host: String, _ cluster: SimulatedBroker, _ group: ConsumerGroup,
        _ loop: SimulatedLoop, _ random: SeededRandom, _ owner: any ConsumerOwner
    ) {
        (self.host, self.cluster, self.group, self.loop) = (host, cluster, group, loop)
        (self.random, self.owner, timeline) = (random, owner, cluster.timeline)
        fromBeginning = ["earliest", "beginning", "smallest"].contains(settings["auto.offset.reset"] ?? "")
        session = .milliseconds(settings["session.timeout.ms"].flatMap { Int($0) } ?? 45_000)
        reader = cluster.addReader { [weak self] in self?.changed() }
    }
    deinit { if let reader { cluster.remove(reader) } }

    var number: Int { reader ?? 0 }
    private func changed() {
        if cluster.isReachable(from: host) { signal() } else { checkSilence() }
    }

    var owned: [TopicPartition] { reading.map(\.partition) }
    func wants(_ topic: String) -> Bool { topics.contains(topic) || pattern?.matches(topic) == true }

    func subscribe(_ topics: [String], pattern: String?) throws(TailraceError) {
        if let pattern, !pattern.hasPrefix("^") {
            throw TailraceError(
                code: "kafka.subscribe", message: "\"\(pattern)\" is no topic name and no pattern",
                fix: "use topic names of 1 to 249 letters, digits, '.', '_' and '-', or a pattern that begins with '^'.")
        }
        self.topics = topics
        self.pattern = pattern.map(NamePattern.init)
        join()
    }
    private func join() {
        timeline.after(random.duration(timeline.faults.brokerTime)) { [weak self] in
            guard let self, !isClosed else { return }
            guard cluster.isReachable(from: host) else {
                timeline.after(.milliseconds(500)) { [weak self] in self?.join() }
                return
            }
            group.join(self)
        }
    }

    // MARK: Rebalances

    func assign(_ partitions: [(TopicPartition, Int64?)]) {
        assignment += 1
        let current = assignment
        reading = partitions.map { Reading(partition: $0.0, position: nil) }
        loop.enqueue { [self] in
            guard !isClosed, current == assignment else { return }
            owner?.assigned(partitions) { [weak self] in self?.begin($0, current) }
        }
    }
    private func begin(_ starts: [(TopicPartition, Int64?)], _ current: Int) {
        guard current == assignment, !isClosed else { return }
        for (partition, offset) in starts {
            guard let index = reading.firstIndex(where: { $0.partition == partition }) else { continue }
            reading[index].position =
                offset.map { min(max($0, 0), cluster.end(of: partition)) }
                ?? (fromBeginning ? 0 : cluster.end(of: partition))
        }
        signal()
    }
    func revoke(mayCommit: Bool, _ done: @escaping () -> Void) {
        let partitions = owned
        assignment += 1
        loop.enqueue { [self] in
            reading = []
            guard !isClosed, let owner else { return done() }
            revoking = mayCommit ? partitions : []
            owner.revoked(partitions, mayCommit: mayCommit) { [weak self] in
                guard let self else { return }
                timeline.after(.milliseconds(1)) { [weak self] in
                    self?.revoking = []
                    done()
                }
            }
        }
    }
    /// Out of the group: its partitions are lost, and it comes back.
    func kicked() {
        guard group.isMember(self) else { return }
        timeline.note("kicked", host, number)
        group.remove(self)
        guard !isClosed else { return }
        if owned.isEmpty { return join() }
        revoke(mayCommit: false) { [weak self] in self?.join() }
    }
    /// No heartbeat for so long.
    func silent(for time: Duration) {
        guard time > session else { return }
        timeline.after(session) { [weak self] in self?.kicked() }
    }
    /// The network between it and the broker was cut.
    func checkSilence() {
        guard !isClosed, !isCheckingSilence else { return }
        isCheckingSilence = true
        timeline.after(session) { [weak self] in
            guard let self else { return }
            isCheckingSilence = false
            if !cluster.isReachable(from: host) { kicked() }
        }
    }

    // MARK: Records

    func poll(upTo limit: BatchSize) -> ConsumedBatch? {
        if !isClosed, cluster.isReachable(from: host) {
            for step in 0..<reading.count {
                let at = (turn + step) % reading.count
                guard hasRecords(reading[at]) else { continue }
                turn = at + 1
                return take(at, limit)
            }
        }
        wantsSignal = true
        return nil
    }
    private func hasRecords(_ reading: Reading) -> Bool {
        guard !reading.isPaused, let position = reading.position, cluster.hasLeader(reading.partition) else { return false }
        return position < cluster.end(of: reading.partition)
    }
    private func take(_ at: Int, _ limit: BatchSize) -> ConsumedBatch {
        let partition = reading[at].partition, first = reading[at].position!
        // As many as one fetch happened to bring.
        let most = min(limit.events, Int(cluster.end(of: partition) - first)), count = 1 + random.below(most)
        var builder = EventBatchBuilder(), records: [StoredRecord] = []
        for offset in first..<first + Int64(count) {
            let record = cluster.record(partition, offset)
            if !records.isEmpty, builder.size.bytes + record.value.count > limit.bytes { break }
            builder.append(record.value)
            records.append(record)
        }
        reading[at].position = first + Int64(records.count)
        let headers: Column<[RecordHeader]> =
            records.allSatisfy { $0.headers.isEmpty } ? .all([]) : .each(records.map(\.headers))
        return ConsumedBatch(
            partition: partition, events: builder.finish(), offsets: records.map(\.offset),
            timestamps: records.map(\.timestamp),
            keys: records.map(\.key), headers: headers)
    }

    /// Once after a no, when there is something.
    private func signal() {
        guard wantsSignal, !isSignalling, !isClosed, cluster.isReachable(from: host), reading.contains(where: hasRecords) else {
            return
        }
        isSignalling = true
        timeline.after(random.duration(timeline.faults.brokerTime)) { [weak self] in
            guard let self else { return }
            loop.enqueue { [weak self] in
                guard let self else { return }
                isSignalling = false
                guard wantsSignal, !isClosed, reading.contains(where: hasRecords) else { return }
                wantsSignal = false
                owner?.clientHasRecords()
            }
        }
    }

    func pause(_ partitions: [TopicPartition]) { set(partitions, true) }
    func resume(_ partitions: [TopicPartition]) {
        set(partitions, false)
        signal()
    }
    private func set(_ partitions: [TopicPartition], _ isPaused: Bool) {
        for index in reading.indices where partitions.contains(reading[index].partition) { reading[index].isPaused = isPaused }
    }

    func commit(_ offsets: [(TopicPartition, Int64)], _ done: @escaping Completion) {
        timeline.after(random.duration(timeline.faults.brokerTime)) { [self] in
            let error = TailraceError(
                code: "kafka.commit",
                message: "offsets are not committed: this consumer is not in the group, or cut off from it")
            let mine = owned + revoking
            guard cluster.isReachable(from: host), group.isMember(self), offsets.allSatisfy({ mine.contains($0.0) }) else {
                return loop.enqueue { done(.failure(error)) }
            }
            for (partition, offset) in offsets { group.committed[partition] = offset }
            timeline.note("commit", host + " " + group.name, offsets.count, Int(offsets.first?.1 ?? 0))
            loop.enqueue { done(.success(())) }
        }
    }

    func close(_ done: @escaping () -> Void) {
        isClosed = true
        reading = []
        timeline.after(random.duration(timeline.faults.brokerTime)) { [self] in
            group.remove(self)
            loop.enqueue(done)
        }
    }
    /// The process is gone: the group notices when its session ends.
    func die() {
        isClosed = true
        let member = self
        timeline.after(session) { member.group.remove(member) }
    }
}
