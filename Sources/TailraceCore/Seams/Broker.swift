package protocol Broker: AnyObject {
    /// `settings`: librdkafka's names and values. The client is used by one owner; after `failed` (fatal) the owner closes
    /// it and makes a new one. Throws `kafka.settings` for a name or value that the library refuses.
    func makeProducer(
        _ settings: [String: String], failed: @escaping (TailraceError) -> Void
    ) throws(TailraceError) -> any ProducerClient
    func makeConsumer(_ settings: [String: String], _ owner: any ConsumerOwner) throws(TailraceError) -> any ConsumerClient
}

package struct TopicPartition: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var topic: String
    package var partition: Int32
    package init(topic: String, partition: Int32) { (self.topic, self.partition) = (topic, partition) }
    package static func < (a: Self, b: Self) -> Bool { (a.topic, a.partition) < (b.topic, b.partition) }
    package var description: String { "\(topic)-\(partition)" }
}

/// One value for all records, or one for each.
package enum Column<Value: Sendable>: Sendable {
    case all(Value)
    case each([Value])
    package subscript(index: Int) -> Value {
        switch self {
        case .all(let value): value
        case .each(let values): values[index]
        }
    }
}

/// A header of a Kafka record: bytes, unlike an event's.
package struct RecordHeader: Hashable, Sendable {
    package var name: String
    package var value: Bytes
    package init(name: String, value: Bytes) { (self.name, self.value) = (name, value) }
}

/// Records that point into one batch: with `.all` everywhere a record costs the range that the batch has anyway.
package struct RecordSet: Sendable {
    package var batch: EventBatch
    package var topic: Column<String>
    /// nil: by key, or as the client spreads them.
    package var partition: Column<Int32?> = .all(nil)
    package var key: Column<Bytes?> = .all(nil)
    package var headers: Column<[RecordHeader]> = .all([])
    /// Milliseconds since 1970.
    package var timestamp: Column<WallTime?> = .all(nil)
    /// Values, where they are not the bodies.
    package var encoded: [Bytes]? = nil
    /// Each record gets the header ``identityHeaderName``, written by the client from the batch, without Strings.
    package var identityHeader = false

    package init(_ batch: EventBatch, topic: Column<String>) { (self.batch, self.topic) = (batch, topic) }

    /// 16 bytes: stream and sequence number, both big-endian.
    package static let identityHeaderName = "tailrace.id"
}

/// Events of a batch by index: rejected ones never will be accepted, retriable ones may be there or not.
package struct Rejection: Sendable {
    package var events: Range<Int>
    package var error: TailraceError
    package init(events: Range<Int>, error: TailraceError) { (self.events, self.error) = (events, error) }
}

package struct ProduceResult: Sendable {
    /// By index in the record set's batch, ascending, together with `rejected` and `retriable` all of its events.
    package var confirmed: [Range<Int>]
    package var rejected: [Rejection]
    package var retriable: [Rejection]
    package init(confirmed: [Range<Int>], rejected: [Rejection], retriable: [Rejection]) {
        (self.confirmed, self.rejected, self.retriable) = (confirmed, rejected, retriable)
    }
}

package protocol ProducerClient: AnyObject {
    /// All or nothing. False: the queue is full, `hasRoom` follows once. Keeps the batch until its last report; then `done`,
    /// once, in a later turn.
    func produce(_ records: RecordSet, _ done: @escaping (ProduceResult) -> Void) -> Bool
    var hasRoom: (() -> Void)? { get set }
    /// Whether each partition has a leader: nobody pins a batch to one that has none.
    func partitions(of topic: String, _ done: @escaping (Result<[Bool], TailraceError>) -> Void)
    /// Success: everything produced before has its report.
    func flush(by deadline: Instant, _ done: @escaping Completion)
    /// Reports that are missing come as retriable, then `done`.
    func close(_ done: @escaping () -> Void)
}

/// Events of one partition, with what Kafka adds to each.
package struct ConsumedBatch: Sendable {
    package var partition: TopicPartition
    /// Bodies are the values; headers are not in it.
    package var events: EventBatch
    package var offsets: [Int64]
    package var timestamps: [WallTime?]
    package var keys: [Bytes?]
    package var headers: Column<[RecordHeader]>
    package init(
        partition: TopicPartition, events: EventBatch, offsets: [Int64], timestamps: [WallTime?], keys: [Bytes?],
        headers: Column<[RecordHeader]>
    ) {
        (self.partition, self.events, self.offsets, self.timestamps) = (partition, events, offsets, timestamps)
        (self.keys, self.headers) = (keys, headers)
    }
}

package protocol ConsumerClient: AnyObject {
    /// Names and, if given, a pattern (librdkafka's: begins with ^).
    func subscribe(_ topics: [String], pattern: String?) throws(TailraceError)
    /// Records of one partition. nil: nothing there, `clientHasRecords` follows once.
    func poll(upTo limit: BatchSize) -> ConsumedBatch?
    func pause(_ partitions: [TopicPartition])
    func resume(_ partitions: [TopicPartition])
    /// Offsets of the next record to read.
    func commit(_ offsets: [(TopicPartition, Int64)], _ done: @escaping Completion)
    /// Leaves the group; then `done`.
    func close(_ done: @escaping () -> Void)
}

package protocol ConsumerOwner: AnyObject {
    func clientHasRecords()
    /// With what the group has committed. `start`, once: where to begin (nil: by `auto.offset.reset`).
    func assigned(_ partitions: [(TopicPartition, Int64?)], _ start: @escaping ([(TopicPartition, Int64?)]) -> Void)
    /// The group waits for `done`: finish the open puts, commit their offsets (unless they are lost: `mayCommit`), call it.
    func revoked(_ partitions: [TopicPartition], mayCommit: Bool, _ done: @escaping () -> Void)
    /// Not fatal ones too (brokers down …): for the log and for health.
    func failed(_ error: TailraceError)
}
