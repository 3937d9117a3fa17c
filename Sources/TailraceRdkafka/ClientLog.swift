import CRdkafka
import TailraceCore

/// librdkafka's log lines on the way to ours: levels translated, and so many per period at most, for a cluster that is down
/// makes it say the same thing for every broker and attempt.
struct ClientLog {
    static let period = Duration.seconds(10)
    static let linesPerPeriod = 20

    private let log: any Log
    private let component: String
    private let client: String
    private var periodEnds = Instant(nanoseconds: .min)
    private var lines = 0

    init(_ log: any Log, _ component: String, client: String) {
        (self.log, self.component, self.client) = (log, component, client)
    }

    /// LOG_ERR of librdkafka is a connection that failed: unexpected, nothing lost.
    static func level(_ syslog: Int32) -> LogLevel {
        switch syslog {
        case ...2: .error
        case 3, 4: .warning
        case 5, 6: .info
        default: .debug
        }
    }

    mutating func write(_ event: OpaquePointer, now: Instant) {
        var facility: UnsafePointer<CChar>?
        var text: UnsafePointer<CChar>?
        var level: Int32 = 0
        guard rd_kafka_event_log(event, &facility, &text, &level) == 0, let facility, let text else { return }
        write(Self.level(level), "\(String(cString: facility)): \(String(cString: text))", now: now)
    }

    mutating func write(_ level: LogLevel, _ text: @autoclosure () -> String, now: Instant) {
        if now >= periodEnds {
            let suppressed = lines - Self.linesPerPeriod
            if suppressed > 0 { log.write(.info, component, "\(self.client): \(suppressed) more lines were left out") }
            (lines, periodEnds) = (0, now + Self.period)
        }
        lines += 1
        if lines <= Self.linesPerPeriod { log.write(level, component, "\(self.client): \(text())") }
    }
}
