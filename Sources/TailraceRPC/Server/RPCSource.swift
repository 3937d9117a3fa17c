package import TailraceCore
import TailraceWire

/// The `rpc` source: a server for the sinks of other agents. A batch is answered when the output says that it is safe.
///
/// Back-pressure, without a hole: each connection reads one frame at most beyond what the output takes, in memory from the
/// agent's budget; the rest stays in the peers. A batch that finds no open slot waits its turn (all connections in one line)
/// for the channels' keep-alive, then it is answered FAILED and sent again, perhaps elsewhere. Windows that are granted from
/// the channels' free space keep most clients from getting that far.
package final class RPCSource: DeclaredSource {
    package let name: String
    package private(set) var health = Health.starting
    /// With the port that was really given; nil before the start.
    package var boundEndpoint: Endpoint? { listener?.endpoint }
    package var connectionCount: Int { sessions.count }

    let configuration: RPCSourceConfiguration
    var environment: Environment
    let arena = WireArena()
    let compressor = Compressor()
    let received: Counter, receivedBytes: Counter
    /// Where bytes go that nobody wants any more.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 16)

    private let output: SourceOutput
    private let answeredOK: Counter, failed: Counter, rejectedCount: Counter, refusedConnections: Counter, accepted: Counter
    private let refusedHandshakes: Counter, refusedStreams: Counter
    private var owners = StreamOwners()
    private let freed: LoopPort<Int>
    private var listener: (any Listener)?
    private(set) var sessions: [RPCServerSession] = []
    /// Those with a batch that found no open slot; in order. From `firstInLine` on.
    private var line: [RPCServerSession] = []
    private var sweep: TimerID?
    private var isStopping = false
    private var stopped: (() -> Void)?
    private var refusalsLogged = 0

    package init(_ configuration: RPCSourceConfiguration, _ output: SourceOutput, _ environment: Environment) {
        (self.configuration, self.output, self.environment) = (configuration, output, environment)
        name = environment.component
        received = environment.counter("received_batches_total")
        receivedBytes = environment.counter("received_bytes_total")
        answeredOK = environment.counter("answered_batches_total")
        failed = environment.counter("failed_batches_total")
        rejectedCount = environment.counter("rejected_batches_total")
        refusedConnections = environment.counter("refused_connections_total")
        accepted = environment.counter("accepted_connections_total")
        refusedHandshakes = environment.counter("refused_tls_handshakes_total")
        refusedStreams = environment.counter("refused_stream_batches_total")
        let memory = environment.memory
        freed = environment.loop.openPort { memory.giveBack($0) }
        environment.gauge("connections") { [weak self] in self?.sessions.count ?? 0 }
        environment.gauge("waiting_batches") { [weak self] in self?.line.count ?? 0 }
    }
    deinit { scratch.deallocate() }

    package func start(_ done: @escaping Completion) {
        do throws(TailraceError) {
            let endpoint = Endpoint.host(configuration.bind, port: UInt16(configuration.port))
            let listener = try environment.network.listen(
                at: endpoint, tls: configuration.tlsSettings,
                refused: { [weak self] peer, error in self?.refusedHandshake(peer, error) }, { [weak self] in self?.accept($0) }
            )
            self.listener = listener
            health = .ok
            environment.log(.info, "listens at \(listener.endpoint)")
            environment.loop.enqueue { done(.success(())) }
        } catch {
            let error = error.named(name)
            health = .failed(error)
            environment.loop.enqueue { done(.failure(error)) }
        }
    }

    // MARK: connections

    private func accept(_ stream: any ByteStream) {
        guard !isStopping else { return stream.close() }
        let session = RPCServerSession(stream, self)
        session.index = sessions.count
        sessions.append(session)
        accepted.add(1)
        armSweep()
        if sessions.count > configuration.maxConnections {
            // (A few more than that may be open for the time it takes to tell them.)
            guard sessions.count <= configuration.maxConnections + 64 else { return session.close(nil) }
            session.refuse(
                TailraceError(
                    code: "rpc.too-many-connections",
                    message: "\(configuration.maxConnections) of \(configuration.maxConnections) connections are in use",
                    fix: "raise maxConnections of \(name), or spread the clients"))
        } else {
            session.pump()
        }
    }

    /// The reason names the peer.
    private func refusedHandshake(_ peer: Endpoint?, _ error: TailraceError) {
        guard !isStopping else { return }
        refusedConnections.add(1)
        refusedHandshakes.add(1)
        armSweep()
        logRefusal("refuses a connection: \(error)")
    }
    /// Whether the peer may put batches into the stream: nil, or why not.
    func refusal(of batch: EventBatch, from session: RPCServerSession) -> TailraceError? {
        guard configuration.bindsStreams, let identity = session.stream.identity, let stream = batch.identity?.stream else {
            return nil
        }
        let owner = owners.owner(of: stream, claimedBy: identity)
        guard owner != identity else { return nil }
        let error = TailraceError(
            code: "rpc.stream-owned", message: "stream \(stream) was opened by \(owner), and now comes from \(identity)",
            fix: "let the stream come with a certificate of the same subject, or set stream-binding = false on \(name)")
        refusedStreams.add(1)
        logRefusal("refuses a batch from \(session.peerName): \(error)")
        return error
    }

    func refused(_ error: TailraceError, _ session: RPCServerSession) {
        refusedConnections.add(1)
        logRefusal("refuses \(session.peerName): \(error)")
    }
    /// At most ten lines between two sweeps: peers must not be able to fill the log.
    private func logRefusal(_ text: @autoclosure () -> String) {
        refusalsLogged += 1
        if refusalsLogged <= 10 { environment.log(.warning, text()) }
    }

    func closed(_ session: RPCServerSession, _ error: TailraceError?) {
        if let error, !isStopping { logRefusal("closed the connection with \(session.peerName): \(error)") }
        line.removeAll { $0 === session }
        let last = sessions.removeLast()
        if last !== session {
            sessions[session.index] = last
            last.index = session.index
        }
        endIfDrained()
    }

    func reply(to hello: Hello) -> HelloReply {
        HelloReply(
            version: ProtocolVersion.common(with: hello.versions)!, agent: name, compression: hello.compression.first ?? .none,
            largestFrame: configuration.maxFrameSizeBytes, window: grantedWindow)
    }

    /// A share of the channels' free space for each connection, but always one batch.
    var grantedWindow: SendWindow {
        let room = output.room, share = max(1, sessions.count)
        let size = BatchSize(
            events: max(0, room.events) / share, bytes: min(configuration.windowBytes, max(0, room.bytes) / share))
        return SendWindow(batches: size.events > 0 && size.bytes > 0 ? configuration.windowBatches : 1, size: size)
    }

    /// For a frame's buffer: the memory may end on any thread.
    func release(_ cost: Int) -> @Sendable (Int) -> Void {
        let freed = freed
        return { _ in freed.post(cost) }
    }

    // MARK: batches

    /// The session has a batch that wants in.
    func offer(_ session: RPCServerSession) {
        guard line.isEmpty, output.openSlots > 0 else { return line.append(session) }
        submit(session)
    }

    private func submit(_ session: RPCServerSession) {
        guard let waiting = session.takeWaiting() else { return }
        let call = waiting.call, giveUpAt = max(waiting.since + output.keepAlive, environment.loop.now)
        output.submit(waiting.batch, giveUpAt: giveUpAt) { [weak self, weak session] result in
            guard let self, let session, !session.isClosed else { return }
            answered(call, result, session)
        }
    }
    private func answered(_ call: UInt64, _ result: Result<Void, TailraceError>, _ session: RPCServerSession) {
        switch result {
        case .success:
            answeredOK.add(1)
            session.answer(call, .ok)
        case .failure(let error):
            failed.add(1)
            session.answer(call, .failed(code: error.code, reason: error.message, retryAfter: .seconds(1)))
        }
    }

    func rejected(_ error: TailraceError, _ session: RPCServerSession) {
        rejectedCount.add(1)
        environment.log(.error, "rejects a batch from \(session.peerName): \(error)")
    }

    package func outputHasRoom() {
        while let first = line.first, output.openSlots > 0 {
            line.removeFirst()
            submit(first)
            first.pump()
        }
    }

    // MARK: time

    /// One coarse timer for all connections, while there are any.
    private func armSweep() {
        guard sweep == nil, !sessions.isEmpty || refusalsLogged > 0 else { return }
        sweep = environment.loop.schedule(at: environment.loop.now + .milliseconds(500)) { [weak self] in
            self?.sweep = nil
            self?.sweepAll()
        }
    }
    private func sweepAll() {
        if refusalsLogged > 10 { environment.log(.warning, "\(refusalsLogged - 10) more connections were refused or broken") }
        refusalsLogged = 0
        let now = environment.loop.now, keepAlive = output.keepAlive
        while let first = line.first, let waiting = first.waiting, waiting.since + keepAlive <= now {
            line.removeFirst()
            answerFull(first, keepAlive)
        }
        for session in sessions { session.tick(now) }
        armSweep()
    }
    private func answerFull(_ session: RPCServerSession, _ keepAlive: Duration) {
        guard let waiting = session.takeWaiting() else { return }
        let error = TailraceError(
            code: "channel.full",
            message:
                "no open slot for \(waiting.batch.count) events within \(keepAlive.text), with \(line.count) batches in line",
            fix: "see why its sinks deliver slowly, or raise the channel's capacity", component: name)
        answered(waiting.call, .failure(error), session)
    }

    // MARK: stop

    /// Tells the clients to go; answers what is open until `deadline`, and after it whatever the output still answers.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        isStopping = true
        stopped = done
        listener?.close()
        listener = nil
        for session in line { _ = session.takeWaiting().map { answered($0.call, .failure(.stopped), session) } }
        line = []
        for session in Array(sessions) { session.goAway("the agent is stopping") }
        environment.loop.schedule(at: deadline) { [self] in finish() }
        environment.loop.enqueue { [self] in endIfDrained() }
    }
    /// Clients close by themselves when they have read the GoAway and their last answer (the sweep helps the others).
    private func endIfDrained() {
        if isStopping, sessions.isEmpty { finish() }
    }
    private func finish() {
        guard let stopped else { return }
        self.stopped = nil
        for session in Array(sessions) where session.machine.unanswered == 0 { session.close(nil) }
        stopped()
    }
}
