import Glibc
import TailraceCore
import TailraceIO

/// Where an agent logs. As `tailrace agent`: standard error. As `flume-ng`, like Flume's script: `logs/flume.log`, unless
/// `-Dflume.root.logger` says `console`. `-Dflume.log.dir` and `-Dflume.log.file` name another file.
struct LogChoice {
    var level = LogLevel.info
    /// nil: standard error.
    var file: String?

    init(_ definitions: [String: String], isFlume: Bool) throws(TailraceError) {
        let root = definitions["flume.root.logger"].map { $0.split(separator: ",").map { $0.filter { !$0.isWhitespace } } }
        if let word = root?.first {
            guard let level = Self.levels[word.uppercased()] else {
                throw TailraceError(
                    code: "configuration.range", message: "-Dflume.root.logger: there is no level \"\(word)\"",
                    fix: "use DEBUG, INFO, WARN or ERROR: -Dflume.root.logger=INFO,console")
            }
            self.level = level
        }
        let appenders = root?.dropFirst().map { $0.lowercased() } ?? []
        guard isFlume ? !appenders.contains("console") : appenders.contains("logfile") else { return }
        let folder = definitions["flume.log.dir"] ?? "logs", name = definitions["flume.log.file"] ?? "flume.log"
        guard mkdir(folder, 0o755) == 0 || errno == EEXIST else {
            throw TailraceError(
                code: "file.log",
                message: "the folder \(folder) for the log cannot be made: \(String(cString: strerror(errno)))",
                fix: "start in a folder that can be written to, or set -Dflume.log.dir or -Dflume.root.logger=INFO,console")
        }
        file = "\(folder)/\(name)"
    }

    func open() throws(TailraceError) -> StandardLog {
        if let file { return try StandardLog(level, appendingTo: file) }
        return StandardLog(level)
    }

    private static let levels: [String: LogLevel] = [
        "ALL": .debug, "TRACE": .debug, "DEBUG": .debug, "INFO": .info, "WARN": .warning, "ERROR": .error, "FATAL": .error,
        "OFF": .error,
    ]
}
