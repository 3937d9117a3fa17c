package import TailraceCore

/// Flume's spillable memory channel: a ``MemoryChannel``, and a ``FileChannel`` behind it for when the sinks do not keep up.
///
/// While memory has room, it is a memory channel: a batch is safe when it was delivered. When a put has waited for room in
/// memory for `overflowTimeout`, or a batch for its delivery, it *spills*: what memory holds is written to disk, in its order
/// (also what sinks have just taken: their takes become takes of the file), and what comes is written behind it. So a spilled
/// batch is safe at its sync, and never before an older one that is only in memory; and the sender's window does not fill with
/// batches that wait for a sink that is down. Puts go to memory again when all on disk is with the sinks.
///
/// Order: what is on disk is always older than what is in memory, but for what could not be written (disk full): that is still
/// taken from memory, behind all that is on disk. Takes never stop.
///
/// It is not durable in the sense of ``isDurable``: events in memory are lost with the process, after which whoever was not
/// answered sends them again. So streams that begin here begin anew at each start, no position of a source is kept here, and
/// the source keeps its own behind its last answer. With one part only (a capacity of 0) it is that channel.
package final class SpillableMemoryChannel: DeclaredComponent, EventChannel {
    package static var declaration: Declaration<SpillableMemoryChannelConfiguration> {
        SpillableMemoryChannelConfiguration.declaration
    }

    package let name: String
    package let isDurable: Bool
    package let keepAlive: Duration
    let configuration: SpillableMemoryChannelConfiguration
    var environment: Environment
    let memory: MemoryChannel?
    let overflow: FileChannel?
    /// The one of the two that there is; nil if there are both.
    let only: (any EventChannel)?
    /// What comes goes to disk.
    var isSpilling = false
    var isStopping = false, hasEnded = false
    var movesInFlight = 0
    /// Who waits for the last of them.
    var allMoved: (() -> Void)?
    var nextID: UInt64 = 0
    var reservations: [UInt64: SpillReservation] = [:]
    /// By id; and those of memory, or on their way from there.
    var takes: [UInt64: SpillTake] = [:]
    /// Takes whose record is on disk, or on its way there, and was not met there.
    var unmet: [BatchIdentity: SpillTake] = [:]
    let line = ProducerLine()
    var waitingConsumers: [any ChannelConsumer] = []
    var origins: [String: ChannelMemory.Origin] = [:]
    /// Since when somebody waits for room in memory.
    var waitsSince: Instant?
    var spilledAt: Instant?
    var timer: TimerID?
    let puts: Counter, taken: Counter, duplicates: Counter, spilled: Counter
    private let memoryEnvironment: Environment, overflowEnvironment: Environment

    package init(
        _ configuration: SpillableMemoryChannelConfiguration, _ environment: Environment
    ) throws(TailraceError) {
        name = environment.component
        (self.configuration, self.environment) = (configuration, environment)
        let isWhole = configuration.memoryCapacity == 0 || configuration.overflowCapacity == 0
        memoryEnvironment = isWhole ? environment : environment.ofPart
        overflowEnvironment = memoryEnvironment
        memory = configuration.memoryCapacity == 0 ? nil : try MemoryChannel(configuration.memory, memoryEnvironment)
        overflow = configuration.overflowCapacity == 0 ? nil : try FileChannel(configuration.overflow, overflowEnvironment)
        only = memory == nil ? overflow : overflow == nil ? memory : nil
        isDurable = memory == nil
        keepAlive = .seconds(configuration.overflowTimeoutSeconds + 3)
        spilled = environment.counter("spilled_events_total")
        puts = environment.counter("put_events_total")
        taken = environment.counter("taken_events_total")
        duplicates = environment.counter("duplicate_events_total")
        environment.gauge("spilled_events") { [weak self] in self?.overflow?.held.events ?? 0 }
        guard !isWhole else { return }
        environment.gauge("events") { [weak self] in self?.held.events ?? 0 }
        environment.gauge("bytes") { [weak self] in self?.held.bytes ?? 0 }
        environment.gauge("capacity_events") { configuration.memoryCapacity + configuration.overflowCapacity }
        environment.gauge("oldest_event_age_seconds") { [weak self] in self?.oldestAge ?? 0 }
        environment.gauge("forgotten_number_runs") { [weak self] in
            (self?.memory?.numbers.forgotten ?? 0) + (self?.overflow?.numbers.forgotten ?? 0)
        }
    }
    private var oldestAge: Int { max(memory?.oldestAge ?? 0, overflow?.oldestAge ?? 0) }

    package var health: Health {
        guard let overflow else { return memory!.health }
        guard case .ok = overflow.health, let memory else { return overflow.health }
        return memory.health
    }
    package var largestPut: BatchSize { overflow?.largestPut ?? memory!.largestPut }
    package var held: BatchSize { (memory?.held ?? .zero) + (overflow?.held ?? .zero) }
    package var room: BatchSize {
        let onDisk = overflow?.room ?? .zero
        return isSpilling ? onDisk : onDisk + (memory?.room ?? .zero)
    }

    // MARK: Start and stop

    package func start(_ done: @escaping Completion) {
        if let only { return only.start(done) }
        overflow!.start { [self] result in
            guard case .success = result, let memory, let overflow else { return done(result) }
            // A backlog of the last run is older than what comes.
            isSpilling = overflow.held.events > 0
            memory.start(done)
        }
    }

    /// What nobody waits for any more, because it was answered when it was put, goes to disk. Of the rest whoever waits is told:
    /// it will be sent again.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        isStopping = true
        if let timer { environment.loop.cancel(timer) }
        guard only == nil else { return only!.stop(by: deadline, done) }
        // What is on its way to disk may be delivered already: its record is marked when it is there.
        allMoved = { [self] in stopParts(by: deadline, done) }
        let timer = environment.loop.schedule(at: deadline) { [self] in endMoves() }
        self.timer = timer
        if movesInFlight == 0 { endMoves() }
    }
    func endMoves() {
        guard let allMoved else { return }
        self.allMoved = nil
        if let timer { environment.loop.cancel(timer) }
        allMoved()
    }
    private func stopParts(by deadline: Instant, _ done: @escaping () -> Void) {
        meet()
        hasEnded = true
        for batch in memory!.removeUnawaited() { keep(batch) }
        reservations = [:]
        overflow!.stop(by: deadline) { [memory] in memory!.stop(by: deadline, done) }
    }
    private func keep(_ batch: EventBatch) {
        let failed = { [environment] (error: TailraceError?) in
            let why = error.map { ": \($0)" } ?? ""
            environment.log(.error, "\(batch.count) events that were answered are lost, the disk does not take them\(why)")
        }
        guard let put = overflow!.putBeyondCapacity(batch.withoutPositions) else { return failed(nil) }
        put.commit(until: .committed) { if case .failure(let error) = $0 { failed(error) } }
    }

    // MARK: Streams and positions

    package func origin(of source: String) -> (stream: StreamID, next: UInt64) {
        if let only { return only.origin(of: source) }
        if let known = origins[source] { return (known.stream, known.next) }
        // With the time in it: a stream must be new even where a seed repeats.
        var random = environment.random.split("\(source) \(environment.loop.wallTime.milliseconds) \(environment.loop.now)")
        let origin = ChannelMemory.Origin(stream: StreamID(value: random.next()), next: 0)
        origins[source] = origin
        return (origin.stream, origin.next)
    }
    func advanceOrigin(_ identity: BatchIdentity) {
        for (source, origin) in origins where origin.stream == identity.stream {
            origins[source]!.next = max(origin.next, identity.span.upperBound)
        }
    }
    package func positions(of source: String) -> [SourcePositionKey: StoredPosition] {
        isDurable ? overflow!.positions(of: source) : [:]
    }
    package func forget(_ key: SourcePositionKey) { overflow?.forget(key) }
    package func remove(_ producer: any ChannelProducer) { stopWaiting(producer) }
    package func remove(_ consumer: any ChannelConsumer) {
        waitingConsumers.removeAll { $0 === consumer }
        memory?.remove(consumer)
        overflow?.remove(consumer)
    }
}

extension EventBatch {
    /// Positions belong to a channel that holds everything before them.
    var withoutPositions: EventBatch { positions.isEmpty ? self : EventBatch(storage, runs, identity, []) }
}
