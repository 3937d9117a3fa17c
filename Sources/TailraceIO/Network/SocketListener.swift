import CLinux
import Glibc
import TailraceCore

final class SocketListener: Listener, ReadinessHandler {
    /// Connections accepted in one turn: others have their share of the loop.
    static let acceptsPerTurn = 64
    /// How long it leaves new connections in the kernel when there are no descriptors or no memory for them.
    static let pauseWithoutDescriptors = Duration.milliseconds(250)
    static let backlog: Int32 = 4096

    let endpoint: Endpoint
    var isPaused = false { didSet { updateInterest() } }

    private let network: EpollNetwork
    private let accept: (any ByteStream) -> Void
    private var descriptor: Int32
    private var registration = Registration()
    /// Set while it waits for descriptors.
    private var retryTimer: TimerID?
    /// Of a Unix socket: the file that is removed with it.
    private let socketFile: UnixSocketFile?

    private var loop: EpollLoop { network.loop }

    /// Takes over a socket that listens.
    init(
        _ network: EpollNetwork, _ descriptor: Int32, _ endpoint: Endpoint, _ socketFile: UnixSocketFile?,
        _ accept: @escaping (any ByteStream) -> Void
    ) {
        (self.network, self.descriptor, self.endpoint) = (network, descriptor, endpoint)
        (self.socketFile, self.accept) = (socketFile, accept)
        updateInterest()
    }
    deinit { close() }

    func close() {
        guard descriptor >= 0 else { return }
        if let timer = retryTimer { loop.cancel(timer) }
        loop.poller.remove(descriptor, &registration)
        Glibc.close(descriptor)
        descriptor = -1
        socketFile?.remove()
    }

    private func updateInterest() {
        guard descriptor >= 0 else { return }
        loop.poller.set(isPaused || retryTimer != nil ? [] : .readable, of: descriptor, &registration, owner: self)
    }

    func isReady(_ readiness: Readiness) {
        for _ in 0..<Self.acceptsPerTurn {
            guard descriptor >= 0 && !isPaused else { return }
            guard let (connection, address) = SocketAddress.read({ network.acceptCall(descriptor, $0, $1) }) else {
                switch errno {
                case EAGAIN: return
                case EMFILE, ENFILE, ENOBUFS, ENOMEM: return waitForDescriptors(errno)
                default: continue  // the connection died in the kernel's queue (accept(2): treat them like EAGAIN)
                }
            }
            let peer: Endpoint = if case .path = endpoint { endpoint } else { address.endpoint }
            accept(DescriptorStream(loop, connection, peer: peer, isSocket: true))
        }
    }

    private func waitForDescriptors(_ code: Int32) {
        let error = networkError(code, endpoint.description)
        network.log?.write(.warning, network.name, "\(error); connections wait until there are some again.")
        retryTimer = loop.schedule(at: loop.now + Self.pauseWithoutDescriptors) { [weak self] in
            self?.retryTimer = nil
            self?.updateInterest()
        }
        updateInterest()
    }
}
