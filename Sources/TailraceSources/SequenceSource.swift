package import TailraceCore

package struct SequenceSourceConfiguration: BatchingConfiguration {
    package var batchSize = 1
    package var totalEvents: Int?
    package init() {}

    package var batchEvents: Int { batchSize }
}

/// Counts: event bodies are decimal numbers from 0. For trying things out, and for tests.
package final class SequenceSource: DeclaredSource {
    package static let declaration = Declaration<SequenceSourceConfiguration>(
        type: "seq", classNames: ["org.apache.flume.source.SequenceGeneratorSource"],
        summary: "Counts from 0, one number per event, as fast as the channels take it.",
        keys: [
            .value("batchSize", \.batchSize, .within(1...65_536), unit: "events", "Events of one batch."),
            .value(
                "totalEvents", \.totalEvents, Allowed("0 or more") { ($0 ?? 0) >= 0 }, unit: "events",
                "How many in all. Default: without end."),
            .ignored("backoffSleepIncrement", because: "nothing is polled; the source waits for room"),
            .ignored("maxBackoffSleep", because: "nothing is polled; the source waits for room"),
        ])

    package let name: String
    package private(set) var health = Health.starting
    private let output: SourceOutput
    private let environment: Environment
    private let batchSize: Int
    private let total: Int
    private var next = 0
    private var isRunning = false
    private var isQueued = false

    package init(
        _ configuration: SequenceSourceConfiguration, _ output: SourceOutput, _ environment: Environment
    ) throws(TailraceError) {
        (name, self.output, self.environment) = (environment.component, output, environment)
        (batchSize, total) = (configuration.batchSize, configuration.totalEvents ?? .max)
    }

    package func start(_ done: @escaping Completion) {
        (isRunning, health) = (true, .ok)
        environment.loop.enqueue { [weak self] in
            done(.success(()))
            self?.produce()
        }
    }
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        isRunning = false
        environment.loop.enqueue(done)
    }
    package func outputHasRoom() { produce() }

    /// One batch a turn, so that others have theirs.
    private func produce() {
        guard isRunning, !isQueued, next < total, output.openSlots > 0 else { return }
        var builder = EventBatchBuilder(capacity: batchSize * 8)
        for number in next..<min(total, next + batchSize) { builder.append(String(number).utf8) }
        let batch = builder.finish()
        next += batch.count
        output.submit(batch) { _ in }
        isQueued = true
        environment.loop.enqueue { [weak self] in
            self?.isQueued = false
            self?.produce()
        }
    }
}
