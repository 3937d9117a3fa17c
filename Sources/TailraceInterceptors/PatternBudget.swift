import TailraceCore
import TailracePatterns

/// A pattern over the bodies of batches that tells when it gave up. An event whose match was given up is kept as it came,
/// and counted; after ``most`` of them in one batch the rest of that batch is not tried, so that a batch full of such lines
/// costs little more than one of them.
final class PatternBudget {
    static let most = 16

    let pattern: Pattern
    private let limited: Counter
    private let environment: Environment
    private var inBatch = 0
    private var toldAt: Instant?

    init(_ pattern: Pattern, _ environment: Environment) {
        (self.pattern, self.environment) = (pattern, environment)
        limited = environment.counter("pattern_limit_events_total")
    }

    func beginBatch() { inBatch = 0 }

    func find(_ bytes: UnsafeRawBufferPointer, from start: Int = 0) -> Pattern.Outcome {
        guard inBatch < Self.most else {
            limited.add(1)
            return .limited
        }
        let outcome = pattern.find(bytes, from: start)
        if outcome == .limited {
            inBatch += 1
            limited.add(1)
            tell(bytes.count)
        }
        return outcome
    }

    private func tell(_ bytes: Int) {
        let now = environment.loop.now
        if let toldAt, now - toldAt < .seconds(60) { return }
        toldAt = now
        environment.log(
            .warning,
            "the pattern \"\(pattern.text)\" was given up on an event of \(bytes) bytes: it needs too many steps; such events are kept unchanged and counted in pattern_limit_events_total (\(limited.value) so far)"
        )
    }
}

extension EventBatch.Storage {
    func body(_ index: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: buffer.base + Int(bodies[index].start), count: bodies[index].count)
    }
}

/// A pattern of a configuration: compiled once for the check, and once more for each interceptor, since it is confined to
/// its loop.
enum ConfiguredPattern {
    static func check(_ text: String, _ use: Pattern.Use = .search) throws(TailraceError) { _ = try Pattern(text, use) }
}
