import Glibc
import TailraceCore

/// Names of files, none of them twice, also over restarts and clocks that go back: each is later than the last stamp of
/// earlier processes, or has a higher number than those before it.
struct RollingFileNames {
    private let configuration: RollingFileSinkConfiguration
    /// Milliseconds since 1970: the last stamp that is known to be on the disk.
    private(set) var remembered: Int64
    /// No earlier one is used by this process.
    private let earliest: Int64
    /// DEFAULT: of this process.
    private var start: Int64?
    private var number = 0

    /// `last`: the stamp that the processes before may have used.
    init(_ configuration: RollingFileSinkConfiguration, last: Int64) {
        (self.configuration, remembered) = (configuration, last)
        earliest = last < 0 ? 0 : configuration.pathManager == .start ? last + 1 : (last / 1000 + 1) * 1000
    }

    /// `stamp`: must be ``remember(_:)``ed on the disk before the name is used.
    mutating func next(_ now: WallTime) -> (name: String, stamp: Int64) {
        number += 1
        let stamp: Int64, time: String
        switch configuration.pathManager {
        case .start:
            stamp = start ?? max(now.milliseconds, earliest)
            (start, time) = (stamp, String(stamp))
        case .rollTime:
            stamp = max(now.milliseconds / 1000 * 1000, earliest)
            time = Self.text(stamp / 1000)
        }
        let end = configuration.fileExtension.isEmpty ? "" : "." + configuration.fileExtension
        return ("\(configuration.prefix)\(time)-\(number)\(end)", stamp)
    }
    mutating func remember(_ stamp: Int64) { remembered = max(remembered, stamp) }

    /// "20261124173300".
    static func text(_ seconds: Int64) -> String {
        var time = time_t(seconds), parts = tm()
        gmtime_r(&time, &parts)
        let values = [Int(parts.tm_mon) + 1, Int(parts.tm_mday), Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec)]
        return String(Int(parts.tm_year) + 1900) + values.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined()
    }
}

/// The file in the agent's state directory that remembers the last stamp: one decimal number and a line end.
enum RollingFileStamp {
    static func encode(_ stamp: Int64) -> Bytes { Bytes("\(stamp)\n") }

    /// nil: not written by this sink.
    static func decode(_ bytes: Bytes) -> Int64? {
        guard bytes.count <= 32, bytes.last == UInt8(ascii: "\n") else { return nil }
        return Int64(bytes.dropLast().text).flatMap { $0 >= 0 ? $0 : nil }
    }
}
