package import TailraceCore
import TailracePatterns

package struct RegexFilterInterceptorConfiguration: InterceptorConfiguration {
    package var regex = ".*"
    package var excludeEvents = false
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "regex_filter", classNames: ["org.apache.flume.interceptor.RegexFilteringInterceptor$Builder"],
        summary:
            "Keeps or drops events by a regular expression that is looked for anywhere in the body. An event whose match is given up (too many steps) is kept, and counted in pattern_limit_events_total.",
        keys: [
            .custom("regex", unit: "regular expression", initial: ".*", "Java's syntax.") {
                target, _, text throws(TailraceError) in
                try ConfiguredPattern.check(text)
                target.regex = text
                return nil
            },
            .value(
                "excludeEvents", \.excludeEvents, .anything, "false: events that match are kept; true: they are dropped."),
        ])

    package func makeInterceptor(_ environment: Environment) throws(TailraceError) -> any Interceptor {
        RegexFilterInterceptor(try Pattern(regex), drops: excludeEvents, environment)
    }
}

/// Drops events; what is left are runs of the same batch, and nothing is copied.
final class RegexFilterInterceptor: Interceptor {
    private let budget: PatternBudget
    private let drops: Bool
    private let dropped: Counter

    init(_ pattern: Pattern, drops: Bool, _ environment: Environment) {
        (budget, self.drops) = (PatternBudget(pattern, environment), drops)
        dropped = environment.counter("filtered_events_total")
    }

    func intercept(_ batch: EventBatch, _ done: @escaping (EventBatch) -> Void) {
        budget.beginBatch()
        var kept: [Range<Int>] = [], index = 0
        for run in batch.runs {
            for stored in run {
                let isKept: Bool
                switch budget.find(batch.storage.body(stored)) {
                case .match: isKept = !drops
                case .none: isKept = drops
                case .limited: isKept = true
                }
                if isKept {
                    if kept.last?.upperBound == index {
                        kept[kept.count - 1] = kept[kept.count - 1].lowerBound..<index + 1
                    } else {
                        kept.append(index..<index + 1)
                    }
                }
                index += 1
            }
        }
        let result = batch.keeping(kept)
        dropped.add(batch.count - result.count)
        done(result)
    }
}
