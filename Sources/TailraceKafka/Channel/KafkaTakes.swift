import TailraceChannels
import TailraceCore

/// The way out of a Kafka channel: a member of the channel's consumer group. A take is some records of one partition and one
/// stream; many may be open and settle in any order. Of each partition the offset is committed behind which everything is
/// delivered; what is given back comes again at once, from memory.
///
/// When the group takes a partition away, what of it is not on its way is dropped, and what is open is waited for; what is
/// delivered after that is counted, since the next owner reads it too. Records whose numbers were delivered here before are
/// skipped.
final class KafkaTakes: TakeBackend, GroupReaderOwner {
    /// Of what was read and is not delivered; a single read may be more.
    static let capacity = BatchSize(events: 200_000, bytes: 64 << 20)
    private static let read = BatchSize(events: 4_096, bytes: Limits.batchBytes)
    private static let readsPerTurn = 16

    private struct Piece {
        var order: UInt64
        var ticket: OffsetLedger.Ticket
        var batch: EventBatch

        func part(_ events: Range<Int>) -> Piece {
            Piece(order: order, ticket: ticket.part(pick([events], of: ticket.offsets)), batch: batch.part(events))
        }
        func isBehind(_ other: Piece) -> Bool {
            (order, ticket.offsets[0].lowerBound) > (other.order, other.ticket.offsets[0].lowerBound)
        }
    }

    weak var channel: (any EventChannel)?
    private var environment: Environment
    private let reader: GroupReader
    private let unreadable: UnreadableRecords
    private let maker: ConsumedEvents
    private var ready: [Piece] = []
    private var open: [UInt64: Piece] = [:]
    private var waiting: [any ChannelConsumer] = []
    private var isTelling = false
    /// Read, with records that cannot be read, whose dead letters are not synced.
    private var held: (partition: TopicPartition, number: UInt64)?
    private var delivered = HeldNumbers()
    /// Of records without identity, by assignment.
    private var ownStreams: [TopicPartition: (generation: UInt64, stream: StreamID)] = [:]
    private var nextID: UInt64 = 0
    private(set) var size = BatchSize.zero
    private let takes: Counter, leftOut: Counter, skipped: Counter, late: Counter

    init(_ configuration: KafkaChannelConfiguration, _ environment: Environment) {
        self.environment = environment
        maker = ConsumedEvents(
            .init(isDatum: configuration.parseAsFlumeEvent, takesAllHeaders: !configuration.parseAsFlumeEvent))
        reader = GroupReader(group: configuration.group, topics: [configuration.topic], pattern: nil, environment) {
            () throws(TailraceError) in try configuration.consumerSettings()
        }
        unreadable = UnreadableRecords(
            DeadLetterFile(DeadLetterFile.path(configuration.deadLetterFile, environment), environment), environment)
        takes = environment.counter("taken_events_total")
        leftOut = environment.counter("headers_left_out_total")
        skipped = environment.counter("skipped_duplicate_events_total")
        late = environment.counter("delivered_after_revocation_events_total")
        reader.owner = self
        unreadable.failed = { [weak self] in self?.reader.degrade($0) }
    }

    var health: Health { reader.health }

