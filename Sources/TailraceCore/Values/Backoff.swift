/// Doubles from `first` to `limit`; the caller counts.
package struct Backoff: Hashable, Sendable {
    package var first: Duration
    package var limit: Duration

    package init(first: Duration, limit: Duration) { (self.first, self.limit) = (first, limit) }

    package static let standard = Backoff(first: .milliseconds(100), limit: .seconds(30))

    /// After the `failures`-th failure in a row (from 1).
    package func delay(_ failures: Int) -> Duration { min(limit, first * (1 << min(max(failures - 1, 0), 20))) }

    /// The same, between half of it and all of it, so that those who failed together do not come back together.
    package func delay(_ failures: Int, jitter random: inout SeededRandom) -> Duration {
        let whole = delay(failures).nanoseconds
        return .nanoseconds(whole / 2 + Int64.random(in: 0...max(0, whole / 2), using: &random))
    }
}
