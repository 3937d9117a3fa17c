import TailraceCore

/// Reads a port for datagrams as long as the gatherer takes them: a bounded number a turn. While the channels are full the
/// gatherer's queue fills, then the kernel's; what the kernel drops is counted, and logged now and then.
final class DatagramReader: DatagramHandler {
    private let environment: Environment
    private let gatherer: EventGatherer
    private let each: (Datagram, any DatagramSocket) -> Void
    private var socket: (any DatagramSocket)?
    private var isQueued = false
    private var reported = 0
    private var drops = Seldom()

    /// `each`: adds a datagram's events to the gatherer.
    init(
        _ gatherer: EventGatherer, _ environment: Environment, _ each: @escaping (Datagram, any DatagramSocket) -> Void
    ) {
        (self.gatherer, self.environment, self.each) = (gatherer, environment, each)
        environment.gauge("kernel_dropped_datagrams_total") { [weak self] in self?.socket?.dropped ?? 0 }
    }

    var endpoint: Endpoint? { socket?.endpoint }

    func start(at endpoint: Endpoint, receiveBufferBytes: Int) throws(TailraceError) {
        let options = DatagramOptions(receiveBufferBytes: receiveBufferBytes)
        let socket = try environment.network.openDatagrams(at: endpoint, options)
        socket.handler = self
        self.socket = socket
        environment.log(.info, "receives at \(socket.endpoint)")
        if socket.receiveBufferBytes < receiveBufferBytes {
            environment.log(
                .warning,
                "the kernel holds \(socket.receiveBufferBytes) bytes of datagrams, asked for were "
                    + "\(receiveBufferBytes): bursts may be dropped; raise net.core.rmem_max")
        }
        read()
    }
    /// What is in the kernel's buffer now is read before: a bounded number.
    func stop() {
        for _ in 0..<256 where !gatherer.isBlocked { if receive() != true { break } }
        socket?.close()
    }

    func datagramsAreReadable(_ socket: any DatagramSocket) { read() }

    /// One call a turn, so that others have theirs.
    func read() {
        guard !isQueued, !gatherer.isBlocked, receive() == true else { return }
        isQueued = true
        environment.loop.enqueue { [weak self] in
            self?.isQueued = false
            self?.read()
        }
    }
    /// Whether there may be more; nil: an error.
    private func receive() -> Bool? {
        guard let socket else { return nil }
        do throws(TailraceError) {
            let result = try socket.receive { each($0, socket) }
            guard result != .wouldBlock else { return false }
            gatherer.addedLast()
            reportDrops(socket)
            return true
        } catch {
            guard error.code != "network.closed" else { return nil }
            environment.log(.error, "datagrams cannot be received: \(error)")
            return nil
        }
    }
    private func reportDrops(_ socket: any DatagramSocket) {
        let now = environment.loop.now
        guard drops.isPossible(now) else { return }
        let dropped = socket.dropped
        guard dropped > reported, drops.isDue(now) else { return }
        environment.log(
            .error,
            "\(dropped - reported) datagrams were dropped by the kernel, \(dropped) in all: they came faster than the "
                + "channels take events; raise receiveBufferSize or queueBytes, or see why the sinks are slow")
        reported = dropped
    }
}
