package import TailraceCore
import TailraceTLS

/// The network as one process sees it. Names: the hosts' own, "localhost" and 127.0.0.1 (this host), and those of
/// ``Fabric/names``; one that nobody knows fails after a while.
package final class SimulatedNetwork: Network {
    private let host: String
    private let loop: SimulatedLoop
    private let timeline: Timeline
    private let fabric: Fabric
    private var listening: [ListenerState] = []
    private var datagramAddresses: Set<Fabric.Address> = []
    private var nextPort: UInt16
    private var hasEnded = false
    private let tls: TLSLayer

    init(
        _ host: String, _ incarnation: Int, _ loop: SimulatedLoop, _ timeline: Timeline, _ fabric: Fabric,
        _ files: any FileSystem, _ log: any Log
    ) {
        tls = TLSLayer(SimulatedTLS(), files, loop, log, name: host + ".network")
        (self.host, self.loop, self.timeline, self.fabric) = (host, loop, timeline, fabric)
        nextPort = UInt16(32_768 + incarnation % 100 * 100)
    }

    package func listen(
        at endpoint: Endpoint, tls settings: TLSSettings?, refused: @escaping (Endpoint?, TailraceError) -> Void,
        _ accept: @escaping (any ByteStream) -> Void
    ) throws(TailraceError) -> any Listener {
        if let settings {
            return try tls.listen(settings, refused: refused, accept) { plain throws(TailraceError) in
                try listen(at: endpoint, tls: nil, refused: refused, plain)
            }
        }
        let address = try own(endpoint) { fabric.listener($0) != nil }
        guard fabric.listener(address) == nil else { throw Self.inUse(endpoint) }
        var isLoopback = false
        if case .host(let name, _) = endpoint { isLoopback = Self.isLoopback(name) }
        let state = ListenerState(address, self, loop, isLoopbackOnly: isLoopback, accept)
        fabric.listen(state)
        listening.append(state)
        timeline.note("listen", host, Int(address.port ?? 0))
        guard case .host(let name, _) = endpoint, let port = address.port else {
            return SimulatedListener(endpoint, state) { [weak self] in self?.closed(state) }
        }
        return SimulatedListener(.host(name, port: port), state) { [weak self] in self?.closed(state) }
    }

    private static func inUse(_ endpoint: Endpoint) -> TailraceError {
        TailraceError(
            code: "network.bind", message: "cannot listen at \(endpoint): the address is in use",
            fix: "stop the other program, or choose another port")
    }

    package func openDatagrams(at endpoint: Endpoint, _ options: DatagramOptions) throws(TailraceError) -> any DatagramSocket {
        let address = try own(endpoint) { fabric.datagramPort($0) != nil }
        guard fabric.datagramPort(address) == nil, case .host(let name, _) = endpoint, let port = address.port else {
            throw Self.inUse(endpoint)
        }
        let state = DatagramPort(loop, options)
        fabric.open(state, at: address)
        datagramAddresses.insert(address)
        timeline.note("open datagrams", host, Int(port))
        return SimulatedDatagrams(.host(name, port: port), state) { [weak self] in
            self?.datagramAddresses.remove(address)
            self?.fabric.removeDatagramPort(address)
        }
    }

    /// A host's address is its name; ``Fabric/names`` with `.hangs` answers at the limit.
    package func name(of address: String, limit: Duration, _ done: @escaping (String?) -> Void) {
        let answer: String?, delay: Duration
        switch fabric.resolve(address) {
        case .host(let name): (answer, delay) = (name, min(fabric.latency(), limit))
        case .unknown: (answer, delay) = (nil, min(fabric.latency(), limit))
        case .hangs: (answer, delay) = (nil, limit)
        }
        loop.schedule(at: loop.now + delay) { done(answer) }
    }

    static func isLoopback(_ name: String) -> Bool { ["localhost", "127.0.0.1", "::1"].contains(name) }

    private func own(
        _ endpoint: Endpoint, _ isTaken: (Fabric.Address) -> Bool
    ) throws(TailraceError) -> Fabric.Address {
        switch endpoint {
        case .path(let path): return Fabric.Address(host: host, port: nil, path: path)
        case .host(let name, let port):
            guard Self.isLoopback(name) || ["0.0.0.0", "::", "", host].contains(name) else {
                throw TailraceError(
                    code: "network.bind", message: "cannot listen at \(endpoint): not an address of this host",
                    fix: "use 0.0.0.0, or an address of this host")
            }
            if port > 0 { return Fabric.Address(host: host, port: port) }
            while isTaken(Fabric.Address(host: host, port: nextPort)) { nextPort += 1 }
            defer { nextPort += 1 }
            return Fabric.Address(host: host, port: nextPort)
        }
    }
    private func closed(_ state: ListenerState) {
        fabric.remove(state)
        listening.removeAll { $0 === state }
        state.accept = nil
        state.backlog = []  // closes them
    }

    package func connect(
        to endpoint: Endpoint, tls settings: TLSSettings?, deadline: Instant,
        _ done: @escaping (Result<any ByteStream, TailraceError>) -> Void
    ) -> any Cancellable {
        if let settings {
            return tls.connect(settings, to: endpoint, deadline: deadline, done) {
                connect(to: endpoint, tls: nil, deadline: deadline, $0)
            }
        }
        let attempt = ConnectAttempt(endpoint, deadline, loop, done)
        switch resolve(endpoint) {
        case .host(let name):
            timeline.after(fabric.latency()) { [weak self] in self?.knock(attempt, at: name) }
        case .unknown:
            let error = TailraceError(
                code: "network.resolve", message: "no address for the name of \(endpoint)",
                fix: "check the name, and the name server")
            timeline.after(fabric.latency()) { attempt.finish(.failure(error)) }
        case .hangs: break
        }
        return attempt
    }

    private func resolve(_ endpoint: Endpoint) -> Fabric.Name {
        guard case .host(let name, _) = endpoint, !Self.isLoopback(name) else { return .host(host) }
        return fabric.resolve(name)
    }

    /// The first packet of a connection arrives, or does not, and is sent again.
    private func knock(_ attempt: ConnectAttempt, at name: String) {
        guard !hasEnded, attempt.isOpen else { return }
        if fabric.isCut(host, name) || fabric.random.chance(timeline.faults.loseConnect) {
            return timeline.after(.seconds(1)) { [weak self] in self?.knock(attempt, at: name) }
        }
        var address = Fabric.Address(host: name, port: nil)
        switch attempt.endpoint {
        case .path(let path): address.path = path
        case .host(_, let port): address.port = port
        }
        let state = fabric.listener(address)
        guard let state, name == host || !state.isLoopbackOnly, !fabric.random.chance(timeline.faults.refuse) else {
            let error = TailraceError(
                code: "network.refused", message: "nobody listens at \(attempt.endpoint)",
                fix: "see whether the other agent runs, and check host and port")
            return fabric.send(name, host) { attempt.finish(.failure(error)) }
        }
        guard state.backlog.count < ListenerState.backlogLimit else {
            return timeline.after(.seconds(1)) { [weak self] in self?.knock(attempt, at: name) }
        }
        establish(attempt, state)
    }

    private func establish(_ attempt: ConnectAttempt, _ state: ListenerState) {
        let isPath = state.address.port == nil
        let from = isPath ? attempt.endpoint : Endpoint.host(host, port: UInt16(49_152 + fabric.random.below(16_000)))
        guard let other = state.network else { return }  // it has just ended
        let client = StreamOwner(host: host, network: self, loop: loop, peer: attempt.endpoint)
        let server = StreamOwner(host: state.address.host, network: other, loop: state.loop, peer: from)
        let connection = fabric.connect(client, server)
        let streams = connection.makeStreams(client, server)
        timeline.note("connection", host + " " + state.address.host, connection.number)
        state.arrived(streams.server)
        fabric.send(state.address.host, host) { attempt.finish(.success(streams.client)) }
    }

    /// The process is gone: its kernel resets what it had.
    func end() {
        hasEnded = true
        for state in listening {
            fabric.remove(state)
            state.accept = nil
        }
        for address in datagramAddresses { fabric.removeDatagramPort(address) }
        datagramAddresses = []
        fabric.died(self)
        for state in listening { state.backlog = [] }
        listening = []
    }
}

