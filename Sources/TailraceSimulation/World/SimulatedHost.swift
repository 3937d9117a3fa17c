package import TailraceCore

/// A machine, and the process on it. What is of the machine stays (name, files, log); what is of the process ends with it and
/// is new after ``restart()``: loop, connections, metrics, memory.
package final class SimulatedHost {
    package let name: String
    package let log: SimulatedLog
    package let files: HostFiles
    /// What can be run here, by the first argument.
    package var programs: [String: (SimulatedChild) -> Void] = [:]
    private let timeline: Timeline
    private let fabric: Fabric
    private let broker: SimulatedBroker
    private var incarnation = 0
    private var crashes = 0
    private var process: SimulatedProcess!

    init(_ name: String, _ timeline: Timeline, _ fabric: Fabric, _ broker: SimulatedBroker) {
        (self.name, self.timeline, self.fabric, self.broker) = (name, timeline, fabric, broker)
        log = SimulatedLog(name, timeline)
        files = HostFiles(name, timeline)
        fabric.add(host: name)
        process = SimulatedProcess(self, incarnation, timeline, fabric, broker)
    }

    package var isUp: Bool { process.isUp }
    package var loop: SimulatedLoop { process.loop }
    package var metrics: MetricsRegistry { process.metrics }
    package var memory: BudgetedMemory { process.memory }
    /// Bytes that a process may have out for what it receives; of the next one that starts.
    package var memoryLimit = 64 << 20

    /// Of the process that runs now. After a restart a component draws other numbers than before.
    package func makeEnvironment(component: String) -> Environment {
        precondition(isUp, "\(name) is down: restart it first")
        return Environment(
            component: component, loop: process.loop, network: process.network, files: process.files,
            processes: process.processes,
            broker: process.clients, http: SimulatedHTTP(), log: log, metrics: process.metrics, memory: process.memory,
            stateDirectory: "/state", localHost: LocalHost(name: name),
            random: timeline.random("\(name) \(incarnation)").split(component))
    }

    /// The process ends at once: nothing of it runs again, its peers' connections are reset. `losingPower`: what was not synced
    /// is kept, lost or torn by the seed; else it was kill -9, and the kernel has everything that was written.
    package func crash(losingPower: Bool = true) {
        timeline.note("crash", name, losingPower ? 1 : 0)
        process.end()
        guard losingPower else { return }
        crashes += 1
        var random = timeline.random("power \(name) \(crashes)")
        files.tree.losePower(&random)
    }
    /// A new process on the same machine.
    package func restart() {
        if isUp { crash() }
        incarnation += 1
        timeline.note("restart", name, incarnation)
        process = SimulatedProcess(self, incarnation, timeline, fabric, broker)
    }
    /// Stops the process for a while (SIGSTOP, SIGCONT). Its kernel goes on: connections are made, bytes arrive.
    package func pause(for time: Duration) {
        timeline.note("pause", name, Int(time.milliseconds))
        process.loop.pause(until: timeline.now + time)
        process.clients.paused(for: time)
    }

    /// By another program on this machine, which need not run an agent. `port`: where it comes from.
    package func sendDatagram(_ bytes: [UInt8], from port: UInt16 = 40_000, to endpoint: Endpoint) {
        guard case .host(let target, let targetPort) = endpoint else { preconditionFailure("datagrams go to a host's port") }
        let isOwn = SimulatedNetwork.isLoopback(target)
        guard case .host(let receiver) = isOwn ? .host(name) : fabric.resolve(target) else { return }
        fabric.sendDatagram(bytes, from: name, port: port, to: Fabric.Address(host: receiver, port: targetPort))
    }

    func end() { process.end() }
}

/// One life of an agent: all that ends with it.
final class SimulatedProcess {
    let loop: SimulatedLoop
    let network: SimulatedNetwork
    let files: SimulatedFileSystem
    let processes: SimulatedProcesses
    let clients: SimulatedClients
    let metrics = MetricsRegistry()
    let memory: BudgetedMemory
    private(set) var isUp = true

    init(
        _ host: SimulatedHost, _ incarnation: Int, _ timeline: Timeline, _ fabric: Fabric, _ broker: SimulatedBroker
    ) {

        let name = "\(host.name)/\(incarnation)"
        loop = SimulatedLoop(name, timeline)
        files = SimulatedFileSystem(host.files, loop, timeline.random("files " + name))
        network = SimulatedNetwork(host.name, incarnation, loop, timeline, fabric, files, host.log)
        clients = SimulatedClients(host.name, broker, loop, timeline.random("kafka " + name))
        processes = SimulatedProcesses(host.name, loop, timeline, timeline.random("children " + name)) { [weak host] in
            host?.programs ?? [:]
        }
        memory = BudgetedMemory(host.memoryLimit, loop)
    }

    func end() {
        guard isUp else { return }
        isUp = false
        loop.end()
        network.end()
        clients.end()
        processes.end()
        files.end()
    }
}
