import TailraceCore

/// The network between the hosts: names, who listens, partitions, connections.
package final class Fabric {
    /// What the name server says.
    package enum Name: Sendable {
        case host(String)
        case unknown
        /// It never answers.
        case hangs
    }
    struct Address: Hashable {
        var host: String
        /// nil: a path.
        var port: UInt16?
        var path = ""
    }
    private struct Pair: Hashable {
        var a: String, b: String
        init(_ a: String, _ b: String) { (self.a, self.b) = a < b ? (a, b) : (b, a) }
    }
    let timeline: Timeline
    var random: SeededRandom
    /// Beside the hosts' own names.
    package var names: [String: Name] = [:]
    private var listeners: [Address: ListenerState] = [:]
    private var datagramPorts: [Address: DatagramPort] = [:]
    private var partitions: Set<Pair> = []
    private var connections: [Int: Connection] = [:]
    private var hosts: Set<String> = []
    private var nextConnection = 0
    /// When the last datagram of a host arrives that keeps its order.
    private var lastDatagram: [String: Instant] = [:]
    /// After each partition and healing.
    var changed: () -> Void = {}

    init(_ timeline: Timeline) {
        self.timeline = timeline
        random = timeline.random("network")
    }

    func latency() -> Duration { random.duration(timeline.faults.latency) }
    func isCut(_ a: String, _ b: String) -> Bool { !partitions.isEmpty && partitions.contains(Pair(a, b)) }

    func listener(_ address: Address) -> ListenerState? { listeners[address] }
    func listen(_ state: ListenerState) { listeners[state.address] = state }
    func remove(_ state: ListenerState) { listeners[state.address] = nil }

    func datagramPort(_ address: Address) -> DatagramPort? { datagramPorts[address] }
    func open(_ port: DatagramPort, at address: Address) { datagramPorts[address] = port }
    func removeDatagramPort(_ address: Address) { datagramPorts[address] = nil }

    /// From a program on `host`: to whoever has the port when it arrives; nobody is told when it does not.
    func sendDatagram(_ bytes: [UInt8], from host: String, port: UInt16, to target: Address) {
        let faults = timeline.faults
        guard !random.chance(faults.loseDatagram) else { return timeline.note("lost datagram", host, bytes.count) }
        for _ in 0..<(random.chance(faults.doubleDatagram) ? 2 : 1) {
            var arrival = timeline.now + latency()
            if random.chance(faults.lateDatagram) {
                arrival = arrival + random.duration(faults.delayTime)
            } else {
                lastDatagram[host] = max(arrival, lastDatagram[host] ?? arrival)
                arrival = lastDatagram[host]!
            }
            timeline.at(arrival) { [self] in
                guard !isCut(host, target.host), let receiver = datagramPorts[target] else { return }
                receiver.arrived(bytes, from: .host(host, port: port))
            }
        }
    }

    func connect(_ client: StreamOwner, _ server: StreamOwner) -> Connection {
        let connection = Connection(nextConnection, client, server, self)
        nextConnection += 1
        connections[connection.number] = connection
        return connection
    }
    func remove(_ connection: Connection) { connections[connection.number] = nil }
    /// The process is gone: its kernel resets what it had.
    func died(_ process: SimulatedNetwork) {
        for connection in inOrder { connection.died(process) }
    }
    private var inOrder: [Connection] { connections.keys.sorted().map { connections[$0]! } }

    func add(host: String) { hosts.insert(host) }
    func resolve(_ name: String) -> Name { names[name] ?? (hosts.contains(name) ? .host(name) : .unknown) }

    func partition(_ a: String, _ b: String) {
        timeline.note("partition", a + " " + b)
        partitions.insert(Pair(a, b))
        changed()
    }
    func heal(_ a: String, _ b: String) {
        timeline.note("heal", a + " " + b)
        partitions.remove(Pair(a, b))
        for connection in inOrder { connection.healed() }
        changed()
    }
    func healAll() {
        timeline.note("heal", "all")
        partitions = []
        for connection in inOrder { connection.healed() }
        changed()
    }
    /// A packet that nobody must wait for: lost in a partition.
    func send(_ from: String, _ to: String, _ arrived: @escaping () -> Void) {
        timeline.after(latency()) { [self] in if !isCut(from, to) { arrived() } }
    }
}

/// Whose end of a connection it is.
struct StreamOwner {
    var host: String
    unowned var network: SimulatedNetwork
    var loop: SimulatedLoop
    var peer: Endpoint?
}

/// What the kernel has of a listener.
final class ListenerState {
    let address: Fabric.Address
    let loop: SimulatedLoop
    private(set) weak var network: SimulatedNetwork?
    let isLoopbackOnly: Bool
    var accept: ((any ByteStream) -> Void)?
    var backlog: [SimulatedStream] = []
    var isPaused = false
    static let backlogLimit = 128

    init(
        _ address: Fabric.Address, _ network: SimulatedNetwork, _ loop: SimulatedLoop, isLoopbackOnly: Bool,
        _ accept: @escaping (any ByteStream) -> Void
    ) {
        (self.address, self.network, self.loop) = (address, network, loop)
        (self.isLoopbackOnly, self.accept) = (isLoopbackOnly, accept)
    }
    func arrived(_ stream: SimulatedStream) {
        backlog.append(stream)
        loop.enqueue { self.acceptAll() }
    }
    func acceptAll() {
        while !isPaused, let accept, !backlog.isEmpty { accept(backlog.removeFirst()) }
    }
}
