import CLinux
import Glibc
import TailraceCore

/// A UDP port, read in bulk (recvmmsg): at most ``perCall`` datagrams for one call.
final class UDPSocket: DatagramSocket, ReadinessHandler {
    static let perCall = Int(CLINUX_DATAGRAMS)

    weak var handler: (any DatagramHandler)?
    let endpoint: Endpoint
    let receiveBufferBytes: Int

    private let loop: EpollLoop
    private let largestBytes: Int
    private var descriptor: Int32
    private var registration = Registration()
    /// A `wouldBlock` is not yet answered.
    private var wantsRead = false
    /// The last call got fewer than it could have.
    private var isDrained = false
    /// Slots of `largestBytes`, of which the kernel gives no page before it is written to.
    private let space: UnsafeMutableRawBufferPointer
    private let results = UnsafeMutablePointer<clinux_datagram>.allocate(capacity: UDPSocket.perCall)
    /// At the end, so that it can be asked afterwards.
    private var droppedAtClose = 0

    /// Takes over a socket that is bound.
    init(_ loop: EpollLoop, _ descriptor: Int32, _ endpoint: Endpoint, _ options: DatagramOptions) {
        (self.loop, self.descriptor, self.endpoint) = (loop, descriptor, endpoint)
        largestBytes = options.largestBytes
        receiveBufferBytes = Int(clinux_set_receive_buffer(descriptor, Int32(clamping: options.receiveBufferBytes ?? 0)))
        space = .allocate(byteCount: Self.perCall * options.largestBytes, alignment: 16)
        results.initialize(repeating: clinux_datagram(), count: Self.perCall)
    }
    deinit {
        close()
        space.deallocate()
        results.deallocate()
    }

    var dropped: Int {
        descriptor < 0 ? droppedAtClose : max(0, Int(clinux_dropped_datagrams(descriptor)))
    }

    func receive(_ each: (Datagram) -> Void) throws(TailraceError) -> DatagramResult {
        guard descriptor >= 0 else {
            throw TailraceError(code: "network.closed", message: "\(endpoint): used after it was closed")
        }
        if isDrained { return blocked() }
        let slot = UInt32(largestBytes)
        let count = Int(clinux_receive_datagrams(descriptor, space.baseAddress!, slot, results, Int32(Self.perCall)))
        guard count >= 0 else {
            if errno == EAGAIN { return blocked() }
            throw networkError(errno, endpoint.description)
        }
        isDrained = count < Self.perCall
        for index in 0..<count {
            let start = index * largestBytes
            let bytes = UnsafeRawBufferPointer(rebasing: space[start..<start + Int(results[index].length)])
            each(Datagram(bytes: bytes, isTruncated: results[index].truncated != 0, index: index))
        }
        return .datagrams(count)
    }

    func sender(_ index: Int) -> Endpoint {
        withUnsafeBytes(of: &results[index].address) {
            SocketAddress($0.baseAddress!, count: min(Int(results[index].address_length), $0.count)).endpoint
        }
    }

    func close() {
        guard descriptor >= 0 else { return }
        droppedAtClose = dropped
        loop.poller.remove(descriptor, &registration)
        Glibc.close(descriptor)
        descriptor = -1
        wantsRead = false
    }

    private func blocked() -> DatagramResult {
        wantsRead = true
        loop.poller.set(.readable, of: descriptor, &registration, owner: self)
        return .wouldBlock
    }

    func isReady(_ readiness: Readiness) {
        guard wantsRead else {  // nobody reads: no more signals until somebody wants to
            return loop.poller.set([], of: descriptor, &registration, owner: self)
        }
        (wantsRead, isDrained) = (false, false)
        handler?.datagramsAreReadable(self)
    }
}