    func start() throws(TailraceError) { try reader.start() }
    /// The takes were settled before: nothing is handed out any more.
    func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        (ready, held, waiting) = ([], nil, [])
        reader.stop(by: deadline) { [self] in
            unreadable.close()
            done()
        }
    }

    // MARK: Taking

    /// The first who asks makes it a member of the group: a channel without a sink takes nothing away from others.
    func next(_ consumer: any ChannelConsumer) -> BatchHead? {
        do throws(TailraceError) { try reader.join() } catch { reader.failed(error) }
        if let piece = first() {
            return BatchHead(
                stream: piece.batch.identity!.stream, first: piece.batch.identity!.span.lowerBound, size: piece.batch.size)
        }
        if !waiting.contains(where: { $0 === consumer }) { waiting.append(consumer) }
        return nil
    }
    func take(upTo limit: BatchSize) -> TakeTransaction? {
        guard let piece = first() else { return nil }
        let events = piece.batch.prefix(fitting: limit), taken = piece.part(events)
        if events.upperBound == piece.batch.count {
            ready.removeFirst()
        } else {
            ready[0] = piece.part(events.upperBound..<piece.batch.count)
        }
        nextID += 1
        open[nextID] = taken
        reader.ledger.open(taken.ticket)
        return TakeTransaction(taken.batch, id: nextID, self)
    }
    func remove(_ consumer: any ChannelConsumer) { waiting.removeAll { $0 === consumer } }

    /// The oldest that is not taken; reads when there is none.
    private func first() -> Piece? {
        for _ in 0..<Self.readsPerTurn {
            if let piece = ready.first { return piece }
            guard held == nil, size.fits(in: Self.capacity), let batch = reader.poll(upTo: Self.read) else { return nil }
            accept(batch)
        }
        if let piece = ready.first { return piece }
        tellConsumers()  // all of it was known: others have a turn in between
        return nil
    }
    private func tellConsumers() {
        guard !isTelling else { return }
        isTelling = true
        environment.loop.enqueue { [weak self] in
            guard let self else { return }
            isTelling = false
            guard let channel else { return }
            let told = waiting
            waiting = []
            for consumer in told { consumer.channelHasEvents(channel) }
        }
    }

    func settleTake(_ id: UInt64, _ outcome: TakeOutcome) {
        guard let piece = open.removeValue(forKey: id) else { return }
        let isCurrent = reader.ledger.isCurrent(piece.ticket)
        if case .delivered = outcome {
            takes.add(piece.batch.count)
            if !reader.ledger.isKnown(piece.ticket) { late.add(piece.batch.count) }
            delivered.add(piece.batch.identity!)
            reader.ledger.answer(piece.ticket, isSafe: true)
            size -= piece.batch.size
        } else {
            reader.ledger.answer(piece.ticket, isSafe: false)
            if isCurrent, !reader.isStopping {
                ready.insert(piece, at: ready.firstIndex { $0.isBehind(piece) } ?? ready.count)
            } else {
                size -= piece.batch.size  // for somebody else
            }
        }
        reader.settled()
        tellConsumers()
    }

    // MARK: Reading

    func readerHasRecords() { tellConsumers() }

    private func accept(_ batch: ConsumedBatch) {
        let made = maker.make(batch)
        if made.headersLeftOut > 0 { leftOut.add(made.headersLeftOut) }
        if made.bad.isEmpty { return add(batch, made) }
        nextID += 1
        let number = nextID
        held = (batch.partition, number)
        unreadable.write(batch, made.bad) { [weak self] in
            guard let self, held?.number == number else { return }
            held = nil
            add(batch, made)
            tellConsumers()
        }
    }

    private func add(_ batch: ConsumedBatch, _ made: ConsumedEvents.Made) {
        guard let first = batch.offsets.first, let last = batch.offsets.last,
            let ticket = reader.ledger.read(batch.partition, first..<last + 1)
        else { return }
        var readable = Runs([0..<batch.offsets.count])
        for (index, _) in made.bad { readable.remove(index..<index + 1) }
        let whole = EventBatch(
            batch.events.storage.buffer, made.bodies, shared: made.shared, eventHeaders: made.headers)
        // What no piece has is done: unreadable records, those delivered before, and what Kafka itself has left out.
        var rest = Runs(ticket.offsets), added = 0
        for group in RecordStreams.groups(batch, readable.ranges, own: ownStream(ticket)) {
            let missing = delivered.missing(group.identity, count: group.events.reduce(0) { $0 + $1.count })
            guard !missing.isEmpty else { continue }
            let events = pick(missing, of: group.events), offsets = pick(missing, of: group.offsets)
            var known = group
            known.sequences = pick(missing, of: group.sequences)
            nextID += 1
            ready.append(
                Piece(
                    order: nextID, ticket: ticket.part(offsets), batch: whole.keeping(events).identified(known.identity)))
            size += ready.last!.batch.size
            added += ready.last!.batch.count
            rest.remove(offsets)
        }
        skipped.add(made.bodies.count - added)
        guard !rest.isEmpty else { return }
        reader.ledger.skip(ticket.part(rest.ranges))
        reader.settled()
    }

    private func ownStream(_ ticket: OffsetLedger.Ticket) -> StreamID {
        if let own = ownStreams[ticket.partition], own.generation == ticket.generation { return own.stream }
        let stream = StreamID(value: environment.random.next())
        ownStreams[ticket.partition] = (ticket.generation, stream)
        return stream
    }

    // MARK: The group

    func readerAssigned(
        _ partitions: [(TopicPartition, Int64?)], _ start: @escaping ([(TopicPartition, Int64?)]) -> Void
    ) { start(partitions) }
    func readerLost(_ partitions: [TopicPartition]) {
        let lost = Set(partitions)
        for piece in ready where lost.contains(piece.ticket.partition) { size -= piece.batch.size }
        ready.removeAll { lost.contains($0.ticket.partition) }
        for partition in partitions { ownStreams[partition] = nil }
        if let held, lost.contains(held.partition) { self.held = nil }
        tellConsumers()
    }
}
