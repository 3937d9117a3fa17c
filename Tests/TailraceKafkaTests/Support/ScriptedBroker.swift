import TailraceCore

/// A broker whose answers the test decides.
final class ScriptedBroker: Broker {
    let loop: any EventLoop
    var producers: [ScriptedProducer] = []
    var refusal: TailraceError?
    var leaders: [String: [Bool]] = [:]
    /// nil: the test answers each record set by hand.
    var answer: ((RecordSet) -> ProduceResult?)?
    var consumers: [ScriptedConsumer] = []

    init(_ loop: any EventLoop) { self.loop = loop }

    func makeProducer(
        _ settings: [String: String], failed: @escaping (TailraceError) -> Void
    ) throws(TailraceError) -> any ProducerClient {
        if let refusal { throw refusal }
        let producer = ScriptedProducer(self, settings, failed)
        producers.append(producer)
        return producer
    }
    func makeConsumer(_ settings: [String: String], _ owner: any ConsumerOwner) throws(TailraceError) -> any ConsumerClient {
        if let refusal { throw refusal }
        let consumer = ScriptedConsumer(self, settings, owner)
        consumers.append(consumer)
        return consumer
    }
}

final class ScriptedProducer: ProducerClient {
    struct Open {
        var records: RecordSet
        var done: (ProduceResult) -> Void
    }
    let settings: [String: String]
    var hasRoom: (() -> Void)?
    var isFull = false
    private(set) var open: [Open] = []
    private(set) var produced: [RecordSet] = []
    private(set) var isClosed = false
    private(set) var flushes = 0
    private(set) var partitionQuestions: [String] = []
    private let broker: ScriptedBroker
    private let failed: (TailraceError) -> Void

    init(_ broker: ScriptedBroker, _ settings: [String: String], _ failed: @escaping (TailraceError) -> Void) {
        (self.broker, self.settings, self.failed) = (broker, settings, failed)
    }

    func produce(_ records: RecordSet, _ done: @escaping (ProduceResult) -> Void) -> Bool {
        precondition(!isClosed, "produce after close")
        precondition(records.batch.count > 0, "an empty record set")
        guard !isFull else { return false }
        produced.append(records)
        if let result = broker.answer?(records) {
            broker.loop.enqueue { done(result) }
        } else {
            open.append(Open(records: records, done: done))
        }
        return true
    }
    /// Answers the oldest record set.
    func answer(_ make: (Int) -> ProduceResult) {
        let first = open.removeFirst(), result = make(first.records.batch.count)
        broker.loop.enqueue { first.done(result) }
    }
    func confirm() { answer { .confirmed($0) } }
    func fail(_ error: TailraceError) { broker.loop.enqueue { self.failed(error) } }

    func partitions(of topic: String, _ done: @escaping (Result<[Bool], TailraceError>) -> Void) {
        partitionQuestions.append(topic)
        let leaders = broker.leaders[topic]
        broker.loop.enqueue { done(leaders.map { .success($0) } ?? .failure(.test("unknown-topic"))) }
    }
    func flush(by deadline: Instant, _ done: @escaping Completion) {
        flushes += 1
        broker.loop.enqueue { done(.success(())) }
    }
    func close(_ done: @escaping () -> Void) {
        guard !isClosed else { return }
        isClosed = true
        let rest = open
        open = []
        broker.loop.enqueue {
            for entry in rest {
                let all = 0..<entry.records.batch.count
                entry.done(
                    ProduceResult(confirmed: [], rejected: [], retriable: [Rejection(events: all, error: .test("closed"))]))
            }
            done()
        }
    }
}

extension ProduceResult {
    static func confirmed(_ count: Int) -> ProduceResult {
        ProduceResult(confirmed: [0..<count], rejected: [], retriable: [])
    }
}
extension TailraceError {
    static func test(_ code: String) -> TailraceError { TailraceError(code: "kafka." + code, message: "the test says so") }
}
