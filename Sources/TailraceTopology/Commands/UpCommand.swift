import CLinux
import Glibc
import TailraceCore
import TailraceIO

/// `tailrace topology up`: reads the file, clears what an earlier cluster left, starts the supervisor, waits until all are
/// ready; then shows the cluster live, or returns.
package struct UpCommand: Sendable {
    package var file: String
    package var stateDirectory: String?
    package var detach: Bool
    package var seconds: Int

    package init(file: String?, stateDirectory: String?, detach: Bool, seconds: Int) {
        self.file = file ?? "topologies/two-tier.yaml"
        (self.stateDirectory, self.detach, self.seconds) = (stateDirectory, detach, seconds)
    }

    package static let usualSeconds = 180

    package func run() -> Int32 {
        switch bringUp() {
        case .failure(let code): return code.value
        case .success(let plan):
            let control = ControlClient(stateDirectory: plan.stateDirectory)
            guard detach else { return LiveCommand(plan: plan, control: control).run() }
            Console.out(Self.summary(plan))
            return TopologyExit.fine
        }
    }

    struct ExitCode: Error { var value: Int32 }

    /// Returns when all are ready; what stands in the way has been told.
    func bringUp() -> Result<ClusterPlan, ExitCode> {
        do throws(TailraceError) {
            let path = try SystemCall.absolute(file), directory = Self.parent(of: path)
            let topology: Topology
            do throws(TopologyFile.Mistakes) {
                topology = try Self.read(path, shown: file, directory)
            } catch {
                Console.error(error.description + "\n")
                return .failure(ExitCode(value: TopologyExit.mistakes))
            }
            let state = try StateDirectory(stateDirectory ?? "\(StateDirectory.parent)/\(topology.name)")
            guard let lock = try state.lock() else {
                throw TailraceError(
                    code: "topology.running", message: "a cluster runs in \(state.path)",
                    fix: "end it with: tailrace topology down, or choose another folder with --state-dir")
            }
            let (plan, supervisor) = try start(topology, path, directory, state, lock)
            return watch(plan, supervisor) ? .success(plan) : .failure(ExitCode(value: TopologyExit.failed))
        } catch {
            Console.tell(error)
            return .failure(ExitCode(value: TopologyExit.failed))
        }
    }

    /// Closes `lock`: from then on it is the supervisor's alone.
    private func start(
        _ topology: Topology, _ path: String, _ directory: String, _ state: StateDirectory, _ lock: Int32
    ) throws(TailraceError) -> (ClusterPlan, supervisor: Int32) {
        defer { close(lock) }
        try state.clear()
        let plan = try makePlan(topology, path, directory, state)
        try state.write(plan)
        for member in plan.members {
            for folder in [member.stateDirectory, member.logDirectory] { try SystemCall.makeDirectory(folder) }
        }
        Console.error("starting \(plan.name): \(plan.agents.count) agents, broker \(plan.brokerKind), in \(state.path)\n")
        return (plan, try Self.startSupervisor(state, lock))
    }

    static func parent(of path: String) -> String {
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        return "/" + folder
    }

    private static func read(
        _ path: String, shown: String, _ directory: String
    ) throws(TopologyFile.Mistakes) -> Topology {
        let bytes: [UInt8]
        do throws(TailraceError) { bytes = try SystemCall.read(path, limit: YAMLReader.largestFileBytes) } catch {
            let problem = FileProblem(
                file: shown, place: .start, message: error.message, fix: "name a topology file: tailrace topology up FILE")
            throw TopologyFile.Mistakes(problems: [problem])
        }
        return try TopologyFile.read(bytes, file: shown) { name in
            access(name.hasPrefix("/") ? name : "\(directory)/\(name)", R_OK) == 0
        }
    }

    private func makePlan(
        _ topology: Topology, _ path: String, _ directory: String, _ state: StateDirectory
    ) throws(TailraceError) -> ClusterPlan {
        var ports = Ports(seed: randomSeed())
        let place = ClusterPlan.Place(
            topologyFile: path, topologyDirectory: directory, stateDirectory: state.path, executable: try Self.ownPath(),
            kafkaHome: SystemCall.variable("KAFKA_HOME"))
        return try ClusterPlan.make(topology, at: place) { () throws(TailraceError) in try ports.next() }
    }

    static func ownPath() throws(TailraceError) -> String {
        guard let path = realpath("/proc/self/exe", nil) else { throw SystemCall.failed("find this program") }
        defer { free(path) }
        return String(cString: path)
    }

    /// A process that makes a session of its own, outlives this command, and holds the lock as its descriptor 3.
    private static func startSupervisor(_ state: StateDirectory, _ lock: Int32) throws(TailraceError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let log = "\(state.path)/\(StateFiles.log)"
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Were it 3 already, dup2 would leave its close-on-exec flag.
        let high = duplicateAbove(lock)
        guard high >= 0 else { throw SystemCall.failed("keep the lock") }
        defer { close(high) }
        posix_spawn_file_actions_adddup2(&actions, high, SuperviseCommand.lockDescriptor)
        let arguments = [try ownPath(), "topology", "supervise", "--state-dir", state.path]
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var pid = pid_t()
        let result = posix_spawn(&pid, arguments[0], &actions, nil, &pointers, clinux_environment())
        guard result == 0 else {
            errno = result
            throw SystemCall.failed("start the supervisor")
        }
        try state.writeProcess(pid)
        return pid
    }

    // MARK: Waiting

    /// False: it was told why, and the cluster is down.
    private func watch(_ plan: ClusterPlan, _ supervisor: Int32) -> Bool {
        let control = ControlClient(stateDirectory: plan.stateDirectory)
        do throws(TailraceError) {
            try waitUntilReady(plan, control, supervisor)
            return true
        } catch {
            Console.tell(error)
            _ = DownCommand.end(plan, control)
            return false
        }
    }

    private func waitUntilReady(
        _ plan: ClusterPlan, _ control: ControlClient, _ supervisor: Int32
    ) throws(TailraceError) {
        let end = SystemClock.now() + .seconds(seconds)
        var told: Set<String> = [], waited: [String] = []
        while SystemClock.now() < end {
            var status: Int32 = 0
            if waitpid(supervisor, &status, WNOHANG) == supervisor {
                throw TailraceError(
                    code: "topology.supervisor",
                    message: "the supervisor ended: \(LogTail.read("\(plan.stateDirectory)/\(StateFiles.log)", lines: 10))",
                    fix: "see \(plan.stateDirectory)/\(StateFiles.log)")
            }
            if let status = Self.statusIfThere(control) {
                for member in status.members where member.state == .ready && told.insert(member.name).inserted {
                    Console.error("  \(member.name) is ready\n")
                }
                if status.phase == "running" { return Console.error("Kafka is at \(status.bootstrapServers)\n") }
                if !status.failure.isEmpty { throw Self.failure(status, plan) }
                waited = status.members.filter { $0.state != .ready }.map(\.name)
            }
            Console.pause(milliseconds: 100)
        }
        throw TailraceError(
            code: "topology.slow", message: "after \(seconds) s these are not ready: \(waited.joined(separator: ", "))",
            fix: "look into \(plan.stateDirectory), or give it more time with --timeout")
    }

    /// nil: not yet there.
    private static func statusIfThere(_ control: ControlClient) -> ClusterStatus? {
        do throws(TailraceError) { return try control.ask(ControlRequest(.status)) } catch { return nil }
    }

    private static func failure(_ status: ClusterStatus, _ plan: ClusterPlan) -> TailraceError {
        let member = status.members.first { status.failure.hasPrefix($0.name + " ") }
        let tail = member.map { LogTail.read($0.log, lines: 15) } ?? ""
        return TailraceError(
            code: "topology.start", message: "\(status.failure). Its last lines:\n\(tail)",
            fix: "correct what they say; all of it is in \(member?.log ?? plan.stateDirectory)")
    }

    private static func summary(_ plan: ClusterPlan) -> String {
        """
        \(plan.name) runs: \(plan.agents.map(\.name).joined(separator: ", "))
          scripts/topology send --events 100000    writes lines into \(plan.generator.tier)'s log files
          scripts/topology status                  who runs, how fast
          scripts/topology kill \(plan.agents.last!.name)\(String(repeating: " ", count: max(1, 19 - plan.agents.last!.name.count)))breaks something
          scripts/topology audit --wait            counts what arrived
          scripts/topology down                    ends it

        """
    }
}

/// A duplicate above the standard descriptors and above 3.
private func duplicateAbove(_ descriptor: Int32) -> Int32 { fcntl(descriptor, F_DUPFD_CLOEXEC, 10) }
