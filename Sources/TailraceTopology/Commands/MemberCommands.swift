import Glibc
import TailraceCore
import TailraceIO
import TailraceStatus

/// `tailrace topology status`.
package struct StatusCommand: Sendable {
    package var stateDirectory: String?
    package var json: Bool
    package init(stateDirectory: String?, json: Bool) { (self.stateDirectory, self.json) = (stateDirectory, json) }

    package func run() -> Int32 {
        do throws(TailraceError) {
            let state = try StateDirectory.find(stateDirectory)
            let status = try ControlClient(stateDirectory: state.path).ask(ControlRequest(.status))
            Console.out(json ? JSON.text(status, pretty: true) + "\n" : StatusText.text(status))
            return status.members.allSatisfy { $0.state == .ready } ? TopologyExit.fine : TopologyExit.failed
        } catch {
            Console.tell(error)
            return TopologyExit.code(for: error)
        }
    }
}

/// `tailrace topology kill`: a signal to a member, as a machine that fails would do.
package struct KillCommand: Sendable {
    package var stateDirectory: String?
    package var member: String
    package var signal: Int32
    package init(stateDirectory: String?, member: String, signal: Int32) {
        (self.stateDirectory, self.member, self.signal) = (stateDirectory, member, signal)
    }

    package func run() -> Int32 {
        do throws(TailraceError) {
            let state = try StateDirectory.find(stateDirectory), control = ControlClient(stateDirectory: state.path)
            let pid = try control.ask(ControlRequest(.status)).members.first { $0.name == member }?.pid ?? 0
            _ = try control.ask(ControlRequest(.signal, member: member, signal: signal))
            guard [SIGKILL, SIGTERM, SIGINT, SIGHUP].contains(signal) else {
                Console.out("\(member) (pid \(pid)) got signal \(signal)\n")
                return TopologyExit.fine
            }
            let end = SystemClock.now() + .seconds(20)
            while SystemClock.now() < end {
                let now = try control.ask(ControlRequest(.status)).members.first { $0.name == member }
                if now?.state == .exited {
                    Console.out("\(member) (pid \(pid)) ended: \(StatusText.describe(now?.exitStatus ?? 0))\n")
                    return TopologyExit.fine
                }
                Console.pause(milliseconds: 50)
            }
            throw TailraceError(
                code: "topology.member", message: "\(member) (pid \(pid)) still runs 20 s after signal \(signal)",
                fix: "use --signal KILL")
        } catch {
            Console.tell(error)
            return TopologyExit.code(for: error)
        }
    }

    /// "KILL", "SIGKILL", "9".
    package static func signal(named name: String) -> Int32? {
        let names: [String: Int32] = [
            "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "ABRT": SIGABRT, "KILL": SIGKILL, "USR1": SIGUSR1, "USR2": SIGUSR2,
            "TERM": SIGTERM, "CONT": SIGCONT, "STOP": SIGSTOP,
        ]
        let upper = name.uppercased()
        if let number = Int32(name), (1...64).contains(number) { return number }
        return names[upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper]
    }
}

/// `tailrace topology restart`: ends a member if it runs, and starts it again with its state.
package struct RestartCommand: Sendable {
    package var stateDirectory: String?
    package var member: String
    package init(stateDirectory: String?, member: String) { (self.stateDirectory, self.member) = (stateDirectory, member) }

    package func run() -> Int32 {
        do throws(TailraceError) {
            let state = try StateDirectory.find(stateDirectory), control = ControlClient(stateDirectory: state.path)
            let before = try control.ask(ControlRequest(.status)).members.first { $0.name == member }?.starts ?? 0
            _ = try control.ask(ControlRequest(.restart, member: member))
            let end = SystemClock.now() + .seconds(60)
            while SystemClock.now() < end {
                let now = try control.ask(ControlRequest(.status)).members.first { $0.name == member }
                if let now, now.starts > before {
                    if now.state == .ready {
                        Console.out("\(member) (pid \(now.pid)) is ready\n")
                        return TopologyExit.fine
                    }
                    if now.state == .exited {
                        throw TailraceError(
                            code: "topology.start",
                            message: "\(member) ended: \(StatusText.describe(now.exitStatus ?? 0)). Its last lines:\n"
                                + LogTail.read(now.log, lines: 15),
                            fix: "correct what they say; all of it is in \(now.log)")
                    }
                }
                Console.pause(milliseconds: 50)
            }
            throw TailraceError(
                code: "topology.slow", message: "\(member) is not ready after 60 s", fix: "see tailrace topology logs \(member)"
            )
        } catch {
            Console.tell(error)
            return TopologyExit.code(for: error)
        }
    }
}
