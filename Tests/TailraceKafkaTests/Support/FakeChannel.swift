import TailraceCore

/// A channel of unlimited room whose puts become safe when the test says so.
final class FakeChannel: EventChannel, PutBackend {
    let name = "a.channels.c"
    var health: Health { .ok }
    var isDurable = false
    var largestPut = BatchSize.unlimited
    var keepAlive: Duration { .seconds(3) }
    var room: BatchSize { .unlimited }
    var held: BatchSize { .zero }
    var isFull = false
    var storedPositions: [SourcePositionKey: StoredPosition] = [:]
    /// Confirms each put at once.
    var isPrompt = false
    private(set) var batches: [EventBatch] = []
    private var reserved: [UInt64: EventBatch] = [:]
    private var waiting: [(batch: EventBatch, done: Completion)] = []
    private var nextID: UInt64 = 0
    private weak var waitingProducer: (any ChannelProducer)?
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    var openPuts: Int { waiting.count }
    func start(_ done: @escaping Completion) { loop.enqueue { done(.success(())) } }
    func stop(by deadline: Instant, _ done: @escaping () -> Void) { loop.enqueue { done() } }

    func put(_ batch: EventBatch, _ producer: (any ChannelProducer)?) -> PutTransaction? {
        if isFull {
            waitingProducer = producer
            return nil
        }
        nextID += 1
        reserved[nextID] = batch
        return PutTransaction(id: nextID, isDuplicate: false, self)
    }
    func commitPut(_ id: UInt64, until custody: Custody, _ done: @escaping Completion) {
        let batch = reserved.removeValue(forKey: id)!
        batches.append(batch)
        if isPrompt { return loop.enqueue { done(.success(())) } }
        waiting.append((batch, done))
    }
    func rollbackPut(_ id: UInt64) { reserved[id] = nil }
    /// The oldest open put is safe.
    func confirm(_ count: Int = 1) {
        for _ in 0..<count {
            let first = waiting.removeFirst()
            loop.enqueue { first.done(.success(())) }
        }
    }
    func makeRoom() {
        isFull = false
        let producer = waitingProducer
        loop.enqueue { producer?.channelHasRoom(self) }
    }
    func stopWaiting(_ producer: any ChannelProducer) { waitingProducer = nil }
    func next(_ consumer: any ChannelConsumer) -> BatchHead? { nil }
    func take(upTo limit: BatchSize) -> TakeTransaction? { nil }
    func origin(of source: String) -> (stream: StreamID, next: UInt64) { (StreamID(value: 1), 0) }
    func positions(of source: String) -> [SourcePositionKey: StoredPosition] { storedPositions }
    func forget(_ key: SourcePositionKey) {}
    func remove(_ producer: any ChannelProducer) {}
    func remove(_ consumer: any ChannelConsumer) {}
}

/// Records "<topic>-<partition>@<offset>" from `first` on.
func makeRecords(
    _ partition: TopicPartition, _ count: Int, from first: Int64, time: Int64? = 1000, key: String? = nil,
    headers: [RecordHeader] = [], values: [Bytes]? = nil
) -> ConsumedBatch {
    var builder = EventBatchBuilder()
    for index in 0..<count { builder.append(values?[index] ?? Bytes("\(partition)@\(first + Int64(index))")) }
    return ConsumedBatch(
        partition: partition, events: builder.finish(), offsets: (0..<count).map { first + Int64($0) },
        timestamps: Array(repeating: time.map { WallTime(milliseconds: $0) }, count: count),
        keys: Array(repeating: key.map { Bytes($0) }, count: count), headers: .all(headers))
}
