import TailraceCore

/// Brings batches to Kafka, for the sink's takes and the channel's puts alike. A batch is done when each of its events is
/// confirmed by the broker, or rejected by it for good and written to the dead letters, synced. What fails otherwise is sent
/// again, these events only, until the limit; then the batch is given back, and what of it was confirmed is remembered (see
/// ``ConfirmedMemory``).
///
/// ``DeliveryMachine`` decides; this class talks to the client. Payloads are never copied: record sets point into the batch.
final class RecordDelivery {
    enum Outcome {
        case delivered(rejected: [Rejection])
        /// Of some events it is not known whether they arrived.
        case givenBack(TailraceError)
    }
    /// Once; also within the call that delivers.
    typealias Done = (Outcome) -> Void
    struct Open {
        var batch: EventBatch
        var done: Done
    }

    var health = Health.starting
    /// After ``openSlots`` was found 0.
    var hasSlots: (() -> Void)?

    private let configuration: KafkaSinkConfiguration
    let environment: Environment
    let builder: RecordBuilder
    let deadLetters: DeadLetterFile
    var machine: DeliveryMachine
    var partitions: PartitionTable
    private var confirmed = ConfirmedMemory()
    var open: [DeliveryMachine.TakeID: Open] = [:]
    private var nextID: UInt64 = 0
    private var producer: (any ProducerClient)?
    private var timer: (id: TimerID, at: Instant)?
    private var isPumping = false
    private var isStarted = false
    private var wasBusy = false
    private var stopped: (() -> Void)?
    private var trouble = TroubleLog()
    var rejections = TroubleLog()
    let deadLettered: Counter
    private let resent: Counter, skipped: Counter, timesIgnored: Counter, clients: Counter

    init(_ configuration: KafkaSinkConfiguration, _ environment: Environment) throws(TailraceError) {
        (self.configuration, self.environment) = (configuration, environment)
        builder = try RecordBuilder(configuration)
        deadLetters = DeadLetterFile(DeadLetterFile.path(configuration.deadLetterFile, environment), environment)
        machine = DeliveryMachine(.init(limit: configuration.deliveryTimeout), now: environment.loop.now)
        partitions = PartitionTable(random: environment.random.split("partitions"))
        deadLettered = environment.counter("dead_letter_events_total")
        resent = environment.counter("resent_events_total")
        skipped = environment.counter("skipped_confirmed_events_total")
        timesIgnored = environment.counter("timestamp_ignored_events_total")
        clients = environment.counter("kafka_clients_made_total")
        environment.gauge("in_flight_events") { [weak self] in self?.machine.open.events ?? 0 }
    }

    // MARK: Start and stop

    /// Fails when the client refuses a setting. No broker need be there.
    func start() throws(TailraceError) {
        do throws(TailraceError) {
            try makeProducer()
        } catch {
            health = .failed(error.named(environment.component))
            throw error.named(environment.component)
        }
        (isStarted, health) = (true, .ok)
        if let topic = builder.usualTopic { askPartitions(of: topic) }
    }

