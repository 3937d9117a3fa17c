import Glibc
package import TailraceCore

/// All seams for real, on one loop.
package enum RealEnvironment {
    /// Called on the loop's thread. `component`: the agent's name, which the environment's parts are named after.
    /// `memoryBytes`: for what is being received. `seed`: see ``randomSeed()``.
    package static func make(
        loop: EpollLoop, broker: any Broker, http: any HTTP = NoHTTP(), component: String, stateDirectory: String,
        memoryBytes: Int,
        log: any Log = StandardLog(), metrics: any Metrics = MetricsRegistry(), seed: UInt64 = randomSeed()
    ) -> Environment {
        let memory = BudgetedMemory(memoryBytes, loop)
        let environment = Environment(
            component: component, loop: loop, network: EpollNetwork(loop, log: log, name: component + ".network"),
            files: LocalFileSystem(loop), processes: PosixProcesses(loop), broker: broker, http: http, log: log,
            metrics: metrics,
            memory: memory, stateDirectory: stateDirectory,
            homeDirectory: getenv("HOME").map { String(cString: $0) } ?? "/",
            localTimeZone: getenv("TZ").map { String(cString: $0) } ?? "", localHost: .ofThisMachine(),
            random: SeededRandom(seed: seed))
        environment.gauge("slow_turns_total") { loop.slowTurns }
        environment.gauge("receive_memory_bytes") { memory.used }
        environment.gauge("receive_memory_refusals_total") { memory.refusals }
        return environment
    }
}
