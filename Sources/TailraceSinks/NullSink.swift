package import TailraceCore

package struct NullSinkConfiguration: ComponentConfiguration {
    package var batchSize = 10_000
    package var logEveryNEvents = 10_000
    package init() {}
}

/// Takes everything and keeps nothing; for measuring, and for a channel whose events nobody wants.
package final class NullSink: DeclaredComponent, EventSink {
    package static let declaration = Declaration<NullSinkConfiguration>(
        type: "null", classNames: ["org.apache.flume.sink.NullSink"], summary: "Discards what it gets.",
        keys: [
            .value("batchSize", \.batchSize, .within(1...65_536), unit: "events", "Most events taken at once (Flume: 100)."),
            .value(
                "logEveryNEvents", \.logEveryNEvents, .within(1...(1 << 40)), unit: "events",
                "A log line whenever so many more were discarded."),
        ])

    package let name: String
    package var health = Health.ok
    package let openSlots = 1
    package weak var observer: (any SinkObserver)?
    package let peer: Endpoint? = nil
    package let largestTake: BatchSize
    private let environment: Environment
    private let logEvery: Int
    private var discarded = 0

    package init(_ configuration: NullSinkConfiguration, _ environment: Environment) throws(TailraceError) {
        (name, self.environment, logEvery) = (environment.component, environment, configuration.logEveryNEvents)
        largestTake = BatchSize(events: configuration.batchSize, bytes: .max)
    }
    package func start(_ done: @escaping Completion) { environment.loop.enqueue { done(.success(())) } }
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) { environment.loop.enqueue(done) }

    package func deliver(_ transaction: consuming TakeTransaction) {
        let before = discarded / logEvery
        discarded += transaction.batch.count
        if discarded / logEvery > before { environment.log(.info, "\(discarded) events discarded so far") }
        transaction.settle(.delivered)
    }
}
