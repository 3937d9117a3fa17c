package import TailraceCore

/// Flume's memory channel: bounded by events and bytes, first in first out, given-back takes first.
///
/// Its content does not survive the process, so "safe" means delivered: who can send again keeps what was not answered, and a
/// killed agent loses nothing of it (design decision 4). Room is taken until a batch is delivered, not only until it is taken.
package final class MemoryChannel: DeclaredComponent, EventChannel, PutBackend, TakeBackend {
    package static var declaration: Declaration<MemoryChannelConfiguration> { MemoryChannelConfiguration.declaration }

    private struct Reservation {
        var batch: EventBatch
        var size: BatchSize
    }
    /// A batch that was committed and is not delivered.
    private final class Record {
        let order: UInt64
        let batch: EventBatch
        /// Of its commit.
        let time: Instant
        /// Events that are not delivered.
        var remaining: Int
        /// Events before it are taken.
        var cursor = 0
        var waiters: [Completion] = []
        init(_ order: UInt64, _ batch: EventBatch, _ time: Instant) {
            (self.order, self.batch, self.time, remaining) = (order, batch, time, batch.count)
        }
    }
    private struct Piece {
        let record: Record
        let events: Range<Int>
    }

    package let name: String
    package private(set) var health = Health.starting
    package let isDurable = false
    package let keepAlive: Duration
    package let largestPut: BatchSize
    private let capacity: BatchSize
    private var environment: Environment
    private var used = BatchSize.zero
    private var reservations: [UInt64: Reservation] = [:]
    private let line = ProducerLine()
    /// Those before ``firstRecord`` are wholly taken, and let go of: their memory belongs to whoever waits to receive.
    private var records: [Record?] = []
    private var firstRecord = 0
    /// Ascending by record and event.
    private var givenBack: [Piece] = []
    private var openTakes: [UInt64: Piece] = [:]
    /// Not delivered, by stream, in order of commit: what a duplicate waits for.
    private var live: [StreamID: [Record]] = [:]
    private var waitingConsumers: [any ChannelConsumer] = []
    private(set) var numbers = HeldNumbers()
    private var origins: [String: (stream: StreamID, next: UInt64)] = [:]
    private var nextID: UInt64 = 0
    let puts: Counter, duplicates: Counter
    private let takes: Counter

    package init(_ configuration: MemoryChannelConfiguration, _ environment: Environment) throws(TailraceError) {
        name = environment.component
        self.environment = environment
        capacity = BatchSize(events: configuration.capacity, bytes: configuration.byteCapacity)
        largestPut = BatchSize(events: configuration.largestPutEvents, bytes: configuration.byteCapacity)
        keepAlive = .seconds(configuration.keepAliveSeconds)
        puts = environment.counter("put_events_total")
        takes = environment.counter("taken_events_total")
        duplicates = environment.counter("duplicate_events_total")
        environment.gauge("events") { [weak self] in self?.used.events ?? 0 }
        environment.gauge("bytes") { [weak self] in self?.used.bytes ?? 0 }
        environment.gauge("capacity_events") { [capacity] in capacity.events }
        environment.gauge("capacity_bytes") { [capacity] in capacity.bytes }
        environment.gauge("oldest_event_age_seconds") { [weak self] in self?.oldestAge ?? 0 }
        environment.gauge("forgotten_number_runs") { [weak self] in self?.numbers.forgotten ?? 0 }
    }

    package func start(_ done: @escaping Completion) {
        environment.loop.enqueue { [weak self] in
            self?.health = .ok
            done(.success(()))
        }
    }
    /// What is still here is lost with the process; whoever waits for it is told so.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        let left = live.values.joined().sorted { $0.order < $1.order }
        let waiters = left.flatMap(\.waiters), events = left.reduce(0) { $0 + $1.remaining }
        environment.loop.enqueue {
            for waiter in waiters { waiter(.failure(.stopped)) }
            done()
        }
        if events > 0 {
            environment.log(.warning, "stopped with \(events) events that were not delivered")
        }
        for record in left { record.waiters = [] }
        (records, firstRecord, givenBack, openTakes, reservations, live) = ([], 0, [], [:], [:], [:])
    }

    package var room: BatchSize { capacity - used }
    package var held: BatchSize { reservations.values.reduce(used) { $0 - $1.size } }

    /// When the oldest that is not delivered was committed.
    var oldest: Instant? {
        let oldest = live.values.compactMap(\.first).min { $0.order < $1.order }
        return oldest?.time
    }
    var oldestAge: Int { oldest.map { Int((environment.loop.now - $0).milliseconds / 1000) } ?? 0 }

    // MARK: Put

    package func put(_ batch: EventBatch, _ producer: (any ChannelProducer)?) -> PutTransaction? {
        let identity = batch.identity!, missing = numbers.missing(identity, count: batch.count)
        let new = batch.keeping(missing), size = new.size
        let isDuplicate = missing.isEmpty && batch.count > 0
        if size.events > 0 {
            guard line.isFirst(producer), fits(size) else {
                if let producer { line.wait(producer, for: size) }
                return nil
            }
            if let producer { line.leave(producer) }
        }
        used += size
        let id = nextID
        nextID += 1
        reservations[id] = Reservation(batch: batch, size: size)
        if !line.isEmpty { tellProducers() }
        return PutTransaction(id: id, isDuplicate: isDuplicate, self)
    }
    func fits(_ size: BatchSize) -> Bool { size.fits(in: room) || used == .zero }

    package func stopWaiting(_ producer: any ChannelProducer) {
        line.leave(producer)
        tellProducers()
    }
    private func tellProducers() {
        line.tell(self, on: environment.loop) { [weak self] in self?.fits($0) ?? false }
    }

    package func commitPut(_ id: UInt64, until custody: Custody, _ done: @escaping Completion) {
        guard let reservation = reservations.removeValue(forKey: id) else {
            environment.loop.enqueue { done(.failure(.stopped)) }
            return
        }
        // Looked at again: another source may have committed the same numbers since the reservation.
        let batch = reservation.batch, identity = batch.identity!
        let new = batch.keeping(numbers.missing(identity, count: batch.count))
        used -= reservation.size - new.size
        duplicates.add(batch.count - new.count)
        puts.add(new.count)
        let originals = new.count == batch.count ? [] : overlapping(identity)
        numbers.add(identity)
        advanceOrigin(identity)

        // Nothing to deliver: all of it is here already, or it has only positions.
        let isEmpty = new.count == 0 && (batch.count > 0 || identity.span.isEmpty)
        var awaited = originals
        if !isEmpty {
            let record = Record(nextID, new, environment.loop.now)
            nextID += 1
            records.append(record)
            live[identity.stream, default: []].append(record)
            awaited.append(record)
            tellConsumers()
        }
        if custody == .committed || awaited.isEmpty {
            environment.loop.enqueue { done(.success(())) }
        } else if awaited.count == 1 {
            awaited[0].waiters.append(done)
        } else {
            var open = awaited.count, failure: TailraceError?
            for record in awaited {
                record.waiters.append { result in
                    if case .failure(let error) = result { failure = error }
                    open -= 1
                    if open == 0 { done(failure.map { .failure($0) } ?? .success(())) }
                }
            }
        }
    }
    package func rollbackPut(_ id: UInt64) {
        guard let reservation = reservations.removeValue(forKey: id) else { return }
        used -= reservation.size
        tellProducers()
    }
    private func overlapping(_ identity: BatchIdentity) -> [Record] {
        (live[identity.stream] ?? []).filter { record in
            record.batch.identity!.sequences.contains { run in identity.sequences.contains { $0.overlaps(run) } }
        }
    }
    private func advanceOrigin(_ identity: BatchIdentity) {
        for (source, origin) in origins where origin.stream == identity.stream {
            origins[source]!.next = max(origin.next, identity.span.upperBound)
        }
    }

    // MARK: Take

    package func next(_ consumer: any ChannelConsumer) -> BatchHead? {
        guard let piece = givenBack.first ?? queued else {
            if !waitingConsumers.contains(where: { $0 === consumer }) { waitingConsumers.append(consumer) }
            return nil
        }
        let part = piece.record.batch.part(piece.events)
        return BatchHead(stream: part.identity!.stream, first: part.identity!.span.lowerBound, size: part.size)
    }
    /// The rest of the oldest record that is not wholly taken.
    private var queued: Piece? {
        guard firstRecord < records.count, let record = records[firstRecord] else { return nil }
        return Piece(record: record, events: record.cursor..<record.batch.count)
    }

    /// What would be taken next, and where it stands among all that is here.
    var offer: (order: MemoryOrder, batch: EventBatch)? {
        (givenBack.first ?? queued).map { (order(of: $0), $0.record.batch.part($0.events)) }
    }
    private func order(of piece: Piece) -> MemoryOrder {
        MemoryOrder(record: piece.record.order, event: piece.events.lowerBound)
    }

    /// Lets go of what is not delivered and nobody waits for: nobody would send it again. In order; open takes are ignored
    /// from then on.
    func removeUnawaited() -> [EventBatch] {
        let queued = records[firstRecord...].compactMap(\.self)
        let all = givenBack + openTakes.values + queued.map { Piece(record: $0, events: $0.cursor..<$0.batch.count) }
        let pieces = all.filter { $0.record.waiters.isEmpty }.sorted { order(of: $0) < order(of: $1) }
        openTakes = openTakes.filter { !$0.value.record.waiters.isEmpty }
        givenBack.removeAll { $0.record.waiters.isEmpty }
        (records, firstRecord) = (queued.filter { !$0.waiters.isEmpty }, 0)
        for piece in pieces {
            let stream = piece.record.batch.identity!.stream
            live[stream]?.removeAll { $0 === piece.record }
            used -= piece.record.batch.part(piece.events).size
        }
        return pieces.map { $0.record.batch.part($0.events) }
    }

    package func take(upTo limit: BatchSize) -> TakeTransaction? {
        guard let piece = givenBack.first ?? queued else { return nil }
        let isBack = !givenBack.isEmpty
        let part = piece.record.batch.part(piece.events)
        let fitting = part.prefix(fitting: limit), end = piece.events.lowerBound + fitting.count
        let taken = Piece(record: piece.record, events: piece.events.lowerBound..<end)
        if isBack {
            givenBack.removeFirst()
            if end < piece.events.upperBound {
                givenBack.insert(Piece(record: piece.record, events: end..<piece.events.upperBound), at: 0)
            }
        } else {
            piece.record.cursor = end
            if end == piece.record.batch.count { removeFirstRecord() }
        }
        let id = nextID
        nextID += 1
        openTakes[id] = taken
        return TakeTransaction(part.part(fitting), id: id, self)
    }
    private func removeFirstRecord() {
        records[firstRecord] = nil
        firstRecord += 1
        guard firstRecord >= 64, firstRecord * 2 >= records.count else { return }
        records.removeFirst(firstRecord)
        firstRecord = 0
    }

    package func settleTake(_ id: UInt64, _ outcome: TakeOutcome) {
        guard let piece = openTakes.removeValue(forKey: id) else { return }
        guard case .delivered = outcome else {
            let index = givenBack.firstIndex {
                ($0.record.order, $0.events.lowerBound) > (piece.record.order, piece.events.lowerBound)
            }
            givenBack.insert(piece, at: index ?? givenBack.count)
            return tellConsumers()
        }
        let size = piece.record.batch.part(piece.events).size
        takes.add(size.events)
        used -= size
        piece.record.remaining -= size.events
        if piece.record.remaining == 0 { delivered(piece.record) }
        tellProducers()
    }
    private func delivered(_ record: Record) {
        let stream = record.batch.identity!.stream
        live[stream]?.removeAll { $0 === record }
        if live[stream]?.isEmpty == true { live[stream] = nil }
        guard !record.waiters.isEmpty else { return }
        let waiters = record.waiters
        record.waiters = []
        environment.loop.enqueue { for waiter in waiters { waiter(.success(())) } }
    }
    private func tellConsumers() {
        guard !waitingConsumers.isEmpty else { return }
        let waiting = waitingConsumers
        waitingConsumers = []
        for consumer in waiting {
            environment.loop.enqueue { [weak self, weak consumer] in
                if let self, let consumer { consumer.channelHasEvents(self) }
            }
        }
    }

    // MARK: Streams and positions

    package func origin(of source: String) -> (stream: StreamID, next: UInt64) {
        if let known = origins[source] { return known }
        let origin = (stream: StreamID(value: environment.random.next()), next: UInt64(0))
        origins[source] = origin
        return origin
    }
    /// None: nothing here outlives the process.
    package func positions(of source: String) -> [SourcePositionKey: StoredPosition] { [:] }
    package func forget(_ key: SourcePositionKey) {}
    package func remove(_ producer: any ChannelProducer) { stopWaiting(producer) }
    package func remove(_ consumer: any ChannelConsumer) { waitingConsumers.removeAll { $0 === consumer } }
}
