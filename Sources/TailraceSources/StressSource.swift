package import TailraceCore

package struct StressSourceConfiguration: BatchingConfiguration {
    package var size = 500
    package var maxTotalEvents = -1
    package var maxSuccessfulEvents = -1
    package var batchSize = 1
    package var maxEventsPerSecond = 0
    package init() {}

    package var batchEvents: Int { batchSize }
}

/// Flume's stress source: events of one size, as fast as the channels take them, or at a rate. For measurements.
package final class StressSource: DeclaredSource {
    package static let declaration = Declaration<StressSourceConfiguration>(
        type: "stress", classNames: ["org.apache.flume.source.StressSource"],
        summary: "Makes events of one size (bytes of value 127), for measurements.",
        keys: [
            .value("size", \.size, .within(0...Limits.batchBytes), unit: "bytes", "Bytes of each body."),
            .value("maxTotalEvents", \.maxTotalEvents, .within(-1...Int.max), unit: "events", "How many in all; -1: no end."),
            .value(
                "maxSuccessfulEvents", \.maxSuccessfulEvents, .within(-1...Int.max), unit: "events",
                "It ends when so many are safe; -1: no end."),
            .value("batchSize", \.batchSize, .within(1...65_536), unit: "events", "Events of one batch."),
            .value(
                "maxEventsPerSecond", \.maxEventsPerSecond, .within(0...1_000_000_000), unit: "events/s",
                "Not faster than that; 0: as fast as it goes."),
        ])

    package let name: String
    package private(set) var health = Health.starting
    private let configuration: StressSourceConfiguration
    private let output: SourceOutput
    private let environment: Environment
    private var made = 0
    private var successful = 0
    private var unanswered = 0
    private var isRunning = false
    private var isQueued = false
    /// When the next batch may be made, at a rate.
    private var next: Instant?

    package init(
        _ configuration: StressSourceConfiguration, _ output: SourceOutput, _ environment: Environment
    ) throws(TailraceError) {
        (name, self.configuration, self.output) = (environment.component, configuration, output)
        self.environment = environment
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

    /// How many the next batch has: never more than may still succeed.
    private var count: Int {
        var count = configuration.batchSize
        if configuration.maxTotalEvents >= 0 { count = min(count, configuration.maxTotalEvents - made) }
        if configuration.maxSuccessfulEvents >= 0 {
            count = min(count, configuration.maxSuccessfulEvents - successful - unanswered)
        }
        return count
    }

    /// One batch a turn, so that others have theirs.
    private func produce() {
        let count = count
        guard isRunning, !isQueued, count > 0, output.openSlots > 0 else { return }
        let body = [UInt8](repeating: 127, count: configuration.size)
        var builder = EventBatchBuilder(capacity: count * configuration.size)
        body.withUnsafeBytes { for _ in 0..<count { builder.append($0) } }
        made += count
        unanswered += count
        output.submit(builder.finish()) { [weak self] result in
            guard let self else { return }
            unanswered -= count
            if case .success = result { successful += count } else { produce() }
        }
        isQueued = true
        again(after: count) { [weak self] in
            self?.isQueued = false
            self?.produce()
        }
    }
    private func again(after count: Int, _ body: @escaping () -> Void) {
        guard configuration.maxEventsPerSecond > 0 else { return environment.loop.enqueue(body) }
        let now = environment.loop.now
        let pause = Duration.nanoseconds(Int64(count) * 1_000_000_000 / Int64(configuration.maxEventsPerSecond))
        // What it is behind is caught up, at most a second of it.
        next = max(next ?? now, now + .seconds(-1)) + pause
        if next! <= now { environment.loop.enqueue(body) } else { environment.loop.schedule(at: next!, body) }
    }
}
