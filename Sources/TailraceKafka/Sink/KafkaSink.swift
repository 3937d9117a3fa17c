package import TailraceCore

/// Writes events to Kafka. A take is settled when each of its events is confirmed by the broker, or rejected by it for good and
/// written to the dead letters, synced; it is given back when the sink's limit has passed (see ``RecordDelivery``).
package final class KafkaSink: DeclaredComponent, EventSink {
    /// (A noncopyable value cannot be captured by a closure.)
    private final class OpenTake {
        var take: TakeTransaction?
        init(_ take: consuming TakeTransaction) { self.take = consume take }
    }

    package var name: String { environment.component }
    package var health: Health { delivery.health }
    package weak var observer: (any SinkObserver)?
    package var peer: Endpoint? { nil }
    package let largestTake: BatchSize

    private let environment: Environment
    private let delivery: RecordDelivery

    package init(_ configuration: KafkaSinkConfiguration, _ environment: Environment) throws(TailraceError) {
        self.environment = environment
        largestTake = BatchSize(events: configuration.flumeBatchSize, bytes: KafkaSinkConfiguration.takeBytes)
        delivery = try RecordDelivery(configuration, environment)
        delivery.hasSlots = { [weak self] in
            guard let self else { return }
            observer?.sinkHasSlots(self)
        }
    }

    /// Fails when the client refuses a setting. No broker need be there.
    package func start(_ done: @escaping Completion) {
        var result: Result<Void, TailraceError> = .success(())
        do throws(TailraceError) { try delivery.start() } catch { result = .failure(error) }
        environment.loop.enqueue { [result] in done(result) }
    }
    /// What the broker confirms until `deadline` is settled; the rest is given back then, and may be delivered again.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) { delivery.stop(by: deadline, done) }

    package var openSlots: Int { delivery.openSlots }

    package func deliver(_ transaction: consuming TakeTransaction) {
        let batch = transaction.batch, open = OpenTake(transaction)
        delivery.deliver(batch) { outcome in
            guard let take = open.take.take() else { return }
            switch outcome {
            case .delivered(let rejected): take.settle(.delivered(rejected: rejected))
            case .givenBack(let error): take.settle(.retry(error, after: nil))
            }
        }
    }
}
