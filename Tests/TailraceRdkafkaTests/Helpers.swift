import TailraceCore
import TailraceIO
import TailraceRdkafka
import Testing

/// One loop, one embedded broker (or the address of another), and the seam on it.
final class KafkaWorld {
    let loop: EpollLoop
    let log = TestLog()
    let broker: RdkafkaBroker
    let embedded: EmbeddedBroker?
    let bootstraps: String
    var failures: [TailraceError] = []

    init(brokers: Int = 1) throws {
        let embedded = try EmbeddedBroker(brokers: brokers)
        (self.embedded, bootstraps) = (embedded, embedded.bootstraps)
        loop = try EpollLoop()
        broker = RdkafkaBroker(loop, log)
    }
    init(bootstraps: String) throws {
        (embedded, self.bootstraps) = (nil, bootstraps)
        loop = try EpollLoop()
        broker = RdkafkaBroker(loop, log)
    }

    func makeProducer(_ settings: [String: String] = [:]) throws -> any ProducerClient {
        try broker.makeProducer(["bootstrap.servers": bootstraps].merging(settings) { $1 }) { [weak self] in
            self?.failures.append($0)
        }
    }
    func makeConsumer(_ owner: TestOwner, group: String, _ settings: [String: String] = [:]) throws -> any ConsumerClient {
        // The embedded broker's rebalances take a second less than the session; a first join takes three. A real one allows
        // no session below six.
        let defaults = [
            "bootstrap.servers": bootstraps, "group.id": group, "auto.offset.reset": "earliest",
            "session.timeout.ms": embedded == nil ? "6000" : "3500",
            "heartbeat.interval.ms": "100",
        ]
        let client = try broker.makeConsumer(defaults.merging(settings) { $1 }, owner)
        owner.client = client
        return client
    }
    func close(_ client: any ProducerClient) async -> Bool {
        var isClosed = false
        client.close { isClosed = true }
        return await loop.run { isClosed }
    }
    func close(_ client: any ConsumerClient) async -> Bool {
        var isClosed = false
        client.close { isClosed = true }
        return await loop.run { isClosed }
    }

    /// Produces and waits for the result.
    func deliver(_ records: RecordSet, by producer: any ProducerClient) async -> ProduceResult? {
        var result: ProduceResult?
        guard producer.produce(records, { result = $0 }) else { return nil }
        _ = await loop.run { result != nil }
        return result
    }
}

/// Reads all that it gets, from where the group stands.
final class TestOwner: ConsumerOwner {
    var client: (any ConsumerClient)?
    var assigned: Set<TopicPartition> = []
    var committed: [TopicPartition: Int64] = [:]
    var batches: [ConsumedBatch] = []
    var failures: [TailraceError] = []
    var rebalances: [String] = []
    var signals = 0
    var limit = BatchSize(events: 1000, bytes: 1 << 20)
    /// Whether records are taken at once.
    var isEager = true
    /// What a revocation does before it lets go.
    var beforeRevocation: (([TopicPartition], Bool, @escaping () -> Void) -> Void)?

    var events: Int { batches.reduce(0) { $0 + $1.events.count } }
    var bodies: [Bytes] { batches.flatMap { batch in (0..<batch.events.count).map { batch.events[$0].body } } }

    func clientHasRecords() {
        signals += 1
        if isEager { take() }
    }
    func take() {
        while let batch = client?.poll(upTo: limit) { batches.append(batch) }
    }
    func assigned(_ partitions: [(TopicPartition, Int64?)], _ start: @escaping ([(TopicPartition, Int64?)]) -> Void) {
        rebalances.append("+\(partitions.count)")
        assigned.formUnion(partitions.map(\.0))
        for (partition, offset) in partitions { committed[partition] = offset }
        start(partitions)
        if isEager { take() }
    }
    func revoked(_ partitions: [TopicPartition], mayCommit: Bool, _ done: @escaping () -> Void) {
        rebalances.append("-\(partitions.count)")
        assigned.subtract(partitions)
        if let beforeRevocation { beforeRevocation(partitions, mayCommit, done) } else { done() }
    }
    func failed(_ error: TailraceError) { failures.append(error) }

    /// The offsets behind everything that was read of these partitions.
    func positions(of partitions: some Sequence<TopicPartition>) -> [(TopicPartition, Int64)] {
        partitions.compactMap { partition in
            batches.last { $0.partition == partition }.map { (partition, $0.offsets.last! + 1) }
        }
    }
}

extension EpollLoop {
    /// True when the condition came to hold, false at the time limit. Other tests have their turns in between: a consumer
    /// group of the embedded broker takes seconds to form, and all tests wait for theirs together.
    func run(limit: Duration = .seconds(30), until isDone: () -> Bool) async -> Bool {
        turn(waitingAtMost: .zero)
        let end = now + limit
        while !isDone() {
            guard now < end else { return false }
            turn(waitingAtMost: .milliseconds(1))
            await Task.yield()
        }
        return true
    }

    /// For a fixed time, to show that nothing happens in it.
    func run(for time: Duration) async { _ = await run(limit: time) { false } }
}

final class TestLog: Log {
    private(set) var lines: [(level: LogLevel, text: String)] = []
    func write(_ level: LogLevel, _ component: String, _ text: @autoclosure () -> String) {
        lines.append((level, "\(component): \(text())"))
    }
}

/// Numbered lines, so that each is different.
func makeBatch(_ range: Range<Int>, stream: UInt64 = 7, padding: Int = 0) -> EventBatch {
    var builder = EventBatchBuilder()
    let tail = String(repeating: "x", count: padding)
    for number in range { builder.append("line \(number) \(tail)".utf8) }
    return builder.finish().numbered(StreamID(value: stream), from: UInt64(range.lowerBound))
}

extension ProduceResult {
    var confirmedCount: Int { confirmed.reduce(0) { $0 + $1.count } }
}
