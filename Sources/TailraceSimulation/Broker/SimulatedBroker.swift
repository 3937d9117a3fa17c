package import TailraceCore

/// A record as the broker has it, for tests to read.
package struct StoredRecord: Sendable {
    package var partition: TopicPartition
    package var offset: Int64
    package var value: Bytes
    package var key: Bytes?
    package var headers: [RecordHeader]
    package var timestamp: WallTime?
    /// What the header ``RecordSet/identityHeaderName`` says.
    package var identity: (stream: StreamID, sequence: UInt64)? {
        guard let bytes = headers.last(where: { $0.name == RecordSet.identityHeaderName })?.value, bytes.count == 16 else {
            return nil
        }
        func number(_ part: Bytes) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        return (StreamID(value: number(bytes.prefix(8))), number(bytes.suffix(8)))
    }
}

/// A Kafka cluster: topics, their records, consumer groups. Records that it has are never lost; what a producer is told of
/// them depends on the network, on the faults of the world, and on what a test sets here.
///
/// In partitions of the network it is the host ``host``: `world.partition(edge.name, world.broker.host)`.
package final class SimulatedBroker {
    struct Log {
        var records: [StoredRecord] = []
        var hasLeader = true
    }
    package let host = "kafka"
    let timeline: Timeline
    let fabric: Fabric
    private(set) var random: SeededRandom
    private var topics: [String: [Log]] = [:]
    private var groups: [String: ConsumerGroup] = [:]
    private var readers: [Int: () -> Void] = [:]
    private var senders: [Int: () -> Void] = [:]
    private var nextNumber = 0
    /// Down: nothing is answered, and nothing is lost.
    package var isUp = true { didSet { changed() } }
    /// A record larger than this is rejected.
    package var largestRecord = 1_000_000
    /// A topic that is used first is made with ``partitionCount`` partitions; else it does not exist.
    package var createsTopics = true
    package var partitionCount = 4
    /// Refuses single records for good: the reason, or nil.
    package var rejects: ((StoredRecord) -> String?)?

    init(_ timeline: Timeline, _ fabric: Fabric) {
        (self.timeline, self.fabric) = (timeline, fabric)
        random = timeline.random("broker")
    }

    // MARK: Topics

    package func createTopic(_ name: String, partitions: Int) {
        precondition(topics[name] == nil && partitions > 0)
        topics[name] = Array(repeating: Log(), count: partitions)
        for name in groups.keys.sorted() { groups[name]!.topicsChanged() }
    }
    /// nil: there is none of that name, and none is made.
    func partitions(of topic: String, creating: Bool) -> Int? {
        if let topic = topics[topic] { return topic.count }
        guard creating, createsTopics else { return nil }
        createTopic(topic, partitions: partitionCount)
        return partitionCount
    }
    package var topicNames: [String] { topics.keys.sorted() }

    /// Without a leader, what is for the partition waits.
    package func setLeader(of partition: TopicPartition, _ hasLeader: Bool) {
        timeline.note(hasLeader ? "leader" : "no leader", partition.description)
        topics[partition.topic]![Int(partition.partition)].hasLeader = hasLeader
        changed()
    }
    func hasLeader(_ partition: TopicPartition) -> Bool {
        topics[partition.topic].map { $0[Int(partition.partition)].hasLeader } ?? false
    }

    // MARK: Records

    /// Of one partition, by offset.
    package func records(of partition: TopicPartition) -> [StoredRecord] {
        topics[partition.topic].map { $0[Int(partition.partition)].records } ?? []
    }
    /// Of all partitions, one after the other.
    package func records(_ topic: String) -> [StoredRecord] { topics[topic].map { $0.flatMap(\.records) } ?? [] }

    func end(of partition: TopicPartition) -> Int64 {
        topics[partition.topic].map { Int64($0[Int(partition.partition)].records.count) } ?? 0
    }
    func record(_ partition: TopicPartition, _ offset: Int64) -> StoredRecord {
        topics[partition.topic]![Int(partition.partition)].records[Int(offset)]
    }
    /// Also for tests: what other producers write.
    @discardableResult
    package func append(_ record: StoredRecord) -> Int64 {
        _ = partitions(of: record.partition.topic, creating: true)
        let offset = end(of: record.partition)
        var record = record
        record.offset = offset
        // The broker has its own memory; that of whoever sent it is free again.
        record.value = Bytes(copying: record.value)
        topics[record.partition.topic]![Int(record.partition.partition)].records.append(record)
        return offset
    }
    package func append(_ topic: String, partition: Int32 = 0, _ value: String, key: String? = nil) {
        append(
            StoredRecord(
                partition: TopicPartition(topic: topic, partition: partition), offset: 0, value: Bytes(value),
                key: key.map { Bytes($0) }, headers: [], timestamp: nil))
        appended()
    }

    // MARK: Who is to know

    /// `look`: after records were appended, or something came back or went.
    func addReader(_ look: @escaping () -> Void) -> Int {
        defer { nextNumber += 1 }
        readers[nextNumber] = look
        return nextNumber
    }
    /// `look`: after something came back or went.
    func addSender(_ look: @escaping () -> Void) -> Int {
        defer { nextNumber += 1 }
        senders[nextNumber] = look
        return nextNumber
    }
    func remove(_ number: Int) { (readers[number], senders[number]) = (nil, nil) }
    func appended() { for number in readers.keys.sorted() { readers[number]?() } }
    func changed() {
        for number in senders.keys.sorted() { senders[number]?() }
        appended()
    }
    /// Whether a host gets through to it.
    func isReachable(from host: String) -> Bool { isUp && !fabric.isCut(host, self.host) }

    // MARK: Groups

    func group(_ name: String) -> ConsumerGroup {
        if let group = groups[name] { return group }
        let group = ConsumerGroup(name, self)
        groups[name] = group
        return group
    }
    /// What a group has committed: the offset of the next record to read.
    package func committed(_ group: String, _ partition: TopicPartition) -> Int64? {
        groups[group]?.committed[partition]
    }
    /// As an administrator resets them; the group must be empty.
    package func setCommitted(_ group: String, _ partition: TopicPartition, _ offset: Int64?) {
        self.group(group).committed[partition] = offset
    }

    func end() {
        (readers, senders) = ([:], [:])
        for name in groups.keys.sorted() { groups[name]!.end() }
    }
}

