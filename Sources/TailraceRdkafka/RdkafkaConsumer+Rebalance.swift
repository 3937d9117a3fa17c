import CRdkafka
import TailraceCore

/// Rebalances in their order, one at a time: the group waits until each was answered by an assignment.
struct RebalanceQueue {
    struct Rebalance {
        var isAssignment: Bool
        var partitions: [TopicPartition]
    }
    private(set) var number = 0
    private(set) var current: Rebalance?
    private var waiting: [Rebalance] = []

    mutating func append(_ rebalance: Rebalance) { waiting.append(rebalance) }
    /// The next one, if none is under way.
    mutating func begin() -> Rebalance? {
        guard current == nil, !waiting.isEmpty else { return nil }
        number += 1
        current = waiting.removeFirst()
        return current
    }
    /// Each is answered once; later answers are ignored.
    mutating func end(_ number: Int) -> Rebalance? {
        guard number == self.number, let ended = current else { return nil }
        current = nil
        return ended
    }
}

extension RdkafkaConsumer {
    /// Of a question for committed offsets, and the time until it is asked again.
    static var committedLimit: Duration { .seconds(5) }
    static var committedPause: Duration { .seconds(1) }

    func takeRebalance(_ event: OpaquePointer) {
        let partitions = PartitionList.partitions(of: rd_kafka_event_topic_partition_list(event))
        switch rd_kafka_event_error(event) {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
            rebalances.append(.init(isAssignment: true, partitions: partitions))
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
            // From now on nothing more of them is handed out.
            let gone = Set(partitions)
            queues.removeAll { gone.contains($0.partition) }
            rebalances.append(.init(isAssignment: false, partitions: partitions))
        case let code:
            // Failed: the group begins again once everything is given back.
            tell(KafkaErrors.client(code, "rebalance"))
            queues = []
            rebalances.append(.init(isAssignment: false, partitions: partitions))
        }
    }

    func advanceRebalances() {
        guard let rebalance = rebalances.begin() else { return }
        guard case .open = phase else { return releaseRebalances() }
        let number = rebalances.number
        if rebalance.isAssignment { return lookUp(number) }
        let mayCommit = rd_kafka_assignment_lost(client.pointer) == 0
        guard let owner else { return unassign(number) }
        owner.revoked(rebalance.partitions, mayCommit: mayCommit) { [weak self] in self?.unassign(number) }
    }

    // MARK: Assigned

    private func lookUp(_ number: Int) {
        guard let partitions = rebalances.current?.partitions, let answers else { return }
        worker.run { [client] in
            answers.post(.committed(rebalance: number, committedOffsets(of: partitions, client, limit: Self.committedLimit)))
        }
    }

    func lookedUp(_ number: Int, _ result: Result<[Int64?], TailraceError>) {
        guard number == rebalances.number, let rebalance = rebalances.current, case .open = phase else { return }
        switch result {
        case .success(let offsets):
            guard let owner else { return }
            owner.assigned(Array(zip(rebalance.partitions, offsets))) { [weak self] in self?.assign(number, $0) }
        case .failure(let error):
            tell(error)
            loop.schedule(at: loop.now + Self.committedPause) { [weak self] in
                guard let self, number == rebalances.number, rebalances.current != nil else { return }
                lookUp(number)
            }
        }
    }

    private func assign(_ number: Int, _ starts: [(TopicPartition, Int64?)]) {
        guard case .open = phase, let rebalance = rebalances.end(number) else { return }
        let offsets = Dictionary(starts, uniquingKeysWith: { $1 })
        for partition in rebalance.partitions {
            if let queue = PartitionQueue(partition, client, wake) { queues.append(queue) }
        }
        apply(PartitionList(rebalance.partitions.map { ($0, offsets[$0] ?? nil) }), isAssignment: true)
        loop.enqueue { [weak self] in self?.serve() }
    }

    // MARK: Revoked

    private func unassign(_ number: Int) {
        guard case .open = phase, let rebalance = rebalances.end(number) else { return }
        apply(PartitionList(rebalance.partitions), isAssignment: false)
        loop.enqueue { [weak self] in self?.serve() }
    }

    /// While closing nobody is asked: librdkafka gets its answers, and the partitions are not read.
    func releaseRebalances() {
        while let rebalance = rebalances.end(rebalances.number) {
            apply(PartitionList(rebalance.partitions), isAssignment: rebalance.isAssignment && isCooperative)
            _ = rebalances.begin()
        }
    }

    private var isCooperative: Bool {
        rd_kafka_rebalance_protocol(client.pointer).map { String(cString: $0) == "COOPERATIVE" } ?? false
    }

    private func apply(_ list: borrowing PartitionList, isAssignment: Bool) {
        if isCooperative {
            let error =
                isAssignment
                ? rd_kafka_incremental_assign(client.pointer, list.pointer)
                : rd_kafka_incremental_unassign(client.pointer, list.pointer)
            if let error { tell(KafkaErrors.client(consuming: error)) }
        } else {
            let code = rd_kafka_assign(client.pointer, isAssignment ? list.pointer : nil)
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { tell(KafkaErrors.client(code, "assigning partitions")) }
        }
    }
}
