package import TailraceCore

/// How `tailrace agent` ends, after sysexits.h where it has a fitting code. Listed in the manual and in `--help`.
package enum ExitCode {
    /// Stopped by SIGTERM or SIGINT, and everything was delivered or is on disk.
    package static let stopped: Int32 = 0
    /// The arguments are wrong.
    package static let usage: Int32 = 64
    /// A configuration file cannot be read.
    package static let noInput: Int32 = 66
    /// A component could not start.
    package static let unavailable: Int32 = 69
    /// An address or port is taken, or not ours.
    package static let addressTaken: Int32 = 71
    /// The state directory cannot be made, or another agent has it.
    package static let stateDirectory: Int32 = 73
    /// Stopped within its time, but events are left in channels of memory: they were not acknowledged, or `acknowledge` is
    /// `committed`.
    package static let undelivered: Int32 = 75
    /// The configuration has errors.
    package static let configuration: Int32 = 78
    /// A second signal ended it at once.
    package static let interrupted: Int32 = 130

    /// For `--help`.
    package static let list: [(name: String, help: String)] = [
        (stopped, "Stopped by SIGTERM or SIGINT; everything was delivered or is on disk."),
        (usage, "The arguments are wrong."),
        (noInput, "A configuration file cannot be read."),
        (unavailable, "A component could not start."),
        (addressTaken, "An address or port is taken, or not of this host."),
        (stateDirectory, "The state directory cannot be used, or another agent has it."),
        (undelivered, "Stopped in time, but events are left in channels of memory."),
        (configuration, "The configuration has errors; all of them were told."),
        (interrupted, "A second signal ended it at once."),
    ].map { ("\($0.0)", $0.1) }

    /// For an agent that could not start.
    package static func of(_ error: TailraceError) -> Int32 {
        switch error.code {
        case "network.bind": addressTaken
        case "disk.locked", "disk.open", "disk.directory": stateDirectory
        case let code where code.hasPrefix("configuration."): configuration
        default: unavailable
        }
    }
}
