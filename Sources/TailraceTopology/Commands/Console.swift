import Glibc
package import TailraceCore

/// Where commands write, unbuffered: a pipe sees each line at once.
package enum Console {
    package static func out(_ text: String) { _ = SystemCall.writeAll(Array(text.utf8), to: 1) }
    package static func error(_ text: String) { _ = SystemCall.writeAll(Array(text.utf8), to: 2) }
    package static var outIsTerminal: Bool { isatty(1) == 1 }
    package static var errorIsTerminal: Bool { isatty(2) == 1 }

    /// For people, on standard error: what, and what to do.
    package static func tell(_ problem: TailraceError) {
        error("tailrace: \(problem.message)\(problem.fix.map { "\n    fix: \($0)" } ?? "")\n")
    }
    package static func pause(milliseconds: Int) { usleep(UInt32(milliseconds * 1_000)) }
}

/// What the topology commands end with, besides 64 for wrong arguments.
package enum TopologyExit {
    package static let fine: Int32 = 0
    /// It could not be done; the audit is not fine; a member does not run.
    package static let failed: Int32 = 1
    /// Ctrl-C ended it, as shells say it.
    package static let interrupted: Int32 = 130
    /// No cluster runs there (EX_UNAVAILABLE).
    package static let notRunning: Int32 = 69
    /// Mistakes in the topology file (EX_CONFIG).
    package static let mistakes: Int32 = 78

    package static func code(for error: TailraceError) -> Int32 {
        error.code == "topology.not-running" ? notRunning : failed
    }
}
