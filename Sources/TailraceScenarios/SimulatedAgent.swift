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
        agent.start { [weak self] result in
            if case .failure(let error) = result { self?.failure = error }
        }
    }

    /// Remembers how far the streams of the running process are.
    package func noteStreams() {
        for status in agent?.streams ?? [] { streams[status.stream] = (status.submitted, status.safe) }
    }

    /// As by kill -9, or with `losingPower` as by a crash of the machine: what was not synced may be gone.
    package func crash(losingPower: Bool = false) {
        noteStreams()
        agent = nil
        host.crash(losingPower: losingPower)
    }
    package func restart() {
        host.restart()
        start()
    }
    /// As by SIGTERM; then the process is gone.
    package func stop(within time: Duration, _ done: @escaping () -> Void) {
        guard let agent else { return done() }
        agent.stop(within: time) { [self] _ in
            noteStreams()
            self.agent = nil
            // (Not within a turn of the loop that ends with it.)
            done()
        }
    }
}
