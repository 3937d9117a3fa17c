package import TailraceCore

/// Keeps the lines of one host, for tests to read, and notes them in the transcript.
package final class SimulatedLog: Log {
    package struct Line: Sendable, CustomStringConvertible {
        package var time: Instant
        package var level: LogLevel
        package var component: String
        package var text: String
        package var description: String { "\(level) \(component) \(text)" }
    }
    private let host: String
    private let timeline: Timeline
    package private(set) var lines: [Line] = []
    package var least = LogLevel.info

    init(_ host: String, _ timeline: Timeline) { (self.host, self.timeline) = (host, timeline) }

    package func write(_ level: LogLevel, _ component: String, _ text: @autoclosure () -> String) {
        guard level >= least else { return }
        precondition(lines.count < 1_000_000, "\(host) writes log lines without end")
        let line = Line(time: timeline.now, level: level, component: component, text: text())
        lines.append(line)
        timeline.note("log", line.description)
    }
    package func lines(containing text: String) -> [Line] { lines.filter { $0.description.contains(text) } }
}
