package import TailraceCore

package struct DefaultProcessorConfiguration: ComponentConfiguration {
    package init() {}
}

/// One sink, with a back-off of its own: what every sink outside a group has.
package struct DefaultProcessor: SinkProcessor, DeclaredProcessor {
    package static let declaration = Declaration<DefaultProcessorConfiguration>(
        type: "default", classNames: ["org.apache.flume.sink.DefaultSinkProcessor"],
        summary: "Exactly one sink. A failing one is asked again after 0.1 s, then after twice as long, up to 5 s.", keys: [])

    private var penalties: SinkPenalties

    package init() {
        penalties = SinkPenalties(1, Backoff(first: .milliseconds(100), limit: .seconds(5)))
    }
    package static func make(
        _ configuration: DefaultProcessorConfiguration, sinks: [String]
    ) throws(TailraceError) -> any SinkProcessor {
        guard sinks.count == 1 else {
            throw TailraceError(
                code: "configuration.group",
                message: "the default processor takes exactly one sink, the group has \(sinks.count)",
                fix: "set processor.type = failover or load_balance")
        }
        return DefaultProcessor()
    }

    package func choose(
        _ sinks: [SinkView], for head: BatchHead, now: Instant, random: inout SeededRandom
    ) -> SinkChoice {
        guard penalties.allows(0, now: now), sinks[0].openSlots > 0, !sinks[0].refusesStream else {
            return .wait(until: penalties.next(after: now))
        }
        return .sink(0)
    }
    package mutating func offered(_ sink: Int) { penalties.offered(sink) }
    package mutating func settled(_ sink: Int, _ outcome: TakeOutcome, now: Instant) {
        penalties.settled(sink, outcome, now: now)
    }
}
