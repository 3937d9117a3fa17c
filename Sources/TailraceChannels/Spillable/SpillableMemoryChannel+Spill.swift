import TailraceCore

// From memory to disk, and when.

extension SpillableMemoryChannel {
    private var timeout: Duration { .seconds(configuration.overflowTimeoutSeconds) }

    // MARK: When

    /// A put found no room in memory. One that memory could never take does not wait for it.
    func waitsForMemory(_ producer: (any ChannelProducer)?, _ size: BatchSize) {
        if timeout == .zero || !size.fits(in: memory!.largestPut) { return spill() }
        if producer != nil, waitsSince == nil { waitsSince = environment.loop.now }
        setTimer()
    }
    /// For the first that is due: a put that waits, or the oldest event in memory.
    func setTimer() {
        guard timer == nil, timeout > .zero, !isSpilling, let memory else { return }
        guard let oldest = [waitsSince, memory.oldest].compactMap({ $0 }).min() else { return }
        // Not more often than that: the disk may not take it.
        let due = max(oldest, spilledAt ?? oldest) + timeout
        timer = environment.loop.schedule(at: max(due, environment.loop.now)) { [weak self] in
            guard let self else { return }
            timer = nil
            let due = environment.loop.now
            if [waitsSince, self.memory?.oldest].contains(where: { $0.map { $0 + self.timeout <= due } ?? false }) {
                spill()
            } else {
                setTimer()
            }
        }
    }
    private func spill() {
        guard !isSpilling, !isStopping else { return }
        isSpilling = true
        (waitsSince, spilledAt) = (nil, environment.loop.now)
        environment.log(
            .info, "the sinks do not keep up: \(memory!.held.events) events go from memory to disk, and so does what comes")
        move()
        returnToMemory()
        tellProducers()
    }
    /// When all on disk is with the sinks, and memory has room again.
    func returnToMemory() {
        guard isSpilling, !isStopping, let memory, let overflow, overflow.hasOnlyOpenTakes, unmet.isEmpty else { return }
        let free = memory.room, part = configuration.overflowDeactivationThreshold
        guard free.events >= configuration.memoryCapacity * part / 100, free.events > 0, free.bytes > 0,
            free.bytes >= configuration.byteCapacity / 100 * part
        else { return }
        isSpilling = false
        environment.log(.info, "the sinks have caught up: what comes is kept in memory")
        setTimer()
        tellProducers()
    }

    // MARK: How

    /// Memory holds nothing that must still be written first.
    var hasMoved: Bool { memory!.offer == nil && !takes.values.contains { $0.place == .memory } }
    /// The oldest take of memory.
    private var nextToMove: SpillTake? {
        takes.values.filter { $0.place == .memory && !$0.mustStay }.min { $0.order! < $1.order! }
    }

    /// Writes what memory holds, the oldest first, as far as the disk takes it; it goes on when there is room.
    func move() {
        guard isSpilling, !isStopping, let memory, let overflow else { return }
        while true {
            let take = nextToMove, offer = memory.offer
            if let take, offer.map({ take.order! < $0.order }) ?? true {
                guard moveTaken(take, overflow) else { return }
            } else if let offer {
                guard let put = overflow.put(offer.batch.withoutPositions, self) else { return }
                moveWaiting(SpillTake(memory.take(upTo: .unlimited)!, .moving), put)
            } else {
                return
            }
        }
    }
    private func moveWaiting(_ take: SpillTake, _ put: consuming PutTransaction) {
        spilled.add(take.batch.count)
        movesInFlight += 1
        put.commit(until: .committed) { [weak self] result in
            if case .failure(let error) = result {
                take.settleInner(.retry(error, after: nil))
                self?.moveFailed()
            } else {
                take.settleInner(.delivered)
                self?.moved()
            }
        }
    }
    private func moveTaken(_ take: SpillTake, _ overflow: FileChannel) -> Bool {
        let identity = take.batch.identity!, all = take.batch.count == 0 ? [] : [0..<take.batch.count]
        guard overflow.missing(take.batch) == all, unmet[identity] == nil else {
            take.mustStay = true
            return true
        }
        guard let put = overflow.put(take.batch.withoutPositions, self) else { return false }
        take.place = .moving
        unmet[identity] = take
        spilled.add(take.batch.count)
        movesInFlight += 1
        put.commit(until: .committed) { [weak self] result in
            if case .failure = result {
                self?.unmet[identity] = nil
                take.place = .memory
                if let outcome = take.outcome { take.settleInner(outcome) }
                self?.moveFailed()
                return
            }
            // Given back meanwhile: its record is one like others.
            if let outcome = take.outcome, !outcome.isDelivered { self?.unmet[identity] = nil }
            take.place = .written
            take.settleInner(.delivered)
            self?.moved()
        }
        return true
    }
    private func moved() {
        movesInFlight -= 1
        meet()
        tellConsumers()
        returnToMemory()
        if movesInFlight == 0 { endMoves() }
    }
    private func moveFailed() {
        movesInFlight -= 1
        failed()
        if movesInFlight == 0 { endMoves() }
    }
    /// What could not be written is memory's again, or its sender's; takes go on.
    func failed() {
        guard !hasEnded else { return }
        move()
        meet()
        tellConsumers()
        returnToMemory()
    }
}
