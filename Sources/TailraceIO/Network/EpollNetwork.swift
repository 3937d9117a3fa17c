import CLinux
import Glibc
package import TailraceCore
import TailraceOpenSSL
import TailraceTLS

/// The network for real: TCP and UDP over IPv4 and IPv6, and Unix sockets.
package final class EpollNetwork: Network {
    /// accept4() or a double of it that has no descriptors.
    typealias AcceptCall = (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32

    let loop: EpollLoop
    let log: (any Log)?
    /// For the log.
    let name: String
    private(set) var resolver: Resolver
    private let names: LookUps<String>
    let acceptCall: AcceptCall
    private let lookUp: @Sendable (String) -> Resolver.Answer
    private let tls: TLSLayer

    /// How long a start may wait for the name service, for a source that binds to a name. See ``listen(at:tls:refused:_:)``.
    static let bindLookUpLimit = Duration.seconds(5)

    package convenience init(_ loop: EpollLoop, log: (any Log)? = nil, name: String = "network") {
        self.init(loop, log: log, name: name, lookUp: { TailraceIO.lookUp($0) })
    }

    /// With another name service and accept call, for tests.
    init(
        _ loop: EpollLoop, log: (any Log)? = nil, name: String = "network",
        lookUp: @escaping @Sendable (String) -> Resolver.Answer,
        accept: @escaping AcceptCall = { clinux_accept($0, $1, $2) }
    ) {
        (self.loop, self.log, self.name) = (loop, log, name)
        (self.lookUp, acceptCall) = (lookUp, accept)
        resolver = Resolver(loop, lookUp)
        names = LookUps(loop) { nameOf($0) }
        tls = TLSLayer(OpenSSLProvider(), LocalFileSystem(loop), loop, log, name: name)
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
        let connector = Connector(self, endpoint, deadline, done)
        connector.start()
        return connector
    }

    /// The one call that may wait: to listen at a name (not at an address) the name service is asked, for at most
    /// ``bindLookUpLimit``. It happens when a component starts.
    package func listen(
        at endpoint: Endpoint, tls settings: TLSSettings?, refused: @escaping (Endpoint?, TailraceError) -> Void,
        _ accept: @escaping (any ByteStream) -> Void
    ) throws(TailraceError) -> any Listener {
        if let settings {
            return try tls.listen(settings, refused: refused, accept) { plain throws(TailraceError) in
                try listen(at: endpoint, tls: nil, refused: refused, plain)
            }
        }
        switch endpoint {
        case .path(let path):
            let descriptor = try newSocket(AF_UNIX, endpoint)
            do throws(TailraceError) {
                let file = try UnixSocketFile.bind(descriptor, path)
                guard Glibc.listen(descriptor, SocketListener.backlog) == 0 else { throw bindError(errno, endpoint) }
                return SocketListener(self, descriptor, endpoint, file, accept)
            } catch {
                close(descriptor)
                throw error
            }
        case .host(let name, let port):
            let (descriptor, own) = try listeningSocket(name, port)
            return SocketListener(self, descriptor, own, nil, accept)
        }
    }

    /// A TCP socket that listens, with the port that it really got, for whoever accepts by itself (a library with connections
    /// of its own). It is the caller's to close. Errors and waiting as in ``listen(at:_:)``.
    package func listeningSocket(_ name: String, _ port: UInt16) throws(TailraceError) -> (descriptor: Int32, Endpoint) {
        try first(of: name, port) { address throws(TailraceError) in
            try listeningSocket(address, .host(name, port: port))
        }
    }

    /// As ``listen(at:_:)``: a name is looked up.
    package func openDatagrams(at endpoint: Endpoint, _ options: DatagramOptions) throws(TailraceError) -> any DatagramSocket {
        guard case .host(let name, let port) = endpoint else { throw bindError(EAFNOSUPPORT, endpoint) }
        return try first(of: name, port) { address throws(TailraceError) in
            let descriptor = try newSocket(address.family, endpoint, SOCK_DGRAM)
            let own = try bound(descriptor, address, endpoint)
            return UDPSocket(loop, descriptor, .host(name, port: own.port), options)
        }
    }

    package func name(of address: String, limit: Duration, _ done: @escaping (String?) -> Void) {
        var answered = false, request: UInt64 = 0
        let timer = loop.schedule(at: loop.now + limit) { [names] in
            names.cancel(request, of: address)
            if !answered { done(nil) }
            answered = true
        }
        request = names.resolve(address) { [loop] answer in
            loop.cancel(timer)
            if !answered { if case .success(let name) = answer { done(name) } else { done(nil) } }
            answered = true
        }
    }

    /// What `attempt` makes of the first address of the name with which it works.
    private func first<Made>(
        of name: String, _ port: UInt16, _ attempt: (SocketAddress) throws(TailraceError) -> Made
    ) throws(TailraceError) -> Made {
        var failure = resolveError(name, "the name has none")
        for address in try addresses(of: name, port) {
            do throws(TailraceError) { return try attempt(address) } catch { failure = error }
        }
        throw failure
    }

    /// Binds, and says where to; closes the socket if it cannot.
    private func bound(
        _ descriptor: Int32, _ address: SocketAddress, _ endpoint: Endpoint
    ) throws(TailraceError) -> SocketAddress {
        if address.family == AF_INET6 { setOption(descriptor, CInt(IPPROTO_IPV6), IPV6_V6ONLY, 0) }  // :: is for IPv4 too
        guard address.withAddress({ bind(descriptor, $0, $1) }) == 0,
            let own = SocketAddress.read({ getsockname(descriptor, $0, $1) })?.1
        else {
            let code = errno
            close(descriptor)
            throw bindError(code, endpoint)
        }
        return own
    }

    private func newSocket(
        _ family: Int32, _ endpoint: Endpoint, _ kind: __socket_type = SOCK_STREAM
    ) throws(TailraceError) -> Int32 {
        let descriptor = socket(family, CInt(kind.rawValue) | socketFlags, 0)
        guard descriptor >= 0 else { throw bindError(errno, endpoint) }
        return descriptor
    }

    private func listeningSocket(
        _ address: SocketAddress, _ endpoint: Endpoint
    ) throws(TailraceError) -> (descriptor: Int32, Endpoint) {
        let descriptor = try newSocket(address.family, endpoint)
        setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        setConnectionOptions(descriptor)
        let own = try bound(descriptor, address, endpoint)
        guard Glibc.listen(descriptor, SocketListener.backlog) == 0 else {
            let code = errno
            close(descriptor)
            throw bindError(code, endpoint)
        }
        guard case .host(let name, _) = endpoint else { preconditionFailure("an address of TCP comes from a host") }
        return (descriptor, .host(name, port: own.port))
    }

    private func addresses(of name: String, _ port: UInt16) throws(TailraceError) -> [SocketAddress] {
        if let address = SocketAddress(literal: name, port: port) { return [address] }
        let answered = TimedAnswer<Resolver.Answer>()
        startThread("resolver") { [lookUp] in answered.set(lookUp(name)) }
        switch answered.wait(Self.bindLookUpLimit) {
        case .success(let addresses)?: return addresses.map { $0.with(port: port) }
        case .failure(let failure)?: throw resolveError(name, failure.reason)
        case nil: throw resolveError(name, "no answer in \(Self.bindLookUpLimit.text)")
        }
    }
}
