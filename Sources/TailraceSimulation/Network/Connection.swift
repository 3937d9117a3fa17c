import TailraceCore

/// A connection as both kernels see it: two directions, and the resets that go through.
final class Connection {
    let number: Int
    let hosts: [String]
    private let fabric: Fabric
    private var pipes: [Pipe] = []
    private var ends: [Weak] = []
    private var isOpen = [true, true]
    private var random: SeededRandom
    private var isReset = false
    private let networks: [Unretained]

    private struct Weak { weak var stream: SimulatedStream? }
    private struct Unretained { weak var network: SimulatedNetwork? }

    init(_ number: Int, _ client: StreamOwner, _ server: StreamOwner, _ fabric: Fabric) {
        (self.number, self.fabric) = (number, fabric)
        hosts = [client.host, server.host]
        networks = [Unretained(network: client.network), Unretained(network: server.network)]
        random = fabric.random.split("connection \(number)")
        let names = hosts
        let isCut = { [unowned fabric] in fabric.isCut(names[0], names[1]) }
        for direction in 0...1 {
            // Small enough that a sender meets its end often, large enough not to crawl.
            let capacity = 1 << (14 + random.below(5))
            pipes.append(Pipe(fabric.timeline, random.split("pipe \(direction)"), capacity: capacity, isCut: isCut))
        }
    }

    /// The two ends: of the client, then of the server.
    func makeStreams(_ client: StreamOwner, _ server: StreamOwner) -> (client: SimulatedStream, server: SimulatedStream) {
        let first = SimulatedStream(client.loop, client.peer, incoming: pipes[1], outgoing: pipes[0])
        let second = SimulatedStream(server.loop, server.peer, incoming: pipes[0], outgoing: pipes[1])
        for (end, stream) in [first, second].enumerated() {
            ends.append(Weak(stream: stream))
            stream.closed = { [self] in closed(end) }
            stream.wrote = { [weak self] in self?.wrote() }
        }
        // Bytes for an end that is closed: its kernel answers with a reset.
        pipes[0].refused = { [weak self] in self?.sendReset(to: 0) }
        pipes[1].refused = { [weak self] in self?.sendReset(to: 1) }
        return (first, second)
    }

    func healed() { for pipe in pipes { fabric.timeline.after(fabric.latency()) { pipe.arrive() } } }

    private func wrote() {
        guard random.chance(fabric.timeline.faults.reset) else { return }
        fabric.timeline.note("reset", "connection", number)
        fabric.timeline.after(fabric.latency()) { [weak self] in self?.reset() }
    }

    private func closed(_ end: Int) {
        guard isOpen[end] else { return }
        isOpen[end] = false
        let incoming = pipes[1 - end]
        incoming.isDeaf = true
        if incoming.unread > 0 { sendReset(to: 1 - end) } else { pipes[end].finish() }
        if isOpen == [false, false] { fabric.remove(self) }
    }

    /// The process is gone; perhaps both ends were its.
    func died(_ process: SimulatedNetwork) {
        for end in 0...1 where isOpen[end] && networks[end].network === process {
            isOpen[end] = false
            pipes[1 - end].isDeaf = true
            sendReset(to: 1 - end)
        }
        if isOpen == [false, false] { fabric.remove(self) }
    }

    private func sendReset(to end: Int) {
        fabric.send(hosts[1 - end], hosts[end]) { [weak self] in self?.arrivedReset(end) }
    }
    private func arrivedReset(_ end: Int) {
        let keeps = random.chance(0.5)
        pipes[1 - end].breakOff(keepsArrived: keeps)
        pipes[end].breakOff(keepsArrived: true)
        ends[end].stream?.broke()
    }

    /// Something in between resets both sides.
    private func reset() {
        guard !isReset else { return }
        isReset = true
        for end in 0...1 { arrivedReset(end) }
    }
}