/// An attempt to connect; answers once, on the loop.
final class ConnectAttempt: Cancellable {
    let endpoint: Endpoint
    private let loop: SimulatedLoop
    private var done: ((Result<any ByteStream, TailraceError>) -> Void)?
    private var timer: TimerID?
    private var isAnswered = false

    init(
        _ endpoint: Endpoint, _ deadline: Instant, _ loop: SimulatedLoop,
        _ done: @escaping (Result<any ByteStream, TailraceError>) -> Void
    ) {
        (self.endpoint, self.loop, self.done) = (endpoint, loop, done)
        let began = loop.now
        timer = loop.schedule(at: deadline) { [self] in
            answer(
                .failure(
                    TailraceError(
                        code: "network.timeout", message: "no answer from \(endpoint) within \((loop.now - began).text)",
                        fix: "see whether the host is up and reachable")))
        }
    }
    var isOpen: Bool { done != nil && !isAnswered }

    func finish(_ result: Result<any ByteStream, TailraceError>) {
        guard isOpen else { return }
        isAnswered = true
        loop.enqueue { [self] in answer(result) }
    }
    private func answer(_ result: Result<any ByteStream, TailraceError>) {
        guard let done else { return }
        self.done = nil
        if let timer { loop.cancel(timer) }
        done(result)
    }
    func cancel() {
        done = nil
        if let timer { loop.cancel(timer) }
    }
}

/// A listener as a component has it.
final class SimulatedListener: Listener {
    let endpoint: Endpoint
    private let state: ListenerState
    private var closed: (() -> Void)?

    init(_ endpoint: Endpoint, _ state: ListenerState, _ closed: @escaping () -> Void) {
        (self.endpoint, self.state, self.closed) = (endpoint, state, closed)
    }
    var isPaused: Bool {
        get { state.isPaused }
        set {
            state.isPaused = newValue
            if !newValue { state.loop.enqueue { [state] in state.acceptAll() } }
        }
    }
    func close() {
        closed?()
        closed = nil
    }
}
