package import TailraceCore

/// Flume's file channel: a log in segments on disk. A put is answered after its sync (``SyncMode``), all that wait share one;
/// what was answered survives a crash of the process and of the machine. See Format/FileFormat.swift.
///
/// Memory is bounded by its configuration whatever its backlog: what waits for the disk (`unsyncedBytes`), and what waits for
/// the sinks (`memoryBytes`). A disk that is full or fails stops puts, never takes, and puts go on when it is well again.
package final class FileChannel: DeclaredComponent, EventChannel, PutBackend, TakeBackend {
    package static var declaration: Declaration<FileChannelConfiguration> { FileChannelConfiguration.declaration }

    struct Reservation {
        var batch: EventBatch
        var size: BatchSize
    }
    package let name: String
    package private(set) var health = Health.starting
    package let isDurable = true
    package let keepAlive: Duration
    package let largestPut: BatchSize
    private let configuration: FileChannelConfiguration
    private let directories: FileChannelDirectories
    private var environment: Environment
    private var writer: LogWriter?
    private(set) var reader: LogReader?
    private var keeper: StateKeeper?
    private var quarantine: Quarantine?
    private var spares: SpareSegments?
    private var locks: [any DirectoryLock] = []
    private var disks: [any Disk] = []
    private(set) var delivery = DeliveryLine(ReadPosition(segment: 0, offset: 0, number: 1, eventsBefore: 0, bytesBefore: 0))
    private(set) var reservations: [UInt64: Reservation] = [:]
    /// Reserved, or committed and not written.
    private var unsynced = BatchSize.zero
    /// In the log and not delivered.
    private var logged = BatchSize.zero
    private let line = ProducerLine()
    private var waitingConsumers: [any ChannelConsumer] = []
    /// What is safe.
    private var memory = ChannelMemory()
    /// The same with what was committed and is not safe yet.
    private(set) var numbers = HeldNumbers()
    private(set) var pending: [StreamID: [PendingPut]] = [:]
    private var nextNumbers: [String: ChannelMemory.Origin] = [:]
    /// Who waits until the records up to that number are delivered.
    private var deliveryWaiters: [(number: UInt64, done: Completion)] = []
    private var endNumber: UInt64 = 1
    private var nextID: UInt64 = 0
    private(set) var isStopping = false
    private var hasSpace = true
    private var spaceTimer: TimerID?
    private var spaceCheckedAt: Instant?
    private var pace = PutPace()
    private var patience: TimerID?
    let puts: Counter, duplicates: Counter
    private let takes: Counter, quarantined: Counter

    package init(_ configuration: FileChannelConfiguration, _ environment: Environment) throws(TailraceError) {
        name = environment.component
        (self.configuration, self.environment) = (configuration, environment)
        directories = FileChannelDirectories(configuration, environment)
        largestPut = BatchSize(events: configuration.largestPutEvents, bytes: configuration.unsyncedBytes)
        keepAlive = .seconds(configuration.keepAliveSeconds)
        puts = environment.counter("put_events_total")
        takes = environment.counter("taken_events_total")
        duplicates = environment.counter("duplicate_events_total")
        quarantined = environment.counter("quarantined_events_total")
        environment.gauge("events") { [weak self] in self?.held.events ?? 0 }
        environment.gauge("bytes") { [weak self] in self?.held.bytes ?? 0 }
        environment.gauge("capacity_events") { configuration.capacity }
        environment.gauge("unsynced_bytes") { [weak self] in self?.unsynced.bytes ?? 0 }
        environment.gauge("segments") { [weak self] in self?.keeper?.kept.count ?? 0 }
        environment.gauge("oldest_event_age_seconds") { [weak self] in self?.oldestAge ?? 0 }
        environment.gauge("forgotten_number_runs") { [weak self] in self?.numbers.forgotten ?? 0 }
    }
    var oldestAge: Int {
        guard let oldest = delivery.oldest else { return 0 }
        return Int(max(0, environment.loop.wallTime.milliseconds - oldest.milliseconds) / 1000)
    }

    // MARK: Start and stop

    package func start(_ done: @escaping Completion) {
        let stateDisk: any Disk
        do throws(TailraceError) {
            stateDisk = try environment.files.disk(directories.checkpoint)
            disks = []
            for directory in directories.data { disks.append(try environment.files.disk(directory)) }
            locks.append(try stateDisk.lock())
            for disk in disks where disk.directory != stateDisk.directory { locks.append(try disk.lock()) }
        } catch {
            let error = error.named(name)
            locks = []
            health = .failed(error)
            return environment.loop.enqueue { done(.failure(error)) }
        }
        Recovery(environment, stateDisk, disks) { [self] result in
            switch result {
            case .failure(let error):
                let error = error.named(name)
                for lock in locks { lock.release() }
                (locks, disks) = ([], [])
                health = .failed(error)
                done(.failure(error))
            case .success(let recovered):
                adopt(recovered)
                done(.success(()))
            }
        }.start()
    }

    private func adopt(_ recovered: Recovered) {
        for (level, text) in recovered.notes { environment.log(level, text) }
        memory = recovered.memory
        let age = WallTime(
            milliseconds: environment.loop.wallTime.milliseconds - Int64(configuration.rememberSeconds) * 1000)
        memory.numbers.expire(before: age)
        if recovered.needsNewStreams || configuration.syncMode != .commit { memory.origins = [:] }
        (numbers, nextNumbers) = (memory.numbers, memory.origins)
        delivery = DeliveryLine(recovered.position)
        logged = BatchSize(
            events: Int(recovered.end.events - recovered.position.eventsBefore) - Int(recovered.position.prefix),
            bytes: Int(recovered.end.bytes - recovered.position.bytesBefore))
        endNumber = recovered.slot.endNumber
        quarantine = Quarantine(environment, disks)
        let spares = SpareSegments(disks, recovered.spares)
        self.spares = spares
        keeper = StateKeeper(
            configuration, environment, recovered.stateFile, disks, spares, recovered.slot, index: recovered.slotIndex,
            kept: recovered.kept, useless: recovered.useless)
        var end = recovered.end
        end.number = recovered.segments.last?.endNumber ?? end.number
        reader = LogReader(
            environment, disks, channel: recovered.channel, segments: recovered.segments, from: recovered.position, end: end,
            self)
        writer = LogWriter(
            configuration, environment, disks, spares, channel: recovered.channel, end: recovered.end,
            previous: recovered.previous,
            nextSegment: recovered.nextSegment, self)
        health = .ok
        checkSpace()
        reader?.fill()
        writer?.start()
    }

    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        isStopping = true
        var finish: (() -> Void)? = done
        let timer = environment.loop.schedule(at: deadline) { [self] in
            guard let end = finish else { return }
            finish = nil
            environment.log(.warning, "stopped before the disk had answered")
            ended()
            end()
        }
        let close = { [self] in
            guard let end = finish else { return }
            finish = nil
            environment.loop.cancel(timer)
            ended()
            end()
        }
        guard let writer, let keeper else { return environment.loop.enqueue(close) }
        reader?.stop()
        writer.close { _ in keeper.close { _ in close() } }
    }
    private func ended() {
        for lock in locks { lock.release() }
        locks = []
        if let spaceTimer { environment.loop.cancel(spaceTimer) }
        if let patience { environment.loop.cancel(patience) }
        let left = (writer?.unsafe ?? []).flatMap(\.answers) + deliveryWaiters.map(\.done)
        deliveryWaiters = []
        environment.loop.enqueue { for answer in left { answer(.failure(.stopped)) } }
        (reservations, waitingConsumers, writer, reader, keeper) = ([:], [], nil, nil, nil)
    }

    // MARK: Room

    package var held: BatchSize { BatchSize(events: max(0, logged.events), bytes: max(0, logged.bytes)) }
    package var room: BatchSize {
        guard isOpen else { return .zero }
        return BatchSize(
            events: max(0, configuration.capacity - held.events - unsynced.events),
            bytes: max(0, configuration.unsyncedBytes - unsynced.bytes))
    }
    private var isOpen: Bool { !isStopping && hasSpace && writer != nil && writer?.refusal == nil }

    func fits(_ size: BatchSize) -> Bool {
        guard isOpen, !pace.isHeld else { return false }
        // A single event always fits once the channel is empty.
        if held.events == 0 && unsynced == .zero { return true }
        return held.events + unsynced.events + size.events <= configuration.capacity
            && (unsynced.bytes == 0 || unsynced.bytes + size.bytes <= configuration.unsyncedBytes)
    }

    /// After whatever changes what waits in memory.
    private func keepPace() {
        let waiting = unsynced.bytes + delivery.waitingBytes
        let order = pace.update(
            waiting: waiting, limit: configuration.memoryBytes, isCaughtUp: reader?.isCaughtUp ?? true)
        switch order {
        case .none: break
        case .hold:
            guard configuration.patienceMilliseconds > 0 else { return pace.patienceEnded() }
            let end = environment.loop.now + .milliseconds(configuration.patienceMilliseconds)
            patience = environment.loop.schedule(at: end) { [weak self] in
                guard let self else { return }
                patience = nil
                pace.patienceEnded()
                tellProducers()
            }
        case .resume:
            if let patience { environment.loop.cancel(patience) }
            patience = nil
            tellProducers()
        }
    }

    /// Once a second at most while something is put; each second while there is too little.
    private func checkSpace() {
        spaceCheckedAt = environment.loop.now
        var least = Int64.max, failure: TailraceError?
        for disk in disks {
            do throws(TailraceError) { least = min(least, try disk.freeBytes()) } catch { failure = error }
        }
        let isEnough = failure == nil && least >= Int64(configuration.minimumRequiredSpace)
        if isEnough != hasSpace {
            hasSpace = isEnough
            if isEnough {
                environment.log(.info, "puts go on: \(least) bytes are free")
            } else {
                let error =
                    failure
                    ?? TailraceError(
                        code: "channel.disk-space",
                        message: "\(least) bytes are free, minimumRequiredSpace is \(configuration.minimumRequiredSpace)",
                        fix: "free space on the data directory's file system; puts go on by themselves", component: name)
                environment.log(.error, "puts wait: \(error)")
                health = .degraded(error)
            }
        }
        if isEnough { updateHealth() }
        guard !isEnough, spaceTimer == nil else { return tellProducers() }
        spaceTimer = environment.loop.schedule(at: environment.loop.now + .seconds(1)) { [weak self] in
            self?.spaceTimer = nil
            self?.checkSpace()
        }
    }
    private func updateHealth() {
        guard hasSpace else { return }
        health = writer?.refusal.map { .degraded($0) } ?? .ok
    }

    // MARK: Put

    package func put(_ batch: EventBatch, _ producer: (any ChannelProducer)?) -> PutTransaction? {
        let identity = batch.identity!, missing = numbers.missing(identity, count: batch.count)
        let new = batch.keeping(missing), size = new.size
        let isDuplicate = missing.isEmpty && batch.count > 0
        if let checked = spaceCheckedAt, environment.loop.now - checked > .seconds(1), spaceTimer == nil { checkSpace() }
        if !isDuplicate || !isOpen {
            guard line.isFirst(producer), fits(size) else {
                if let producer { line.wait(producer, for: size) }
                return nil
            }
            if let producer { line.leave(producer) }
        }
        defer { if !line.isEmpty { tellProducers() } }
        return reserve(batch, size, isDuplicate)
    }
    private func reserve(_ batch: EventBatch, _ size: BatchSize, _ isDuplicate: Bool) -> PutTransaction {
        unsynced += size
        let id = nextID
        nextID += 1
        reservations[id] = Reservation(batch: batch, size: size)
        keepPace()
        return PutTransaction(id: id, isDuplicate: isDuplicate, self)
    }
    /// At a stop, for what would be lost otherwise.
    func putBeyondCapacity(_ batch: EventBatch) -> PutTransaction? { isOpen ? reserve(batch, batch.size, false) : nil }

    package func stopWaiting(_ producer: any ChannelProducer) {
        line.leave(producer)
        tellProducers()
    }
    private func tellProducers() {
        line.tell(self, on: environment.loop) { [weak self] in self?.fits($0) ?? false }
    }

    package func rollbackPut(_ id: UInt64) {
        guard let reservation = reservations.removeValue(forKey: id) else { return }
        unsynced -= reservation.size
        keepPace()
        tellProducers()
    }

    package func commitPut(_ id: UInt64, until custody: Custody, _ done: @escaping Completion) {
        guard let reservation = reservations.removeValue(forKey: id), let writer else {
            environment.loop.enqueue { done(.failure(.stopped)) }
            return
        }
        // Looked at again: another source may have committed the same numbers since the reservation.
        let batch = reservation.batch, identity = batch.identity!
        let new = batch.keeping(numbers.missing(identity, count: batch.count))
        unsynced -= reservation.size - new.size
        duplicates.add(batch.count - new.count)
        puts.add(new.count)
        let originals = new.count == batch.count ? [] : overlapping(identity)
        let isStored = new.count > 0 || batch.count == 0 || !batch.positions.isEmpty
        let answer = custody == .delivered ? deliveredAnswer(done) : done
        guard isStored || !originals.isEmpty else { return environment.loop.enqueue { answer(.success(())) } }

        var open = originals.count + (isStored ? 1 : 0), failure: TailraceError?
        let one: Completion = { result in
            if case .failure(let error) = result { failure = error }
            open -= 1
            if open == 0 { answer(failure.map { .failure($0) } ?? .success(())) }
        }
        for original in originals { original.answers.append(one) }
        guard isStored else { return }
        let stored = new.identity!, time = environment.loop.wallTime
        numbers.add(stored, at: time)
        let origin = advanceOrigin(identity)
        let put = PendingPut(new, RecordMeta(positions: new.positions, origin: origin), time, one)
        pending[stored.stream, default: []].append(put)
        writer.commit(put)
    }
    private func overlapping(_ identity: BatchIdentity) -> [PendingPut] {
        (pending[identity.stream] ?? []).filter { put in
            put.batch.identity!.sequences.contains { run in identity.sequences.contains { $0.overlaps(run) } }
        }
    }
    /// The source whose stream this is, if it begins here.
    private func advanceOrigin(_ identity: BatchIdentity) -> String? {
        for (source, origin) in nextNumbers where origin.stream == identity.stream {
            nextNumbers[source]!.next = max(origin.next, identity.span.upperBound)
            return source
        }
        return nil
    }
    /// Safe first; then when all that is in the log by then was delivered.
    func deliveredAnswer(_ done: @escaping Completion) -> Completion {
        { [weak self] result in
            guard case .success = result, let self, delivery.position.number < endNumber else { return done(result) }
            deliveryWaiters.append((endNumber, done))
        }
    }

    // MARK: Take

    package func next(_ consumer: any ChannelConsumer) -> BatchHead? {
        guard !isStopping, let piece = delivery.offer else {
            if !isStopping, !waitingConsumers.contains(where: { $0 === consumer }) { waitingConsumers.append(consumer) }
            return nil
        }
        let part = piece.batch
        return BatchHead(stream: part.identity!.stream, first: part.identity!.span.lowerBound, size: part.size)
    }
    package func take(upTo limit: BatchSize) -> TakeTransaction? {
        guard !isStopping, let batch = delivery.take(nextID, upTo: limit) else { return nil }
        defer { nextID += 1 }
        keepPace()
        reader?.fill()
        return TakeTransaction(batch, id: nextID, self)
    }
    package func settleTake(_ id: UInt64, _ outcome: TakeOutcome) {
        var isDelivered = false
        if case .delivered = outcome { isDelivered = true }
        let before = delivery.size
        switch delivery.settle(id, isDelivered: isDelivered) {
        case .unknown: return
        case .back: tellConsumers()
        case .delivered(let events):
            takes.add(events)
            logged -= before - delivery.size
            positionMoved()
            tellProducers()
        }
    }
    private func positionMoved() {
        keeper?.moved(to: delivery.position, endNumber: endNumber)
        while let first = deliveryWaiters.first, first.number <= delivery.position.number {
            deliveryWaiters.removeFirst()
            environment.loop.enqueue { first.done(.success(())) }
        }
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
        if let known = nextNumbers[source] { return (known.stream, known.next) }
        // With the time in it: a stream must be new even where a seed repeats.
        var random = environment.random.split("\(source) \(environment.loop.wallTime.milliseconds) \(environment.loop.now)")
        let origin = ChannelMemory.Origin(stream: StreamID(value: random.next()), next: 0)
        nextNumbers[source] = origin
        return (origin.stream, origin.next)
    }
    package func positions(of source: String) -> [SourcePositionKey: StoredPosition] {
        memory.positions.filter { $0.key.source == source }
    }
    /// On the disk with the next segment's head: until then a crash brings it back.
    package func forget(_ key: SourcePositionKey) { memory.positions[key] = nil }
    package func remove(_ producer: any ChannelProducer) { stopWaiting(producer) }
    package func remove(_ consumer: any ChannelConsumer) { waitingConsumers.removeAll { $0 === consumer } }
}

