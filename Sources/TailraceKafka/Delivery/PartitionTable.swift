import TailraceCore

/// What is known of the topics' partitions, and which one the next batch without keys goes to: one after another among those
/// that have a leader, each for ``stickyBytes``, so that small batches share a request.
struct PartitionTable {
    static let stickyBytes = 64 << 10
    static let refreshInterval = Duration.seconds(30)
    /// While something is wrong: a topic that is unknown, a partition without a leader.
    static let urgentInterval = Duration.seconds(2)
    /// Forgetting is harmless.
    static let topics = 1_000

    private struct Topic {
        var leaders: [Bool]?
        var askedAt: Instant?
        var isAsking = false
        var current = -1
        var bytes = 0
    }
    private var topics: [String: Topic] = [:]
    private var random: SeededRandom

    init(random: SeededRandom) { self.random = random }

    /// nil: not known yet.
    func count(of topic: String) -> Int? {
        guard let count = topics[topic]?.leaders?.count, count > 0 else { return nil }
        return count
    }
    /// nil: not known.
    func hasLeader(_ partition: TopicPartition) -> Bool? {
        guard let leaders = topics[partition.topic]?.leaders, leaders.indices.contains(Int(partition.partition)) else {
            return nil
        }
        return leaders[Int(partition.partition)]
    }

    /// The partition for a batch without keys; nil leaves the choice to the client: nothing is known, or no leader is there.
    mutating func choose(_ topic: String, bytes: Int) -> Int32? {
        guard var entry = topics[topic], let leaders = entry.leaders, leaders.contains(true) else { return nil }
        // The first choice is drawn, so that many agents do not begin at the same partition.
        if entry.current < 0 { entry.current = Int.random(in: 0..<leaders.count, using: &random) }
        if entry.current >= leaders.count || !leaders[entry.current] || entry.bytes >= Self.stickyBytes {
            repeat { entry.current = (entry.current + 1) % leaders.count } while !leaders[entry.current]
            entry.bytes = 0
        }
        entry.bytes += bytes
        topics[topic] = entry
        return Int32(entry.current)
    }

    /// Whether to ask for the topic's partitions now. True counts as asked: ``learned(_:_:)`` or ``failed(_:)`` follows.
    mutating func isDue(_ topic: String, now: Instant, isUrgent: Bool = false) -> Bool {
        if topics[topic] == nil, topics.count >= Self.topics { topics = [:] }
        var entry = topics[topic] ?? Topic()
        guard !entry.isAsking else { return false }
        let isWhole = entry.leaders?.allSatisfy { $0 } == true && !isUrgent
        let interval = isWhole ? Self.refreshInterval : Self.urgentInterval
        if let asked = entry.askedAt, now - asked < interval { return false }
        (entry.isAsking, entry.askedAt) = (true, now)
        topics[topic] = entry
        return true
    }
    mutating func learned(_ topic: String, _ leaders: [Bool]) {
        guard topics[topic] != nil else { return }
        topics[topic]!.leaders = leaders.isEmpty ? nil : leaders
        topics[topic]!.isAsking = false
    }
    mutating func failed(_ topic: String) { topics[topic]?.isAsking = false }
    /// The client that was asked is gone.
    mutating func forgetQuestions() { for topic in topics.keys { topics[topic]!.isAsking = false } }
}
