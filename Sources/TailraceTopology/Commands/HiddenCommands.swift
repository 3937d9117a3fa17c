import Glibc
import TailraceCore
import TailraceIO
import TailraceRdkafka

/// `tailrace topology supervise`: the process behind `up`. It ends when all members are gone.
package struct SuperviseCommand: Sendable {
    package var stateDirectory: String
    package init(stateDirectory: String) { self.stateDirectory = stateDirectory }

    /// Where `up` leaves the lock of the state directory.
    static let lockDescriptor: Int32 = 3

    package func run() -> Int32 {
        SystemCall.closeInherited(above: Self.lockDescriptor)
        return HelperProcess.run { loop, network, processes, end throws(TailraceError) in
            // Away from the terminal of `up`, whose Ctrl-C is not for us.
            _ = setsid()
            // Members must not hold the lock.
            _ = fcntl(Self.lockDescriptor, F_SETFD, FD_CLOEXEC)
            let plan = try StateDirectory(stateDirectory).plan()
            let supervisor = try Supervisor(
                plan, loop, network, processes, environment: [:], processID: getpid()
            ) { end(TopologyExit.fine) }
            try supervisor.start()
            return { supervisor.stop() }
        }
    }
}

/// `tailrace topology broker`.
package struct BrokerCommand: Sendable {
    package var stateDirectory: String
    package init(stateDirectory: String) { self.stateDirectory = stateDirectory }

    package func run() -> Int32 {
        HelperProcess.run { loop, network, processes, end throws(TailraceError) in
            let plan = try StateDirectory(stateDirectory).plan()
            let broker = try BrokerProcess(
                plan, loop, network, processes, processID: getpid(),
                say: { Console.out($0 + "\n") }, ended: end)
            try broker.start()
            return { broker.stop() }
        }
    }
}

/// `tailrace topology auditor`.
package struct AuditorCommand: Sendable {
    package var stateDirectory: String
    package init(stateDirectory: String) { self.stateDirectory = stateDirectory }

    package func run() -> Int32 {
        HelperProcess.run { loop, network, _, end throws(TailraceError) in
            let plan = try StateDirectory(stateDirectory).plan()
            guard let servers = SystemCall.variable("TAILRACE_BOOTSTRAP_SERVERS") else {
                throw TailraceError(
                    code: "topology.auditor", message: "TAILRACE_BOOTSTRAP_SERVERS is not set",
                    fix: "start the auditor with: tailrace topology up")
            }
            let broker = RdkafkaBroker(loop, LineLog(), component: "auditor")
            let group = "tailrace-audit-\(plan.name)-\(String(randomSeed(), radix: 16))"
            let auditor = try Auditor(
                plan, loop, network, broker, servers: servers, group: group, processID: getpid())
            return { auditor.close { end(TopologyExit.fine) } }
        }
    }
}

/// Log lines on standard output, which the supervisor keeps.
final class LineLog: Log {
    func write(_ level: LogLevel, _ component: String, _ text: @autoclosure () -> String) {
        guard level >= .info else { return }
        Console.out("\(LineMaker.text(SystemClock.wallTime())) \(level) \(component): \(text())\n")
    }
}