    /// What the broker confirms until `deadline` is done; the rest is given back then.
    func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        stopped = done
        machine.stop()
        environment.loop.schedule(at: deadline) { self.stopNow() }
        producer?.flush(by: deadline) { _ in }
        environment.loop.enqueue { self.closeIfStopped() }
    }
    private func closeIfStopped() {
        guard stopped != nil, machine.takeCount == 0 else { return }
        guard let client = producer else { return stopNow() }
        producer = nil
        client.close { self.stopNow() }
    }
    private func stopNow() {
        guard let stopped else { return }
        self.stopped = nil
        for id in machine.giveBackAll() { open.removeValue(forKey: id)?.done(.givenBack(.stopped)) }
        producer?.close {}
        producer = nil
        isStarted = false
        if let timer { environment.loop.cancel(timer.id) }
        deadLetters.close()
        stopped()
    }

    // MARK: Batches

    /// Batches that it takes now.
    var openSlots: Int {
        let hasBytes = machine.open.bytes < KafkaSinkConfiguration.windowBytes
        let slots = isStarted && stopped == nil && hasBytes ? max(0, configuration.window - machine.takeCount) : 0
        if slots == 0 { wasBusy = true }
        return slots
    }

    /// Also without an open slot, for who bounds what he has himself.
    func deliver(_ batch: EventBatch, _ done: @escaping Done) {
        let id = newID(), known = confirmed.isEmpty ? [] : confirmed.known(in: batch)
        if !known.isEmpty { skipped.add(known.reduce(0) { $0 + $1.count }) }
        open[id] = Open(batch: batch, done: done)
        machine.accept(id, batch.size, done: known, now: environment.loop.now)
        pump()
    }
    /// The batch was delivered, but is offered again all the same.
    func remember(_ batch: EventBatch) { confirmed.remember([0..<batch.count], of: batch) }
    private func newID() -> UInt64 {
        nextID += 1
        return nextID
    }

    /// Does all that the machine wants now.
    func pump() {
        guard !isPumping else { return }
        isPumping = true
        let now = environment.loop.now
        while let action = machine.next(now) { perform(action) }
        isPumping = false
        if wasBusy, isStarted, machine.takeCount < configuration.window {
            wasBusy = false
            environment.loop.enqueue { [weak self] in self?.hasSlots?() }
        }
        if stopped != nil { environment.loop.enqueue { self.closeIfStopped() } }
        setTimer(now)
    }

    private func perform(_ action: DeliveryMachine.Action) {
        switch action {
        case .makeProducer:
            do throws(TailraceError) {
                try makeProducer()
            } catch {
                note(error)
                machine.producerNotMade(now: environment.loop.now)
            }
        case .closeProducer(let flush): closeProducer(flush: flush)
        case .send(let id, let events, let isAgain): send(id, events, isAgain: isAgain)
        case .writeDeadLetters(let id, let rejected): writeDeadLetters(id, rejected)
        case .settle(let id, let rejected):
            guard let entry = open.removeValue(forKey: id) else { return }
            confirmed.forget(entry.batch)
            entry.done(.delivered(rejected: rejected))
        case .giveBack(let id, let error, let done):
            guard let entry = open.removeValue(forKey: id) else { return }
            confirmed.remember(done, of: entry.batch)
            entry.done(.givenBack(error.named(environment.component)))
        }
    }

    // MARK: Records

    private func send(_ id: DeliveryMachine.TakeID, _ events: [Range<Int>], isAgain: Bool) {
        guard let entry = open[id], let producer else { preconditionFailure("send without a take or a client") }
        let built = builder.build(entry.batch.keeping(events), &partitions, isAgain: isAgain)
        for topic in built.topics { askPartitions(of: topic) }
        if built.timesIgnored > 0 { timesIgnored.add(built.timesIgnored) }
        if !built.rejected.isEmpty { machine.unroutable(id, Self.mapped(built.rejected, to: events)) }
        let sent = built.kept.map { pick($0, of: events) } ?? events
        if isAgain { resent.add(built.records?.batch.count ?? 0) }
        offer(id, built, sent, producer)
    }

    private func offer(
        _ id: DeliveryMachine.TakeID, _ built: RecordBuilder.Built, _ events: [Range<Int>], _ producer: any ProducerClient
    ) {
        guard let records = built.records else { return }
        let send = newID()
        let isTaken = producer.produce(records) { [weak self] result in self?.reported(id, send, events, result) }
        guard isTaken else { return machine.queueFull() }
        machine.sent(id, send, events, chosen: built.isChosen, pinned: built.pinned, now: environment.loop.now)
    }

    private func reported(
        _ id: DeliveryMachine.TakeID, _ send: DeliveryMachine.SendID, _ events: [Range<Int>], _ result: ProduceResult
    ) {
        let now = environment.loop.now
        let ofTake = ProduceResult(
            confirmed: pick(result.confirmed, of: events), rejected: Self.mapped(result.rejected, to: events),
            retriable: Self.mapped(result.retriable, to: events))
        machine.reported(id, send, ofTake, now: now)
        if let failure = result.retriable.first, producer != nil {
            note(failure.error)
            for topic in topics(of: id) { askPartitions(of: topic, isUrgent: true) }
        } else if !result.confirmed.isEmpty, trouble.ended(now) {
            health = .ok
            environment.log(.info, "Kafka takes events again")
        }
        pump()
    }
    private func topics(of id: DeliveryMachine.TakeID) -> [String] { builder.usualTopic.map { [$0] } ?? [] }

    /// Indices of a part of a batch → of the batch.
    private static func mapped(_ rejections: [Rejection], to events: [Range<Int>]) -> [Rejection] {
        rejections.flatMap { rejection in
            pick([rejection.events], of: events).map { Rejection(events: $0, error: rejection.error) }
        }
    }

    // MARK: The client

    private func makeProducer() throws(TailraceError) {
        clients.add(1)
        let number = clients.value
        let made = try environment.broker.makeProducer(try configuration.producerSettings()) { [weak self] error in
            self?.clientFailed(number, error)
        }
        made.hasRoom = { [weak self] in
            guard let self, clients.value == number else { return }
            machine.hasRoom()
            pump()
        }
        producer = made
        machine.producerMade()
    }
    private func clientFailed(_ number: Int, _ error: TailraceError) {
        guard clients.value == number, machine.producerFailed() else { return }
        note(error)
        closeProducer(flush: false)
    }
    /// Its reports come first, then the next one is made.
    private func closeProducer(flush: Bool) {
        guard let client = producer else { return }
        producer = nil
        client.hasRoom = nil
        let close = {
            client.close { [weak self] in
                guard let self else { return }
                partitions.forgetQuestions()
                machine.producerClosed(now: environment.loop.now)
                pump()
            }
        }
        guard flush else { return close() }
        client.flush(by: environment.loop.now + .seconds(2)) { _ in close() }
    }

    private func askPartitions(of topic: String, isUrgent: Bool = false) {
        let now = environment.loop.now
        guard let producer, partitions.isDue(topic, now: now, isUrgent: isUrgent) else { return }
        producer.partitions(of: topic) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let leaders): partitions.learned(topic, leaders)
            case .failure(let error):
                partitions.failed(topic)
                if machine.takeCount > 0 { note(error) }
            }
            checkLeaders()
        }
    }
    /// Events that wait for a partition without a leader go to another one, by way of a new client.
    private func checkLeaders() {
        let now = environment.loop.now
        let lost = machine.waitingPartitions(now: now).first { partitions.hasLeader($0) == false }
        guard let lost, producer != nil, machine.leaderIsGone() else { return }
        note(
            TailraceError(
                code: "kafka.no-leader", message: "\(lost) has no leader for long; its events go to another partition",
                fix: "see which broker is down"))
        closeProducer(flush: true)
    }

    private func setTimer(_ now: Instant) {
        guard machine.takeCount > 0 || machine.wakeAt(now) != nil, isStarted else { return }
        let wanted = min(machine.wakeAt(now) ?? now + .seconds(5), now + .seconds(5))
        if let timer {
            if timer.at <= wanted { return }
            environment.loop.cancel(timer.id)
        }
        let id = environment.loop.schedule(at: wanted) { [weak self] in
            guard let self else { return }
            timer = nil
            let waiting = machine.waitingPartitions(now: environment.loop.now)
            for partition in waiting { askPartitions(of: partition.topic, isUrgent: true) }
            pump()
        }
        timer = (id, wanted)
    }

    // MARK: What goes wrong

    /// One line per change, not per event or batch.
    private func note(_ error: TailraceError) {
        let error = error.named(environment.component)
        health = .degraded(error)
        if trouble.began(error, environment.loop.now) { environment.log(.warning, "events wait to be sent again. \(error)") }
    }
}
