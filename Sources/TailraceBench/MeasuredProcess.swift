package import Glibc
package import TailraceCore

/// A child process whose CPU time is wanted. Blocking: for commands, not for agents.
package final class MeasuredProcess {
    package struct Usage: Sendable {
        package var exitCode: Int32
        /// User and system time of the child and of its own children that it has waited for.
        package var cpuSeconds: Double
        package var peakMebibytes: Double
    }
    package let pid: pid_t
    private var usage: Usage?

    /// `output`: the file that standard output and error go to.
    package init(_ arguments: [String], environment: [String: String] = [:], output: String) throws(TailraceError) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var variables: [String] = []
        var pointer = environ
        while let entry = pointer.pointee {
            let text = String(cString: entry), name = text.split(separator: "=", maxSplits: 1).first.map(String.init) ?? ""
            if environment[name] == nil { variables.append(text) }
            pointer += 1
        }
        variables += environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        var child = pid_t()
        let code = Self.withCStrings(arguments) { argv in
            Self.withCStrings(variables) { posix_spawnp(&child, arguments[0], &actions, nil, argv, $0) }
        }
        guard code == 0 else {
            throw TailraceError(
                code: "process.spawn", message: "\(arguments[0]) could not be started: \(String(cString: strerror(code)))")
        }
        pid = child
    }
    deinit {
        guard usage == nil else { return }
        kill(pid, SIGKILL)
        _ = wait()
    }

    package func signal(_ number: Int32) { kill(pid, number) }

    /// Whether it has ended by itself.
    package var hasEnded: Bool {
        if usage != nil { return true }
        var information = siginfo_t()
        return waitid(P_PID, id_t(pid), &information, WEXITED | WNOHANG | WNOWAIT) == 0 && information.si_signo == SIGCHLD
    }

    /// Waits for its end.
    package func wait() -> Usage {
        if let usage { return usage }
        var status: Int32 = 0, resources = rusage()
        while wait4(pid, &status, 0, &resources) < 0 && errno == EINTR {}
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        let signal = status & 0x7F
        let ended = Usage(
            exitCode: signal == 0 ? (status >> 8) & 0xFF : 128 + signal,
            cpuSeconds: seconds(resources.ru_utime) + seconds(resources.ru_stime),
            peakMebibytes: Double(resources.ru_maxrss) / 1024)
        usage = ended
        return ended
    }

    private static func withCStrings<R>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
    ) -> R {
        let copies: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        defer { for copy in copies { free(copy) } }
        return copies.withUnsafeBufferPointer { body($0.baseAddress!) }
    }
}