extension FileChannel: LogWriterOwner {
    func snapshot() -> ChannelMemory { memory }

    func written(_ records: [WrittenRecord], in segment: SegmentInfo, end: Int, endNumber: UInt64) {
        keeper?.has(segment)
        for record in records {
            let put = record.put, identity = put.batch.identity!
            memory.apply(identity, put.meta, at: put.time)
            settled(put)
            logged += put.batch.size
        }
        self.endNumber = endNumber
        reader?.written(records, in: segment, end: end, endNumber: endNumber)
        keepPace()
        positionMoved()
        tellProducers()
    }
    func failed(_ puts: [PendingPut]) {
        for put in puts {
            numbers.remove(put.batch.identity!)
            settled(put)
        }
        updateHealth()
    }
    private func settled(_ put: PendingPut) {
        let stream = put.batch.identity!.stream
        unsynced -= put.batch.size
        pending[stream]?.removeAll { $0 === put }
        if pending[stream]?.isEmpty == true { pending[stream] = nil }
    }
    func hasRoom() {
        updateHealth()
        tellProducers()
    }
    func closed(_ segment: SegmentInfo, _ file: any File, end: Int) {
        // What was reserved and not used goes back; when that fails, it only takes room until the segment is read.
        file.truncate(to: Int64(end)) { [environment] result in
            file.close()
            if case .failure(let error) = result { environment.log(.debug, "the last segment keeps its room: \(error)") }
        }
    }
    func abandoned(_ segment: SegmentInfo, _ file: any File, hasGoodRecords: Bool) {
        file.close()
        spares?.distrust(segment)
        if !hasGoodRecords { keeper?.drop(segment) }
    }
    func useless(_ segment: SegmentInfo) { keeper?.drop(segment) }
}

extension FileChannel: LogReaderOwner {
    func wantsMore(beyond bytes: Int) -> Bool { delivery.waitingBytes + bytes < configuration.memoryBytes }
    /// What comes at the sinks' pace is bounded by that.
    func keepsInMemory(beyond bytes: Int) -> Bool { pace.isKept || wantsMore(beyond: bytes) }

    func loaded(_ records: [DeliveryLine.Record]) {
        for record in records { delivery.append(record) }
        keepPace()
        positionMoved()
        if delivery.offer != nil { tellConsumers() }
    }
    func lost(_ loss: LogLoss) {
        logged -= loss.size
        quarantined.add(loss.size.events)
        quarantine?.keep(loss)
        spares?.distrust(loss.segment)
        tellProducers()
    }
}
