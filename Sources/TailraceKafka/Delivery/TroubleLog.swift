import TailraceCore

/// Says when trouble is worth a line in the log: when it begins, when it becomes another one, and every minute while it lasts.
struct TroubleLog {
    static let repeatInterval = Duration.seconds(60)
    /// So long nothing must have gone wrong before it counts as over: else a good and a bad topic take turns in the log.
    static let calm = Duration.seconds(10)

    private var code: String?
    private var loggedAt: Instant?
    private var lastAt: Instant?

    /// True: log it.
    mutating func began(_ error: TailraceError, _ now: Instant) -> Bool {
        lastAt = now
        if code == error.code, let loggedAt, now - loggedAt < Self.repeatInterval { return false }
        (code, loggedAt) = (error.code, now)
        return true
    }
    /// Something went well. True: the trouble is over.
    mutating func ended(_ now: Instant) -> Bool {
        guard code != nil, let lastAt, now - lastAt >= Self.calm else { return false }
        (code, loggedAt) = (nil, nil)
        return true
    }
}
