package import TailraceCore

package struct FailoverProcessorConfiguration: ComponentConfiguration {
    /// Larger is preferred.
    package var priorities: [String: Int] = [:]
    package var maxPenaltyMilliseconds = 30_000
    package init() {}

    package func problems() -> [ConfigurationProblem] {
        let twice = Dictionary(grouping: priorities.keys.sorted(), by: { priorities[$0]! }).filter { $0.value.count > 1 }
        return twice.sorted { $0.key < $1.key }.map { priority, sinks in
            ConfigurationProblem(
                .error, code: "configuration.priority", key: "priority.\(sinks[1])",
                message: "priority \(priority) is given to \(sinks.joined(separator: " and "))",
                fix: "give each sink a priority of its own; the largest is preferred")
        }
    }
}

/// Flume's `failover`: the live sink with the highest priority gets everything.
///
/// A failing sink pays a penalty of 2 s, doubled with each failure in a row up to `maxpenalty`; when it is over one batch goes
/// to it first, and with its success it has its place back. A sink that is only busy is waited for.
package struct FailoverProcessor: SinkProcessor, DeclaredProcessor {
    package static let declaration = Declaration<FailoverProcessorConfiguration>(
        type: "failover", classNames: ["org.apache.flume.sink.FailoverSinkProcessor"],
        summary: "The live sink with the highest priority gets everything.",
        keys: [
            .family("priority.<sink>", "Priority of a sink; the largest is preferred. Sinks without one come last, as listed.")
            {
                configuration, captured, text throws(TailraceError) in
                guard let priority = Int(text) else {
                    throw TailraceError(code: "configuration.range", message: "\"\(text)\" is not a whole number")
                }
                configuration.priorities[captured[0]] = priority
                return nil
            },
            .value(
                "maxpenalty", \.maxPenaltyMilliseconds, .within(100...3_600_000), unit: "ms",
                "Longest time for which a failing sink is left alone."),
        ])

    /// Sinks by index, the preferred one first.
    private let order: [Int]
    private var penalties: SinkPenalties

    /// `priorities`: one for each sink of the group.
    package init(priorities: [Int], maxPenalty: Duration) {
        order = priorities.indices.sorted { (-priorities[$0], $0) < (-priorities[$1], $1) }
        penalties = SinkPenalties(priorities.count, Backoff(first: min(.seconds(2), maxPenalty), limit: maxPenalty))
    }
    package static func make(
        _ configuration: FailoverProcessorConfiguration, sinks: [String]
    ) throws(TailraceError) -> any SinkProcessor {
        if let unknown = configuration.priorities.keys.sorted().first(where: { !sinks.contains($0) }) {
            throw TailraceError(
                code: "configuration.group", message: "processor.priority.\(unknown): the group has no sink of that name",
                fix: "its sinks are \(sinks.joined(separator: ", "))")
        }
        let least = configuration.priorities.values.min() ?? 0
        let priorities = sinks.enumerated().map { configuration.priorities[$1] ?? min(least, 0) - 1 - $0 }
        return FailoverProcessor(priorities: priorities, maxPenalty: .milliseconds(configuration.maxPenaltyMilliseconds))
    }

    package func choose(
        _ sinks: [SinkView], for head: BatchHead, now: Instant, random: inout SeededRandom
    ) -> SinkChoice {
        let willing = order.filter { !sinks[$0].refusesStream && penalties.allows($0, now: now) }
        guard let best = willing.first(where: { sinks[$0].isHinted }) ?? willing.first, sinks[best].openSlots > 0 else {
            return .wait(until: penalties.next(after: now))
        }
        return .sink(best)
    }
    package mutating func offered(_ sink: Int) { penalties.offered(sink) }
    package mutating func settled(_ sink: Int, _ outcome: TakeOutcome, now: Instant) {
        penalties.settled(sink, outcome, now: now)
    }
}
