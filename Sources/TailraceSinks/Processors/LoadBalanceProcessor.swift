package import TailraceCore

package enum LoadBalanceSelector: String, Choice {
    case roundRobin = "round_robin"
    case random
    case leastInFlight = "least_in_flight"
}

package struct LoadBalanceProcessorConfiguration: ComponentConfiguration {
    package var selector = LoadBalanceSelector.roundRobin
    package var backoff = false
    package var maxTimeOutMilliseconds = 30_000
    package init() {}
}

/// Flume's `load_balance`: each batch to another sink that is not failing.
///
/// A failing sink is left alone for 2 s, doubled with each failure in a row up to `selector.maxTimeOut`; without `backoff` for
/// 0.1 s up to 1 s, since asking a dead sink at every batch would only burn time. Then one batch goes to it first.
package struct LoadBalanceProcessor: SinkProcessor, DeclaredProcessor {
    package static let declaration = Declaration<LoadBalanceProcessorConfiguration>(
        type: "load_balance", classNames: ["org.apache.flume.sink.LoadBalancingSinkProcessor"],
        summary: "Spreads the batches over the sinks that work.",
        keys: [
            .value(
                "selector", \.selector, .anything,
                "How the sink of the next batch is chosen; least_in_flight: the one with the fewest open batches."),
            .value(
                "backoff", \.backoff, .anything,
                "Leave a failing sink alone for 2 s, 4 s … up to selector.maxTimeOut; else 0.1 s up to 1 s."),
            .value(
                "selector.maxTimeOut", \.maxTimeOutMilliseconds, .within(100...3_600_000), unit: "ms",
                "Longest time for which a failing sink is left alone."),
        ])

    private let selector: LoadBalanceSelector
    private var penalties: SinkPenalties
    private var last: Int

    package init(_ count: Int, selector: LoadBalanceSelector, backoff: Backoff) {
        self.selector = selector
        penalties = SinkPenalties(count, backoff)
        last = count - 1
    }
    package static func make(
        _ configuration: LoadBalanceProcessorConfiguration, sinks: [String]
    ) throws(TailraceError) -> any SinkProcessor {
        guard sinks.count >= 2 else {
            throw TailraceError(
                code: "configuration.group", message: "load_balance needs two sinks or more, the group has \(sinks.count)",
                fix: "list another sink in the group, or remove the group")
        }
        let limit = Duration.milliseconds(configuration.maxTimeOutMilliseconds)
        return LoadBalanceProcessor(
            sinks.count, selector: configuration.selector,
            backoff: configuration.backoff
                ? Backoff(first: min(.seconds(2), limit), limit: limit)
                : Backoff(first: .milliseconds(100), limit: .seconds(1)))
    }

    package func choose(
        _ sinks: [SinkView], for head: BatchHead, now: Instant, random: inout SeededRandom
    ) -> SinkChoice {
        let count = sinks.count
        let usable = (1...count).map { (last + $0) % count }.filter {
            sinks[$0].openSlots > 0 && !sinks[$0].refusesStream && penalties.allows($0, now: now)
        }
        guard let first = usable.first else { return .wait(until: penalties.next(after: now)) }
        if let hinted = usable.first(where: { sinks[$0].isHinted }) { return .sink(hinted) }
        switch selector {
        case .roundRobin: return .sink(first)
        case .random: return .sink(usable.randomElement(using: &random)!)
        case .leastInFlight: return .sink(usable.min { penalties.open($0) < penalties.open($1) }!)
        }
    }
    package mutating func offered(_ sink: Int) {
        last = sink
        penalties.offered(sink)
    }
    package mutating func settled(_ sink: Int, _ outcome: TakeOutcome, now: Instant) {
        penalties.settled(sink, outcome, now: now)
    }
}
