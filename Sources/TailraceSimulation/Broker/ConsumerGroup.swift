import TailraceCore

/// A group as its coordinator sees it: members, who has which partition, what was committed. Each change revokes everything,
/// waits for all who had something, and assigns anew (the eager protocol).
final class ConsumerGroup {
    let name: String
    private unowned let cluster: SimulatedBroker
    var committed: [TopicPartition: Int64] = [:]
    private var members: [SimulatedConsumer] = []
    private var waiting: Set<Int> = []
    private var isRebalancing = false
    private var isPlanned = false
    private(set) var generation = 0

    init(_ name: String, _ cluster: SimulatedBroker) { (self.name, self.cluster) = (name, cluster) }

    func join(_ member: SimulatedConsumer) {
        guard !members.contains(where: { $0 === member }) else { return plan() }
        members.append(member)
        plan()
    }
    /// It left, or was silent for longer than its session.
    func remove(_ member: SimulatedConsumer) {
        guard members.contains(where: { $0 === member }) else { return }
        members.removeAll { $0 === member }
        waiting.remove(member.number)
        if isRebalancing { finishIfReady() } else { plan() }
    }
    func topicsChanged() { if !members.isEmpty { plan() } }
    func isMember(_ member: SimulatedConsumer) -> Bool { members.contains { $0 === member } }
    func end() { members = [] }

    /// A moment later, so that those who come together are assigned together.
    private func plan() {
        guard !isPlanned else { return }
        isPlanned = true
        cluster.timeline.after(.milliseconds(100)) { [weak self] in self?.begin() }
    }
    private func begin() {
        isPlanned = false
        guard !isRebalancing else { return plan() }
        isRebalancing = true
        generation += 1
        cluster.timeline.note("rebalance", name, generation, members.count)
        waiting = Set(members.filter { !$0.owned.isEmpty }.map(\.number))
        let round = generation
        for member in members where !member.owned.isEmpty {
            member.revoke(mayCommit: true) { [weak self] in
                guard let self, round == generation, waiting.remove(member.number) != nil else { return }
                finishIfReady()
            }
        }
        // Who does not answer is out.
        cluster.timeline.after(.seconds(60)) { [weak self] in
            guard let self, round == generation, isRebalancing else { return }
            for member in members where waiting.contains(member.number) { member.kicked() }
        }
        finishIfReady()
    }
    private func finishIfReady() {
        guard isRebalancing, waiting.isEmpty else { return }
        isRebalancing = false
        var shares: [Int: [TopicPartition]] = [:], turn = 0
        for topic in cluster.topicNames {
            let wanting = members.filter { $0.wants(topic) }
            guard !wanting.isEmpty, let count = cluster.partitions(of: topic, creating: false) else { continue }
            for partition in 0..<Int32(count) {
                shares[wanting[turn % wanting.count].number, default: []].append(
                    TopicPartition(topic: topic, partition: partition))
                turn += 1
            }
        }
        for member in members {
            let share = shares[member.number] ?? []
            if !share.isEmpty { member.assign(share.map { ($0, committed[$0]) }) }
        }
    }
}
