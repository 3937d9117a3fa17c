import Glibc
import TailraceCore

/// One attempt to connect: resolves the name, then tries its addresses in turn, each with an equal part of the time that is
/// left. Kept by its deadline's timer until it has answered.
final class Connector: ReadinessHandler, Cancellable {
    typealias Done = (Result<any ByteStream, TailraceError>) -> Void

    private let network: EpollNetwork
    private let target: Endpoint
    private let deadline: Instant
    /// nil: answered or cancelled.
    private var done: Done?

    private var deadlineTimer: TimerID?
    private var attemptTimer: TimerID?
    private var request: UInt64?
    private var remaining: ArraySlice<SocketAddress> = []
    private var current: SocketAddress?
    private var descriptor: Int32 = -1
    private var registration = Registration()
    /// One for each address that was tried.
    private var failures: [TailraceError] = []

    private var loop: EpollLoop { network.loop }

    init(_ network: EpollNetwork, _ target: Endpoint, _ deadline: Instant, _ done: @escaping Done) {
        (self.network, self.target, self.deadline, self.done) = (network, target, deadline, done)
    }
    deinit { closeSocket() }

    func start() {
        deadlineTimer = loop.schedule(at: deadline) { self.timedOut() }
        switch target {
        case .path(let path):
            do throws(TailraceError) {
                begin([try SocketAddress(path: path)])
            } catch {
                fail(error)
            }
        case .host(let name, let port):
            if let address = SocketAddress(literal: name, port: port) {
                begin([address])
            } else {
                request = network.resolver.resolve(name) { [self] in resolved(name, port, $0) }
            }
        }
    }

    func cancel() { finish() }

    private func resolved(_ name: String, _ port: UInt16, _ answer: Resolver.Answer) {
        request = nil
        switch answer {
        case .success(let addresses) where !addresses.isEmpty: begin(addresses.map { $0.with(port: port) })
        case .success: fail(resolveError(name, "the name has none"))
        case .failure(let failure): fail(resolveError(name, failure.reason))
        }
    }

    private func begin(_ addresses: [SocketAddress]) {
        remaining = addresses[...]
        tryNext()
    }

    private func tryNext() {
        closeSocket()
        guard let address = remaining.popFirst() else { return fail(summary()) }
        current = address
        descriptor = socket(address.family, CInt(SOCK_STREAM.rawValue) | socketFlags, 0)
        guard descriptor >= 0 else { return attemptFailed(errno) }
        if address.family != AF_UNIX { setConnectionOptions(descriptor) }
        connectNow(address)
    }

    private func connectNow(_ address: SocketAddress) {
        if address.withAddress({ Glibc.connect(descriptor, $0, $1) }) == 0 { return connected() }
        switch errno {
        case EINPROGRESS, EINTR:
            loop.poller.set(.writable, of: descriptor, &registration, owner: self)
            limitAttempt()
        case EAGAIN:  // a Unix socket whose listener is behind: it says nothing when there is room again
            attemptTimer = loop.schedule(at: loop.now + .milliseconds(10)) { [self] in
                attemptTimer = nil
                connectNow(address)
            }
        case let code:
            attemptFailed(code)
        }
    }

    /// With more addresses to come, one that does not answer may not use up the time of all.
    private func limitAttempt() {
        guard !remaining.isEmpty else { return }
        let rest = (deadline - loop.now).nanoseconds
        attemptTimer = loop.schedule(at: loop.now + .nanoseconds(rest / Int64(remaining.count + 1))) { [self] in
            attemptTimer = nil
            attemptFailed(ETIMEDOUT)
        }
    }

    /// The attempt has ended, one way or the other.
    func isReady(_ readiness: Readiness) {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return attemptFailed(errno) }
        if code == 0 { connected() } else { attemptFailed(code) }
    }

    private func connected() {
        // Who connects to a free port of his own machine may, by chance, be given that port and meet himself.
        if let address = current, address.family != AF_UNIX,
            let own = SocketAddress.read({ getsockname(descriptor, $0, $1) })?.1, own == address
        {
            return attemptFailed(ECONNREFUSED)
        }
        loop.poller.remove(descriptor, &registration)
        let peer: Endpoint = if case .path = target { target } else { current?.endpoint ?? target }
        let stream = DescriptorStream(loop, descriptor, peer: peer, isSocket: true)
        descriptor = -1
        answer(.success(stream))
    }

    private func attemptFailed(_ code: Int32) {
        let peer = current.flatMap { $0.family == AF_UNIX ? nil : $0.description } ?? target.description
        let via = peer == target.description ? peer : "\(target) (\(peer))"
        failures.append(networkError(code, via))
        tryNext()
    }

    /// The last address's error, with those of the others.
    private func summary() -> TailraceError {
        var error = failures.last ?? networkError(ECONNREFUSED, target.description)
        if failures.count > 1 { error.message = failures.map(\.message).joined(separator: "; ") }
        return error
    }

    private func timedOut() {
        deadlineTimer = nil
        let stage = request == nil ? "no answer" : "the name service has not answered"
        let others = failures.isEmpty ? "" : "; before: " + failures.map(\.message).joined(separator: "; ")
        fail(
            TailraceError(
                code: "network.timeout", message: "\(target): \(stage) by the deadline\(others)",
                fix: "check the peer, the network between and the name service, or allow more time."))
    }

    private func fail(_ error: TailraceError) { answer(.failure(error)) }

    /// In a later turn than the call that asked, and not at all if it is cancelled until then.
    private func answer(_ result: Result<any ByteStream, TailraceError>) {
        stopTrying()
        loop.enqueue { [self] in
            guard let done else { return }
            finish()
            done(result)
        }
    }

    private func stopTrying() {
        if let timer = deadlineTimer { loop.cancel(timer) }
        if case .host(let name, _) = target, let request { network.resolver.cancel(request, of: name) }
        (deadlineTimer, request, remaining) = (nil, nil, [])
        closeSocket()
    }

    private func finish() {
        done = nil
        stopTrying()
    }

    private func closeSocket() {
        if let timer = attemptTimer { loop.cancel(timer) }
        attemptTimer = nil
        guard descriptor >= 0 else { return }
        loop.poller.remove(descriptor, &registration)
        close(descriptor)
        descriptor = -1
    }
}
