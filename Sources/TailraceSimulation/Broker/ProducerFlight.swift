import TailraceCore

/// One record set on its way to the broker: what became of each event.
final class ProducerFlight {
    enum Outcome {
        case open, confirmed
        case rejected(TailraceError)
        case retriable(TailraceError)
    }
    let records: RecordSet
    let number: UInt64
    let size: BatchSize
    private(set) var missing: Int
    private var outcomes: [Outcome]
    private let done: (ProduceResult) -> Void

    init(_ records: RecordSet, _ number: UInt64, _ size: BatchSize, _ done: @escaping (ProduceResult) -> Void) {
        (self.records, self.number, self.size, self.done) = (records, number, size, done)
        missing = records.batch.count
        outcomes = Array(repeating: .open, count: records.batch.count)
    }

    func set(_ index: Int, _ outcome: Outcome) {
        guard case .open = outcomes[index] else { return }
        outcomes[index] = outcome
        missing -= 1
    }
    func giveUp(_ error: TailraceError) { for index in outcomes.indices { set(index, .retriable(error)) } }

    func answer() {
        var result = ProduceResult(confirmed: [], rejected: [], retriable: [])
        func add(_ index: Int, _ error: TailraceError, _ list: inout [Rejection]) {
            if let last = list.last, last.events.upperBound == index, last.error == error {
                list[list.count - 1].events = last.events.lowerBound..<index + 1
            } else {
                list.append(Rejection(events: index..<index + 1, error: error))
            }
        }
        for (index, outcome) in outcomes.enumerated() {
            switch outcome {
            case .open: preconditionFailure("answered before the last report")
            case .confirmed:
                if let last = result.confirmed.last, last.upperBound == index {
                    result.confirmed[result.confirmed.count - 1] = last.lowerBound..<index + 1
                } else {
                    result.confirmed.append(index..<index + 1)
                }
            case .rejected(let error): add(index, error, &result.rejected)
            case .retriable(let error): add(index, error, &result.retriable)
            }
        }
        done(result)
    }

    /// As the broker will have it.
    func record(_ index: Int, _ partition: TopicPartition) -> StoredRecord {
        let event = records.batch[index]
        var headers = records.headers[index]
        if records.identityHeader, let identity = records.batch.identity {
            let number = pick([index..<index + 1], of: identity.sequences)[0].lowerBound
            var bytes = BufferBuilder(capacity: 16)
            bytes.append(integer: identity.stream.value.byteSwapped)
            bytes.append(integer: number.byteSwapped)
            headers.append(RecordHeader(name: RecordSet.identityHeaderName, value: bytes.finish()))
        }
        return StoredRecord(
            partition: partition, offset: 0, value: records.encoded?[index] ?? event.body, key: records.key[index],
            headers: headers, timestamp: records.timestamp[index])
    }
}
