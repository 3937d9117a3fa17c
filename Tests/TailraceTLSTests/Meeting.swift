import TailraceCore
import TailraceOpenSSL
import TailraceSimulation
import TailraceTLS
import TestCertificates
import Testing

/// Only ever asked to sign, by tests that run one after the other.
nonisolated(unsafe) let authorities = [TestAuthority("First"), TestAuthority("Second")]

/// What one side has.
struct Side {
    var settings = TLSSettings()
    var request = CertificateRequest("", names: ["server", "client"])
    var issuer = 0
    var shows = true
}

/// A client and a server on simulated hosts, with OpenSSL between.
final class Meeting {
    let world: SimulatedWorld
    private(set) var client: Talker?, server: Talker?
    private(set) var clientError: TailraceError?
    private(set) var serverErrors: [TailraceError] = []
    var serverError: TailraceError? { serverErrors.first ?? server?.error }
    /// The connection below the client's.
    private(set) var clientPlain: (any ByteStream)?
    private let clientHost: Environment, serverHost: Environment
    private let clientLayer: TLSLayer
    private let settings: TLSSettings
    private var listener: (any Listener)?
    private var attempts: [any Cancellable] = []
    private let host: String

    init(_ seed: UInt64, client: Side, server: Side, host: String) throws {
        let world = SimulatedWorld(seed: seed)
        self.world = world
        self.host = host
        let serverParts = Self.prepare(world, "server", server)
        serverHost = serverParts.0
        (clientHost, settings, clientLayer) = Self.prepare(world, "client", client)
        world.fabric.names["elsewhere"] = .host("server")
        listener = try serverParts.2.listen(
            serverParts.1, refused: { [weak self] _, error in self?.serverErrors.append(error) },
            { [weak self] stream in self?.server = Talker(stream) }
        ) { accept throws(TailraceError) in
            try serverHost.network.listen(at: .host("server", port: 4000), accept)
        }
    }

    private static func prepare(_ world: SimulatedWorld, _ name: String, _ side: Side) -> (Environment, TLSSettings, TLSLayer) {
        let machine = world.makeHost(name)
        machine.files.makeDirectory("/tls")
        machine.files.write("/tls/ca.pem", authorities[0].certificate)
        var side = side
        side.request.subject = name
        machine.files.write("/tls/store.pem", authorities[side.issuer].issue(side.request).store)
        side.settings.authorities = .init(path: "/tls/ca.pem")
        if side.shows { side.settings.certificate = .init(path: "/tls/store.pem") }
        let environment = machine.makeEnvironment(component: name)
        let layer = TLSLayer(OpenSSLProvider(), environment.files, environment.loop, nil, name: name)
        return (environment, side.settings, layer)
    }

    /// Until both sides have what they will have.
    func run() throws {
        let endpoint = Endpoint.host(host, port: 4000)
        attempts.append(
            clientLayer.connect(settings, to: endpoint, deadline: clientHost.loop.now + .seconds(30)) { [weak self] result in
                switch result {
                case .success(let stream): self?.client = Talker(stream)
                case .failure(let error): self?.clientError = error
                }
            } over: { done in
                clientHost.network.connect(to: endpoint, deadline: clientHost.loop.now + .seconds(30)) { [weak self] in
                    if case .success(let stream) = $0 { self?.clientPlain = stream }
                    done($0)
                }
            })
        world.run(while: { client == nil && clientError == nil || server == nil && serverErrors.isEmpty }, limit: .seconds(60))
        // That it is refused comes to a client of TLS 1.3 with its first read.
        world.run(while: { !serverErrors.isEmpty && clientError == nil && client?.error == nil }, limit: .seconds(5))
        clientError = clientError ?? client?.error
    }

    /// A connection below TLS.
    func plainClient() throws -> Talker {
        var result: Result<any ByteStream, TailraceError>?
        attempts.append(
            clientHost.network.connect(to: .host("server", port: 4000), deadline: clientHost.loop.now + .seconds(30)) {
                result = $0
            })
        world.run(while: { result == nil }, limit: .seconds(60))
        return Talker(try #require(result).get())
    }
}

/// Sends, and reads what comes.
final class Talker: ByteStreamHandler {
    let stream: any ByteStream
    private(set) var received: [UInt8] = []
    private(set) var hasEnded = false
    private(set) var error: TailraceError?
    private var queue = OutputQueue()
    private var finishes = false

    init(_ stream: any ByteStream) {
        self.stream = stream
        stream.handler = self
        streamIsReadable(stream)
    }
    func send(_ bytes: [UInt8]) {
        queue.append(Bytes(copying: bytes))
        streamIsWritable(stream)
    }
    func finish() {
        finishes = true
        streamIsWritable(stream)
    }
    func streamIsReadable(_ stream: any ByteStream) {
        withUnsafeTemporaryAllocation(byteCount: 5000, alignment: 8) { space in
            do throws(TailraceError) {
                while error == nil, !hasEnded {
                    switch try stream.read(into: space) {
                    case .bytes(let count): received += space[..<count]
                    case .wouldBlock: return
                    case .end: hasEnded = true
                    }
                }
            } catch { self.error = error }
        }
    }
    func streamIsWritable(_ stream: any ByteStream) {
        do throws(TailraceError) {
            if try stream.write(&queue) == .everything, finishes { stream.finishWriting() }
        } catch { self.error = self.error ?? error }
    }
}
