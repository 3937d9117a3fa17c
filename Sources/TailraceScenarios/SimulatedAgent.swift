import TailraceConfiguration
package import TailraceCore
import TailraceRuntime
package import TailraceSimulation

/// An agent of the program, from its configuration file, on a simulated host; it survives crashes of its process as the
/// machine's next process.
package final class SimulatedAgent {
    package let host: SimulatedHost
    package let name: String
    private let configuration: String
    private var agent: Agent?
    /// Of every stream that began here, in whatever process: how far it was submitted and answered as safe.
    package private(set) var streams: [StreamID: (submitted: UInt64, safe: UInt64)] = [:]
    /// The process ended by itself because it could not start.
    package private(set) var failure: TailraceError?
    /// Called instead, if set.
    package var couldNotStart: ((TailraceError) -> Void)?
    /// Events that its sinks offered or sent again, in all processes that have ended.
    private var retried = 0
    /// Events whose delivery a process may have forgotten when it ended: they come again, with the same numbers.
    private var forgotten = 0

    package init(_ host: SimulatedHost, name: String, configuration: String) {
        (self.host, self.name, self.configuration) = (host, name, configuration)
    }

    package var isRunning: Bool { agent?.state == .running }
    /// Starts it in the host's present process. A mistake in the configuration is a mistake of the test, and traps.
    package func start() {
        let catalogue = Catalogue.standard()
        let loaded = ConfigurationLoader.load(
            files: [("\(name).properties", Array(configuration.utf8))], agent: name, catalogue: catalogue)
        guard !loaded.hasErrors else { fatalError("\(loaded.problems)") }
        let agent = Agent(AgentAssembly(loaded.agents[0], catalogue), host.makeEnvironment(component: name))
        self.agent = agent
        agent.start { [weak self, weak agent] result in
            // (Stopped while it was starting is no failure to start.)
            guard case .failure(let error) = result, error != .stopped, let self, self.agent === agent else { return }
            if let couldNotStart { couldNotStart(error) } else { failure = error }
        }
    }

    /// Remembers how far the streams of the running process are.
    package func noteStreams() {
        for status in agent?.streams ?? [] {
            let known = streams[status.stream] ?? (0, 0)
            streams[status.stream] = (max(known.submitted, status.submitted), max(known.safe, status.safe))
        }
    }
    /// What was safe here is not any more, and not by a mistake: an older state was put back, or a disk that was not synced lost
    /// its end.
    package func forgetStreams() { streams = [:] }

    /// As by kill -9, or with `losingPower` as by a crash of the machine: what was not synced may be gone.
    package func crash(losingPower: Bool = false) {
        ended()
        host.crash(losingPower: losingPower)
    }
    private func ended() {
        noteStreams()
        retried += sentAgain
        forgotten += total("delivered_events_total") + total("events")
        agent = nil
    }
    package func restart() {
        host.restart()
        start()
    }
    /// As by SIGTERM; then the process is gone.
    package func stop(within time: Duration, _ done: @escaping () -> Void) {
        guard let agent else { return done() }
        agent.stop(within: time) { [self] _ in
            if self.agent === agent { ended() }
            // (Not within a turn of the loop that ends with it.)
            done()
        }
    }

    // MARK: What it says of itself

    /// Of this name, over all components of the running process.
    package func total(_ metric: String) -> Int { host.metrics.total(metric) }
    private var sentAgain: Int { total("retried_events_total") + total("resent_events_total") }
    /// The most events that may have come twice by what this agent has counted.
    package var mostRepeated: Int { retried + forgotten + (agent == nil ? 0 : sentAgain) }
    /// Nothing is on its way here.
    package var isEmpty: Bool {
        isRunning && agent?.streams.allSatisfy { $0.safe == $0.submitted } == true && total("events") == 0
            && total("unanswered_batches") == 0
    }
    /// Bounds that do not hold at this moment.
    package var brokenBounds: [String] {
        guard agent != nil else { return [] }
        var broken: [String] = []
        let memory = host.memory
        if memory.used > memory.limit { broken.append("\(host.name): \(memory.used) bytes received of \(memory.limit)") }
        for channel in ["\(name).channels.c1", "\(name).channels.c2"] {
            for (value, limit) in [("events", "capacity_events"), ("bytes", "capacity_bytes")] {
                guard let used = host.metrics.value(value, channel), let most = host.metrics.value(limit, channel),
                    used > most
                else { continue }
                broken.append("\(host.name) \(channel): \(used) \(value) of \(most)")
            }
        }
        return broken
    }
}
