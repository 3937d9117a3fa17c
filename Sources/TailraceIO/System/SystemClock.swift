import Glibc
package import TailraceCore

/// The clocks of the machine. Only the loop reads them for components.
package enum SystemClock {
    /// Does not jump, and stands still while the machine sleeps.
    package static func now() -> Instant {
        let time = read(CLOCK_MONOTONIC)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    package static func wallTime() -> WallTime {
        let time = read(CLOCK_REALTIME)
        return WallTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        clock_gettime(clock, &time)  // fails only for clocks that do not exist
        return time
    }
}
