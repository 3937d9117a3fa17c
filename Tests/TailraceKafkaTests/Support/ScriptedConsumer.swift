import TailraceCore

final class ScriptedConsumer: ConsumerClient {
    let settings: [String: String]
    private(set) var topics: [String] = []
    private(set) var pattern: String?
    private(set) var started: [(TopicPartition, Int64?)] = []
    private(set) var committed: [TopicPartition: Int64] = [:]
    private(set) var commits: [[(TopicPartition, Int64)]] = []
    private(set) var paused: Set<TopicPartition> = []
    private(set) var isClosed = false
    private(set) var polls = 0
    var queue: [ConsumedBatch] = []
    var commitError: TailraceError?
    /// The test answers commits itself.
    var holdsCommits = false
    private(set) var heldCommits: [Completion] = []
    private(set) weak var owner: (any ConsumerOwner)?
    private let broker: ScriptedBroker
    private var wantsSignal = true

    init(_ broker: ScriptedBroker, _ settings: [String: String], _ owner: any ConsumerOwner) {
        (self.broker, self.settings, self.owner) = (broker, settings, owner)
    }

    func subscribe(_ topics: [String], pattern: String?) throws(TailraceError) {
        (self.topics, self.pattern) = (topics, pattern)
    }
    func poll(upTo limit: BatchSize) -> ConsumedBatch? {
        polls += 1
        guard let index = queue.firstIndex(where: { !paused.contains($0.partition) }) else {
            wantsSignal = true
            return nil
        }
        precondition(queue[index].events.count <= limit.events, "the test queues batches that fit")
        return queue.remove(at: index)
    }
    func add(_ batch: ConsumedBatch) {
        queue.append(batch)
        signal()
    }
    private func signal() {
        guard wantsSignal, !queue.isEmpty else { return }
        wantsSignal = false
        broker.loop.enqueue { self.owner?.clientHasRecords() }
    }
    func pause(_ partitions: [TopicPartition]) { paused.formUnion(partitions) }
    func resume(_ partitions: [TopicPartition]) {
        paused.subtract(partitions)
        signal()
    }
    func commit(_ offsets: [(TopicPartition, Int64)], _ done: @escaping Completion) {
        commits.append(offsets)
        if holdsCommits { return heldCommits.append(done) }
        let error = commitError
        if error == nil { for (partition, offset) in offsets { committed[partition] = offset } }
        broker.loop.enqueue { done(error.map { .failure($0) } ?? .success(())) }
    }
    func answerCommits() {
        let held = heldCommits
        heldCommits = []
        for done in held { broker.loop.enqueue { done(.success(())) } }
    }
    func close(_ done: @escaping () -> Void) {
        isClosed = true
        broker.loop.enqueue { done() }
    }

    func assign(_ partitions: [(TopicPartition, Int64?)]) {
        broker.loop.enqueue { self.owner?.assigned(partitions) { self.started += $0 } }
    }
    func revoke(_ partitions: [TopicPartition], mayCommit: Bool = true, _ done: @escaping () -> Void) {
        broker.loop.enqueue { self.owner?.revoked(partitions, mayCommit: mayCommit, done) }
    }
    func fail(_ error: TailraceError) { broker.loop.enqueue { self.owner?.failed(error) } }
}