/// The Kafka client library as one process has it.
final class SimulatedClients: Broker {
    private let host: String
    private let cluster: SimulatedBroker
    private let loop: SimulatedLoop
    private var random: SeededRandom
    private var producers: [Weak<SimulatedProducer>] = []
    private var consumers: [Weak<SimulatedConsumer>] = []
    private var count = 0

    struct Weak<Object: AnyObject> { weak var object: Object? }

    init(_ host: String, _ cluster: SimulatedBroker, _ loop: SimulatedLoop, _ random: SeededRandom) {
        (self.host, self.cluster, self.loop, self.random) = (host, cluster, loop, random)
    }

    /// librdkafka's names are lower case with dots and underscores.
    private static func check(_ settings: [String: String]) throws(TailraceError) {
        let wrong = settings.keys.sorted().filter { name in
            name.isEmpty || !name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 46 || $0 == 95 }
        }
        guard !wrong.isEmpty else { return }
        throw TailraceError(
            code: "kafka.settings", message: wrong.map { "No such configuration property: \"\($0)\"" }.joined(separator: "; "),
            fix: "correct the setting; librdkafka's CONFIGURATION.md lists names, ranges and values.")
    }

    func makeProducer(
        _ settings: [String: String], failed: @escaping (TailraceError) -> Void
    ) throws(TailraceError) -> any ProducerClient {
        try Self.check(settings)
        let producer = SimulatedProducer(settings, host, cluster, loop, random.split("producer \(count)"), failed)
        count += 1
        producers.removeAll { $0.object == nil }
        producers.append(Weak(object: producer))
        return producer
    }
    func makeConsumer(_ settings: [String: String], _ owner: any ConsumerOwner) throws(TailraceError) -> any ConsumerClient {
        try Self.check(settings)
        guard let group = settings["group.id"], !group.isEmpty else {
            throw TailraceError(code: "kafka.settings", message: "group.id is missing", fix: "set the consumer group's name.")
        }
        let consumer = SimulatedConsumer(
            settings, host, cluster, cluster.group(group), loop, random.split("consumer \(count)"), owner)
        count += 1
        consumers.removeAll { $0.object == nil }
        consumers.append(Weak(object: consumer))
        return consumer
    }

    /// The process is stopped for a while: its heartbeats stop too.
    func paused(for time: Duration) { for consumer in consumers { consumer.object?.silent(for: time) } }
    func end() {
        for producer in producers { producer.object?.die() }
        for consumer in consumers { consumer.object?.die() }
        (producers, consumers) = ([], [])
    }
}
