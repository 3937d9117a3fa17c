import TailraceCore

/// The ports and connections of a source of syslog over TCP.
///
/// All connections share one gatherer and one encoder. While the gatherer is blocked, nobody reads: the senders' windows close.
final class SyslogStreams {
    let settings: SyslogSettings
    let environment: Environment
    let gatherer: EventGatherer
    let headers: PeerHeaders
    let names: PeerNames
    private let dialect: SyslogDialect
    private let refused: Counter, invalid: Counter, incomplete: Counter
    private var encoder: SyslogEncoder
    private(set) var listeners: [any Listener] = []
    /// In the order in which they are served after a full channel.
    private var connections: [SyslogConnection] = []
    private var isStopping = false
    private var sweep: TimerID?
    private var refusals = Seldom()

    init(_ settings: SyslogSettings, _ dialect: SyslogDialect, _ output: SourceOutput, _ environment: Environment) {
        (self.settings, self.dialect, self.environment) = (settings, dialect, environment)
        gatherer = EventGatherer(settings.gathering, output, environment)
        (headers, names) = (PeerHeaders(settings), PeerNames(environment))
        encoder = SyslogEncoder(dialect, settings.keepFields, .utc)
        refused = environment.counter("refused_connections_total")
        invalid = environment.counter("invalid_events_total")
        incomplete = environment.counter("incomplete_events_total")
        environment.gauge("connections") { [weak self] in self?.connections.count ?? 0 }
    }

    /// All of `ports`, or none.
    func start(_ ports: [UInt16]) throws(TailraceError) {
        encoder = SyslogEncoder(dialect, settings.keepFields, try environment.timeZoneRules(settings.timeZone))
        do throws(TailraceError) {
            for port in ports {
                // The port that was really given is known only then.
                var local = Int(port)
                let listener = try environment.network.listen(at: .host(settings.host, port: port)) { [weak self] in
                    self?.accepted($0, at: local)
                }
                local = listener.endpoint.portNumber
                listeners.append(listener)
                environment.log(.info, "listens at \(listener.endpoint)")
            }
        } catch {
            for listener in listeners { listener.close() }
            listeners = []
            throw error
        }
        scheduleSweep()
    }

    /// Reads no more; what was read goes to the channels until the deadline.
    func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        isStopping = true
        if let sweep { environment.loop.cancel(sweep) }
        for listener in listeners { listener.close() }
        for connection in connections { connection.end(isBroken: true) }
        gatherer.drain(by: deadline, done)
    }

    func outputHasRoom() {
        gatherer.outputHasRoom()
        // The one that was served first goes to the end of the line.
        if connections.count > 1 { connections.append(connections.removeFirst()) }
        for connection in connections where !gatherer.isBlocked { connection.read() }
    }

    private func accepted(_ stream: any ByteStream, at port: Int) {
        guard connections.count < settings.maxConnections, !isStopping else {
            refused.add(1)
            if refusals.isDue(environment.loop.now) {
                environment.log(
                    .warning,
                    "a connection is refused, there are \(connections.count) (maxConnections); "
                        + "\(refused.value) were refused so far")
            }
            return stream.close()
        }
        let connection = SyslogConnection(stream, self, localPort: port)
        connections.append(connection)
        connection.begin()
    }
    func closed(_ connection: SyslogConnection) { connections.removeAll { $0 === connection } }

    /// The messages in what a connection has read; `feed` cuts it up.
    func take(_ peer: Bytes, _ feed: ((UnsafeRawBufferPointer, SyslogPiece) -> Void) -> Void) {
        let now = environment.loop.wallTime.milliseconds, before = encoder.marks
        feed { line, piece in
            encoder.add(line, piece, now: now, peer: peer, to: &gatherer.batch)
            gatherer.added()
        }
        gatherer.addedLast()
        invalid.add(encoder.marks.invalid - before.invalid)
        incomplete.add(encoder.marks.incomplete - before.incomplete)
    }

    private func scheduleSweep() {
        guard settings.idleTimeoutSeconds > 0 else { return }
        let limit = Duration.seconds(settings.idleTimeoutSeconds)
        sweep = environment.loop.schedule(at: environment.loop.now + limit / 4) { [weak self] in
            guard let self else { return }
            // Who is not read from is not idle.
            if !gatherer.isBlocked {
                for connection in connections where environment.loop.now - connection.lastRead >= limit {
                    connection.end(isBroken: true)
                }
            }
            scheduleSweep()
        }
    }
}

/// One connection: the messages that its bytes are cut into, and its headers.
final class SyslogConnection: ByteStreamHandler {
    private static let readBytes = 64 << 10

    private let stream: any ByteStream
    private unowned let owner: SyslogStreams
    private let localPort: Int
    private var framer: SyslogFramer
    private var peer = Bytes()
    private(set) var lastRead: Instant
    /// Its headers are known.
    private var isReady = false
    private var isClosed = false
    private var isQueued = false

    init(_ stream: any ByteStream, _ owner: SyslogStreams, localPort: Int) {
        (self.stream, self.owner, self.localPort) = (stream, owner, localPort)
        framer = SyslogFramer(limit: owner.settings.eventSize)
        lastRead = owner.environment.loop.now
        stream.handler = self
    }

    /// The peer's name is asked for first, if a header wants it.
    func begin() {
        let address = stream.peer?.hostText ?? ""
        guard owner.headers.name != nil else { return ready("") }
        if let name = owner.names.name(of: address, { [weak self] in self?.ready($0) }) { ready(name) }
    }
    private func ready(_ name: String) {
        guard !isClosed else { return }
        peer = owner.headers.encoded(stream.peer, name: name, localPort: localPort)
        isReady = true
        read()
    }

    func streamIsReadable(_ stream: any ByteStream) { read() }
    func streamIsWritable(_ stream: any ByteStream) {}

    /// One read a turn, so that others have theirs.
    func read() {
        guard isReady, !isClosed, !isQueued, !owner.gatherer.isBlocked else { return }
        let result = withUnsafeTemporaryAllocation(byteCount: Self.readBytes, alignment: 16) { space in
            Result { () throws(TailraceError) in
                let read = try stream.read(into: space)
                if case .bytes(let count) = read { received(UnsafeRawBufferPointer(rebasing: space[..<count])) }
                return read
            }
        }
        switch result {
        case .success(.bytes):
            isQueued = true
            owner.environment.loop.enqueue { [weak self] in
                self?.isQueued = false
                self?.read()
            }
        case .success(.wouldBlock): break
        case .success(.end): end(isBroken: false)
        case .failure: end(isBroken: true)  // the peer is gone; what it sent goes on
        }
    }
    private func received(_ bytes: UnsafeRawBufferPointer) {
        lastRead = owner.environment.loop.now
        owner.take(peer) { framer.feed(bytes, $0) }
    }

    /// With what is left of a message.
    func end(isBroken: Bool) {
        guard !isClosed else { return }
        isClosed = true
        stream.close()
        if framer.pending > 0 { owner.take(peer) { framer.finish(isBroken: isBroken, $0) } }
        owner.closed(self)
    }
}
