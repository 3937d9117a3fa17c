package import TailraceCore

/// How many lines `topology send` may write now: what is left, what the rate allows, and no further ahead of the auditor than
/// a broker that forgets can hold. Decides only.
package struct SendPace: Sendable {
    private let total: UInt64
    /// Lines per second; 0: no limit.
    private let rate: Int
    private let ahead: UInt64
    private let start: Instant
    package private(set) var sent: UInt64 = 0

    /// Of one write, so that progress is seen and pace is kept.
    package static let largestStep: UInt64 = 2_000
    /// What an embedded broker may have to hold in one partition before the auditor reads it: it keeps 5 MiB.
    package static let embeddedBytes = 3 << 20
    /// A record's headers and framing, on top of the line.
    static let recordBytes = 80

    package init(total: UInt64, rate: Int, ahead: Int, bytes: Int, forgets: Bool, start: Instant) {
        (self.total, self.rate, self.start) = (total, rate, start)
        let held = forgets ? Self.embeddedBytes / (bytes + Self.recordBytes) : Int.max
        self.ahead = UInt64(max(1, min(ahead, held)))
    }

    package var isDone: Bool { sent >= total }

    /// `unread`: lines written that the auditor has not seen.
    package func allowance(now: Instant, unread: UInt64) -> Int {
        var allowed = min(total - sent, Self.largestStep)
        allowed = min(allowed, unread < ahead ? ahead - unread : 0)
        if rate > 0 {
            let elapsed = UInt64(max(0, (now - start).nanoseconds / 1_000_000))
            let due = elapsed * UInt64(rate) / 1_000
            allowed = min(allowed, due > sent ? due - sent : 0)
        }
        return Int(allowed)
    }
    package mutating func wrote(_ lines: Int) { sent += UInt64(lines) }
}
