package import TailraceCore
import TailraceWire

/// The `rpc` sink: sends takes to the `rpc` source of another agent, several at a time, and settles each when its answer is
/// in. Does not wait for its peer: while that cannot be reached, every take is answered `retry`.
///
/// What becomes of a take:
/// - OK: delivered. FAILED, a lost connection, a time-out: `retry`; nothing is certain, and the numbers of the batch let the
///   next hop recognise what it has already.
/// - REJECTED: the peer's limits on a batch are those of every agent (``Limits``), so no other peer would take it, and sending it
///   again would hold up its stream for ever: settled as rejected, with an ERROR line and a counter.
/// - It does not fit the peer's largest frame: `retry`, and from now on takes are smaller; a single event that does not fit
///   is rejected. A peer that refuses a whole connection is no reason to reject: that is `retry`.
package final class RPCSink: DeclaredComponent, EventSink {
    private final class Open {
        var take: TakeTransaction?
        let batch: EventBatch
        init(_ take: consuming TakeTransaction) {
            batch = take.batch
            self.take = consume take
        }
    }
    package let name: String
    package private(set) var health = Health.starting
    package weak var observer: (any SinkObserver)?
    package var peer: Endpoint? { endpoint }

    private let configuration: RPCSinkConfiguration
    private let endpoint: Endpoint
    private var environment: Environment
    private var machine: RPCClientConnection
    private var open: [UInt64: Open] = [:]
    private var encoder = BatchEncoder()
    private let arena = WireArena()
    private let compressor: Compressor
    private var link: RPCClientLink?
    private var attempt: (any Cancellable)?
    private var timer: (id: TimerID, at: Instant)?
    private var queue: [RPCClientConnection.Action] = []
    private var isPerforming = false
    private var wasFull = false
    /// Half of what did not fit a frame of this connection.
    private var shrunk: BatchSize?
    private var stopped: (() -> Void)?
    private let connections: Counter, batches: Counter, events: Counter, bytes: Counter, rejected: Counter,
        rejectedEvents: Counter

    package init(_ configuration: RPCSinkConfiguration, _ environment: Environment) {
        (self.configuration, self.environment) = (configuration, environment)
        name = environment.component
        endpoint = .host(configuration.hostname, port: UInt16(configuration.port))
        compressor = Compressor(level: configuration.compressionLevel)
        var settings = configuration.connection
        settings.agent = name
        machine = RPCClientConnection(settings)
        connections = environment.counter("connections_total")
        batches = environment.counter("sent_batches_total")
        events = environment.counter("sent_events_total")
        bytes = environment.counter("sent_bytes_total")
        rejected = environment.counter("rejected_by_peer_batches_total")
        rejectedEvents = environment.counter("rejected_by_peer_events_total")
        environment.gauge("in_flight_batches") { [weak self] in self?.machine.inFlight ?? 0 }
    }

    package func start(_ done: @escaping Completion) {
        environment.loop.enqueue { done(.success(())) }
        perform(machine.warmUp(now: environment.loop.now))
    }

    // MARK: what the runner asks

    package var openSlots: Int {
        let slots = machine.openSlots
        if slots == 0 { wasFull = true }
        return slots
    }

    /// Batches as large as a source of ours makes them come whole; smaller if the peer's frames are.
    package var largestTake: BatchSize {
        // The rest is for shared headers and lengths; what is too large in spite of it is offered again, in halves.
        let frame = max(1, machine.largestFrame / 4 * 3)
        let size = BatchSize(events: configuration.batchSize, bytes: min(4 * Limits.batchBytes, frame))
        return size.clamped(to: shrunk ?? .unlimited)
    }

    package func deliver(_ transaction: consuming TakeTransaction) {
        let entry = Open(transaction)
        let (call, actions) = machine.offer(entry.batch.size, now: environment.loop.now)
        open[call] = entry
        perform(actions)
    }

    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        stopped = done
        environment.loop.schedule(at: deadline) { [self] in perform(machine.stop()) }
        perform(machine.drain())
        environment.loop.enqueue { [self] in endIfStopped() }
    }
    private func endIfStopped() {
        guard machine.phase == .stopped, let stopped else { return }
        self.stopped = nil
        if let timer { environment.loop.cancel(timer.id) }
        timer = nil
        stopped()
    }

    // MARK: what the machine says

    /// In the order in which the machine decided them, also those that come while others are performed.
    private func perform(_ actions: [RPCClientConnection.Action]) {
        queue += actions
        guard !isPerforming else { return }
        isPerforming = true
        var next = 0
        while next < queue.count {
            perform(queue[next])
            next += 1
        }
        queue.removeAll(keepingCapacity: true)
        isPerforming = false
        armTimer()
        if wasFull, machine.openSlots > 0 {
            wasFull = false
            environment.loop.enqueue { [weak self] in self.map { $0.observer?.sinkHasSlots($0) } }
        }
        if stopped != nil, machine.phase == .stopped { environment.loop.enqueue { [weak self] in self?.endIfStopped() } }
    }

    private func perform(_ action: RPCClientConnection.Action) {
        switch action {
        case .connect(let deadline): connect(deadline)
        case .send(let message): link?.send([message.frame(arena)], now: message.kind == .refused)
        case .sendBatch(let call): send(call)
        case .delivered(let call): settle(call, .delivered)
        case .rejected(let call, let error): reject(call, error)
        case .notOwner(let call, let hint): settle(call, .notOwner(hint: hint))
        case .retry(let calls, let error, let after):
            for call in calls { settle(call, .retry(error.named(name), after: after)) }
        case .close(let error): close(error)
        case .ready(let reply):
            (health, shrunk) = (.ok, nil)
            let window = "\(reply.window.batches) batches, \(reply.window.size.bytes) bytes"
            environment.log(.info, "connected to \(reply.agent) at \(endpoint); window \(window)")
        }
    }

    private func connect(_ deadline: Instant) {
        attempt = environment.network.connect(
            to: endpoint, tls: configuration.tls.settings(.client), deadline: deadline
        ) { [weak self] in self?.connected($0) }
    }
    private func connected(_ result: Result<any ByteStream, TailraceError>) {
        attempt = nil
        switch result {
        case .success(let stream):
            connections.add(1)
            link = RPCClientLink(stream, self, environment.loop)
            perform(machine.connected(now: environment.loop.now))
            link?.pump()
        case .failure(let error): lost(error)
        }
    }

    private func close(_ error: TailraceError?) {
        attempt?.cancel()
        attempt = nil
        link?.close()
        link = nil
        guard let error else { return }
        // One line for each time it goes away; the runner says when it delivers again.
        if case .degraded = health {} else { environment.log(.warning, "no connection to \(endpoint): \(error)") }
        health = .degraded(error.named(name))
    }

    private func send(_ call: UInt64) {
        guard let entry = open[call], let link else {
            preconditionFailure("call \(call) is not open, or there is no connection")
        }
        do throws(TailraceError) {
            let frame = try encoder.encode(
                entry.batch, call: call, largestFrame: machine.largestFrame, compression: machine.compression, compressor, arena
            )
            batches.add(1)
            events.add(entry.batch.count)
            bytes.add(frame.byteCount)
            link.send(frame.pieces)
        } catch {
            let actions = machine.forget(call: call)
            if entry.batch.count > 1 {
                let size = entry.batch.size
                shrunk = BatchSize(events: size.events / 2, bytes: max(1, size.bytes / 2))
                settle(call, .retry(error.named(name), after: .zero))
            } else {
                reject(call, error)
            }
            perform(actions)
        }
    }

    private func settle(_ call: UInt64, _ outcome: TakeOutcome) {
        open.removeValue(forKey: call)?.take.take()?.settle(outcome)
    }
    private func reject(_ call: UInt64, _ error: TailraceError) {
        guard let entry = open[call] else { return }
        rejected.add(1)
        rejectedEvents.add(entry.batch.count)
        let numbers = entry.batch.identity.map { ", stream \($0.stream), numbers \($0.span)" } ?? ""
        environment.log(.error, "drops \(entry.batch.count) events that no peer takes\(numbers): \(error)")
        let rejections = entry.batch.count == 0 ? [] : [Rejection(events: 0..<entry.batch.count, error: error.named(name))]
        settle(call, .delivered(rejected: rejections))
    }

    // MARK: what the link tells

    func heard() { machine.heard(now: environment.loop.now) }

    func received(_ kind: MessageKind, _ envelope: Bytes) throws(TailraceError) {
        guard let message = try ControlMessage(kind, envelope, arena) else {
            throw .rpcUnexpected(.appendBatch, "although it is the server")
        }
        perform(machine.received(message, now: environment.loop.now, random: &environment.random))
    }

    func lost(_ error: TailraceError) {
        perform(machine.closed(error, now: environment.loop.now, random: &environment.random))
    }
    /// The peer broke the protocol: it is told, if it can read it.
    func broken(_ error: TailraceError) {
        if !error.code.hasPrefix("rpc.peer-is") { link?.send([ControlMessage.refused(Refused(error)).frame(arena)], now: true) }
        lost(error)
    }
    /// The end of the stream, between two frames or (`error`) within one.
    func ended(_ error: TailraceError?) {
        let when =
            machine.phase == .greeting ? "before it answered the greeting" : "with \(machine.inFlight) batches unanswered"
        let fix = machine.phase == .greeting ? "check hostname and port: a Flume agent's own Avro source does this" : nil
        lost(error ?? .rpcClosed(when, fix: fix))
    }

    // MARK: time

    /// One timer, moved forward only when it fires: no timer per batch.
    private func armTimer() {
        guard let next = machine.nextDeadline else { return }
        if let timer {
            if timer.at <= next { return }
            environment.loop.cancel(timer.id)
        }
        let at = max(next, environment.loop.now + .milliseconds(1))
        let id = environment.loop.schedule(at: at) { [weak self] in self?.tick() }
        timer = (id, at)
    }
    private func tick() {
        timer = nil
        perform(machine.tick(now: environment.loop.now, random: &environment.random))
    }
}
