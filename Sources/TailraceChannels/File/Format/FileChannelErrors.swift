// All errors of the file channel, by name, in one place. The codes are stable.

import TailraceCore

extension TailraceError {
    static func channelMalformed(_ what: String, _ frame: RecordFrame) -> TailraceError {
        TailraceError(
            code: "channel.malformed", message: "record \(frame.number): \(what)",
            fix: "report it, with this program's version: the checksums are right")
    }
    static func channelNewer(_ path: String, _ version: UInt32) -> TailraceError {
        TailraceError(
            code: "channel.newer-format",
            message: "\(path) has format \(version), this program reads formats up to \(FileFormat.version)",
            fix: "run the newer program on this directory, or give this one an empty directory")
    }
    static func channelForeign(_ path: String, _ what: String) -> TailraceError {
        TailraceError(
            code: "channel.foreign-format", message: "\(path) is \(what)",
            fix: "let the program that wrote it empty it, and give this channel a directory of its own")
    }
    static func channelTwice(_ number: UInt64, _ paths: [String]) -> TailraceError {
        TailraceError(
            code: "channel.segment-twice",
            message: "segment \(number) is there \(paths.count) times: \(paths.joined(separator: ", "))",
            fix: "move the copy away; a directory was copied into another one")
    }
    static func channelStopped(_ error: TailraceError) -> TailraceError {
        TailraceError(
            code: "channel.write-failed", message: "not written, and nothing behind it: \(error.code): \(error.message)",
            fix: error.fix)
    }
}
