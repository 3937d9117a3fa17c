package import TailraceCore

/// TLS over any network: what its `listen` and `connect` do when they are given ``TLSSettings``. Confined to its loop.
package final class TLSLayer {
    /// Handshakes of one listener that are not done. Beyond it the oldest is closed: who is quick gets in, however many are
    /// slow on purpose, and memory is bounded.
    package static let openHandshakes = 256
    /// Of different settings of `connect`; beyond it the contexts are made again when they are needed.
    private static let keepers = 256

    private let provider: any TLSProvider
    private let files: any FileSystem
    private let loop: any EventLoop
    private let log: (any Log)?
    private let name: String
    private let scratch = RecordScratch()
    private var clients: [TLSSettings: TLSContextKeeper] = [:]

    /// `name`: for the log.
    package init(
        _ provider: any TLSProvider, _ files: any FileSystem, _ loop: any EventLoop, _ log: (any Log)?, name: String
    ) {
        (self.provider, self.files, self.loop) = (provider, files, loop)
        (self.log, self.name) = (log, name)
    }

    /// `listen`: of the network below.
    package func listen(
        _ settings: TLSSettings, refused: @escaping (Endpoint?, TailraceError) -> Void,
        _ accept: @escaping (any ByteStream) -> Void,
        over listen: (@escaping (any ByteStream) -> Void) throws(TailraceError) -> any Listener
    ) throws(TailraceError) -> any Listener {
        let keeper = TLSContextKeeper(settings, .server, provider, files, log, name)
        _ = try keeper.current()
        let acceptor = TLSAcceptor(keeper, settings.handshakeTime, loop, scratch, refused, accept)
        return TLSListener(try listen { [weak acceptor] in acceptor?.accepted($0) }, acceptor)
    }

    /// `connect`: of the network below.
    package func connect(
        _ settings: TLSSettings, to endpoint: Endpoint, deadline: Instant,
        _ done: @escaping (Result<any ByteStream, TailraceError>) -> Void,
        over connect: (@escaping (Result<any ByteStream, TailraceError>) -> Void) -> any Cancellable
    ) -> any Cancellable {
        let attempt = TLSAttempt(done)
        attempt.current = connect { [self] result in
            guard case .success(let stream) = result else { return attempt.finish(result) }
            do throws(TailraceError) {
                let host: String? = if case .host(let name, _) = endpoint { name } else { nil }
                let handshake = try TLSHandshake(stream, try keeper(settings).current(), host: host, loop, scratch)
                attempt.begin(handshake)
                let limit = min(deadline, loop.now + settings.handshakeTime)
                handshake.start(by: limit, limit: limit - loop.now) { attempt.finish($0) }
            } catch {
                stream.close()
                attempt.finish(.failure(error))
            }
        }
        return attempt
    }

    private func keeper(_ settings: TLSSettings) -> TLSContextKeeper {
        if let keeper = clients[settings] { return keeper }
        if clients.count >= Self.keepers { clients.removeAll() }
        let keeper = TLSContextKeeper(settings, .client, provider, files, log, name)
        clients[settings] = keeper
        return keeper
    }
}

/// First the connection, then the handshake; answers once, or is cancelled.
private final class TLSAttempt: Cancellable {
    private var done: ((Result<any ByteStream, TailraceError>) -> Void)?
    var current: (any Cancellable)?
    private var handshake: TLSHandshake?

    init(_ done: @escaping (Result<any ByteStream, TailraceError>) -> Void) { self.done = done }

    func begin(_ handshake: TLSHandshake) { (current, self.handshake) = (nil, handshake) }
    func finish(_ result: Result<any ByteStream, TailraceError>) {
        let answer = done
        (done, current, handshake) = (nil, nil, nil)
        answer?(result)
    }
    func cancel() {
        current?.cancel()
        handshake?.cancel()
        (done, current, handshake) = (nil, nil, nil)
    }
}

/// The handshakes of a listener.
private final class TLSAcceptor {
    private let keeper: TLSContextKeeper
    private let limit: Duration
    private let loop: any EventLoop
    private let scratch: RecordScratch
    private let refused: (Endpoint?, TailraceError) -> Void
    private let accept: (any ByteStream) -> Void
    /// The oldest first.
    private var open: [TLSHandshake] = []

    init(
        _ keeper: TLSContextKeeper, _ limit: Duration, _ loop: any EventLoop, _ scratch: RecordScratch,
        _ refused: @escaping (Endpoint?, TailraceError) -> Void, _ accept: @escaping (any ByteStream) -> Void
    ) {
        (self.keeper, self.limit, self.loop, self.scratch) = (keeper, limit, loop, scratch)
        (self.refused, self.accept) = (refused, accept)
    }

    func accepted(_ stream: any ByteStream) {
        let peer = stream.peer
        do throws(TailraceError) {
            let handshake = try TLSHandshake(stream, try keeper.current(), host: nil, loop, scratch)
            if open.count >= TLSLayer.openHandshakes {
                open[0].refuse(.tlsCrowded(open[0].name, TLSLayer.openHandshakes))
            }
            open.append(handshake)
            handshake.ended = { [weak self, unowned handshake] in self?.open.removeAll { $0 === handshake } }
            handshake.start(by: loop.now + limit, limit: limit) { [weak self] result in
                guard let self else { return }
                switch result {
                case .success(let stream): accept(stream)
                case .failure(let error): refused(peer, error)
                }
            }
        } catch {
            stream.close()
            refused(peer, error)
        }
    }
    func close() {
        let handshakes = open
        open = []
        for handshake in handshakes { handshake.cancel() }
    }
}

private final class TLSListener: Listener {
    private let plain: any Listener
    private let acceptor: TLSAcceptor
    init(_ plain: any Listener, _ acceptor: TLSAcceptor) { (self.plain, self.acceptor) = (plain, acceptor) }
    deinit { close() }

    var endpoint: Endpoint { plain.endpoint }
    var isPaused: Bool {
        get { plain.isPaused }
        set { plain.isPaused = newValue }
    }
    func close() {
        plain.close()
        acceptor.close()
    }
}
