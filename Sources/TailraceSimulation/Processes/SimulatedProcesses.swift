package import TailraceCore

/// Programs of a host, as scripts of a test: what they print, when, and how they end.
///
///     host.programs["tail"] = { child in
///         child.print("first\n")
///         child.print("second\n", after: .seconds(1))
///         child.exit(0, after: .seconds(2))
///     }
package final class SimulatedProcesses: Processes {
    private let programs: () -> [String: (SimulatedChild) -> Void]
    private let host: String
    private let loop: SimulatedLoop
    private let timeline: Timeline
    private var random: SeededRandom
    private var children: [SimulatedChild] = []
    private var nextNumber = 0

    init(
        _ host: String, _ loop: SimulatedLoop, _ timeline: Timeline, _ random: SeededRandom,
        _ programs: @escaping () -> [String: (SimulatedChild) -> Void]
    ) {
        (self.host, self.loop, self.timeline, self.random) = (host, loop, timeline, random)
        self.programs = programs
    }

    package func spawn(
        _ arguments: [String], environment: [String: String], _ exited: @escaping (Int32) -> Void
    ) throws(TailraceError) -> any ChildProcess {
        guard let name = arguments.first, let program = programs()[name] else {
            throw TailraceError(
                code: "process.spawn", message: "cannot run \(arguments.first ?? "nothing"): No such file or directory",
                fix: "correct the command, or install the program.")
        }
        let child = SimulatedChild(arguments, environment, loop, timeline, random.split("child \(nextNumber)"), exited)
        nextNumber += 1
        timeline.note("spawn", host + " " + name)
        children.removeAll { $0.hasExited }
        children.append(child)
        timeline.after(random.duration(timeline.faults.latency)) { [weak child] in
            if let child { program(child) }
        }
        return child.makeProcess()
    }
    /// They are killed with the agent.
    func end() {
        for child in children { child.kill() }
        children = []
    }
}
