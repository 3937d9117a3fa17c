import TailraceCore

/// What the kernel has of a port for datagrams.
final class DatagramPort {
    /// What it counts for each datagram beside its bytes.
    private static let bookkeepingBytes = 512

    let loop: SimulatedLoop
    let options: DatagramOptions
    let capacity: Int
    private var waiting: [(bytes: [UInt8], sender: Endpoint)] = []
    private var used = 0
    private(set) var dropped = 0
    var readable: () -> Void = {}

    init(_ loop: SimulatedLoop, _ options: DatagramOptions) {
        (self.loop, self.options) = (loop, options)
        capacity = options.receiveBufferBytes ?? 212_992
    }

    var hasSomething: Bool { !waiting.isEmpty }

    func arrived(_ bytes: [UInt8], from sender: Endpoint) {
        let size = bytes.count + Self.bookkeepingBytes
        guard used + size <= capacity else { return dropped += 1 }
        used += size
        waiting.append((bytes, sender))
        readable()
    }
    func take(_ limit: Int) -> [(bytes: [UInt8], sender: Endpoint)] {
        let taken = Array(waiting.prefix(limit))
        waiting.removeFirst(taken.count)
        used -= taken.reduce(0) { $0 + $1.bytes.count + Self.bookkeepingBytes }
        return taken
    }
}

/// A port for datagrams, as a component has it.
final class SimulatedDatagrams: DatagramSocket {
    private static let perCall = 64

    weak var handler: (any DatagramHandler)?
    let endpoint: Endpoint
    private let port: DatagramPort
    private var closed: (() -> Void)?
    private var wantsRead = false
    private var isDrained = false
    private var senders: [Endpoint] = []

    init(_ endpoint: Endpoint, _ port: DatagramPort, _ closed: @escaping () -> Void) {
        (self.endpoint, self.port, self.closed) = (endpoint, port, closed)
        port.readable = { [weak self] in self?.signal() }
    }
    deinit { close() }

    var receiveBufferBytes: Int { port.capacity }
    var dropped: Int { port.dropped }

    func receive(_ each: (Datagram) -> Void) throws(TailraceError) -> DatagramResult {
        guard closed != nil else {
            throw TailraceError(code: "network.closed", message: "\(endpoint): used after it was closed")
        }
        let taken = isDrained ? [] : port.take(Self.perCall)
        guard !taken.isEmpty else {
            (isDrained, wantsRead) = (false, true)
            if port.hasSomething { signal() }
            return .wouldBlock
        }
        isDrained = taken.count < Self.perCall
        senders = taken.map(\.sender)
        for (index, datagram) in taken.enumerated() {
            let limit = port.options.largestBytes
            datagram.bytes.prefix(limit).withUnsafeBytes {
                each(Datagram(bytes: $0, isTruncated: datagram.bytes.count > limit, index: index))
            }
        }
        return .datagrams(taken.count)
    }
    func sender(_ index: Int) -> Endpoint { senders[index] }

    private func signal() {
        guard wantsRead else { return }
        wantsRead = false
        port.loop.enqueue { [weak self] in
            guard let self, closed != nil else { return }
            handler?.datagramsAreReadable(self)
        }
    }

    func close() {
        closed?()
        closed = nil
    }
}
