import Glibc
package import TailraceCore

/// The agent's log: one line for each entry, in local time, to standard error or to a file.
///
///     2026-11-24 13:05:15.123 INFO edge.sinks.k1 - connected to 127.0.0.1:4545
///
/// A line is one write(), so lines of several processes in one file do not mix. Confined to the loop. An entry that cannot be
/// written (a full disk, a pipe that nobody reads) is dropped and counted: the agent's work does not depend on its log.
package final class StandardLog: Log {
    /// Less than this is not written, and its text not even made.
    package var level: LogLevel
    /// Entries that could not be written.
    package private(set) var lostCount = 0

    private let path: String?
    private var descriptor: Int32
    private let clock: () -> WallTime

    /// To standard error.
    package init(_ level: LogLevel = .info) {
        (self.level, path, descriptor, clock) = (level, nil, STDERR_FILENO, { SystemClock.wallTime() })
    }

    /// To the end of a file, made if missing.
    package convenience init(_ level: LogLevel = .info, appendingTo path: String) throws(TailraceError) {
        try self.init(level, appendingTo: path, clock: { SystemClock.wallTime() })
    }

    /// With another clock, for tests.
    init(_ level: LogLevel, appendingTo path: String, clock: @escaping () -> WallTime) throws(TailraceError) {
        descriptor = try Self.open(path)
        (self.level, self.path, self.clock) = (level, path, clock)
    }
    deinit { if path != nil { close(descriptor) } }

    /// Opens the file again by its name, after somebody has moved it away. Keeps the old one if that fails.
    package func reopen() throws(TailraceError) {
        guard let path else { return }
        let new = try Self.open(path)
        close(descriptor)
        descriptor = new
    }

    package func write(_ level: LogLevel, _ component: String, _ text: @autoclosure () -> String) {
        guard level >= self.level else { return }
        put(Self.line(clock(), level, component, text()))
    }

    private static func open(_ path: String) throws(TailraceError) -> Int32 {
        let descriptor = restarting { Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, 0o640) }
        guard descriptor >= 0 else { throw fileError(errno, "open the log \(path)") }
        return descriptor
    }

    /// With the line's end.
    static func line(_ time: WallTime, _ level: LogLevel, _ component: String, _ text: String) -> [UInt8] {
        var line = Array("\(timestamp(time)) \(name(level)) \(component) - ".utf8)
        escape(text, into: &line)
        line.append(UInt8(ascii: "\n"))
        return line
    }

    private static func name(_ level: LogLevel) -> String {
        switch level {
        case .debug: "DEBUG"
        case .info: "INFO"
        case .warning: "WARN"
        case .error: "ERROR"
        }
    }

    private static func timestamp(_ time: WallTime) -> String {
        var seconds = time_t(time.milliseconds / 1000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        func padded(_ number: some BinaryInteger, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let date = "\(parts.tm_year + 1900)-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
        let clock = "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
        return "\(date) \(clock).\(padded(time.milliseconds % 1000, 3))"
    }

    /// What an outsider put into a text must neither end the line nor steer a terminal.
    private static func escape(_ text: String, into line: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\n"): line += Array("\\n".utf8)
            case UInt8(ascii: "\r"): line += Array("\\r".utf8)
            case UInt8(ascii: "\t"): line += Array("\\t".utf8)
            case 0..<0x20, 0x7F:
                line += Array("\\x".utf8)
                line += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: line.append(byte)
            }
        }
    }

    private func put(_ line: [UInt8]) {
        var rest = line[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { bytes in restarting { Glibc.write(descriptor, bytes.baseAddress, bytes.count) } }
            guard count > 0 else {
                lostCount += 1
                return
            }
            rest = rest.dropFirst(count)
        }
    }
}
