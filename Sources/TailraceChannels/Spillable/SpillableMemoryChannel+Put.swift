package import TailraceCore

extension SpillableMemoryChannel: PutBackend {
    package func put(_ batch: EventBatch, _ producer: (any ChannelProducer)?) -> PutTransaction? {
        guard only == nil, let memory, let overflow else { return only!.put(batch, producer) }
        let identity = batch.identity!
        // What memory has is older and goes first. What is reserved there with the same numbers is known when it is committed.
        guard !isStopping, !isSpilling || hasMoved && !isReservedInMemory(identity) else { return wait(producer, batch) }
        if batch.count == 0, identity.span.isEmpty { return reserve(SpillReservation(held: batch), isDuplicate: false) }
        let part = batch.keeping(unknown(batch))
        if part.count == 0, batch.count > 0 { return reserve(SpillReservation(held: batch), isDuplicate: true) }
        let isDuplicate = part.count > 0 && (isSpilling ? overflow.missing(part) : memory.missing(part)).isEmpty
        guard isDuplicate || line.isFirst(producer) else { return wait(producer, part) }
        if !isSpilling {
            if let put = memory.put(part, self) {
                return reserve(producer, SpillReservation(part, .memory, known: batch.count - part.count, put), isDuplicate)
            }
            waitsForMemory(producer, part.size)
            // (With an overflowTimeout of 0, or a batch larger than memory, it spills now.)
            return isSpilling ? self.put(batch, producer) : wait(producer, part)
        }
        guard let put = overflow.put(part.withoutPositions, self) else { return wait(producer, part) }
        return reserve(producer, SpillReservation(part, .overflow, known: batch.count - part.count, put), isDuplicate)
    }

    /// The events that the part where they would go now must see: new ones, and those that it knows itself.
    private func unknown(_ batch: EventBatch) -> [Range<Int>] {
        let onDisk = overflow!.missing(batch)
        // All that is on disk is safe.
        guard isSpilling else { return onDisk }
        // What only memory knows was delivered: what it holds is on disk too.
        let dropped = intersection(complement(of: memory!.missing(batch), in: batch.count), onDisk)
        return complement(of: dropped, in: batch.count)
    }
    private func isReservedInMemory(_ identity: BatchIdentity) -> Bool {
        reservations.values.contains { reservation in
            guard reservation.place == .memory, let other = reservation.batch.identity, other.stream == identity.stream else {
                return false
            }
            return other.sequences.contains { run in identity.sequences.contains { $0.overlaps(run) } }
        }
    }
    private func wait(_ producer: (any ChannelProducer)?, _ batch: EventBatch) -> PutTransaction? {
        if let producer { line.wait(producer, for: batch.size) }
        return nil
    }
    private func reserve(
        _ producer: (any ChannelProducer)?, _ reservation: SpillReservation, _ isDuplicate: Bool
    ) -> PutTransaction {
        if let producer { line.leave(producer) }
        if line.isEmpty { waitsSince = nil } else { tellProducers() }
        return reserve(reservation, isDuplicate: isDuplicate)
    }
    private func reserve(_ reservation: SpillReservation, isDuplicate: Bool) -> PutTransaction {
        let id = nextID
        nextID += 1
        reservations[id] = reservation
        return PutTransaction(id: id, isDuplicate: isDuplicate, self)
    }

    package func stopWaiting(_ producer: any ChannelProducer) {
        if let only { return only.stopWaiting(producer) }
        line.leave(producer)
        if line.isEmpty { waitsSince = nil }
        tellProducers()
    }
    func tellProducers() {
        line.tell(self, on: environment.loop) { [weak self] in self?.fits($0) ?? false }
    }
    private func fits(_ size: BatchSize) -> Bool {
        guard !isStopping else { return false }
        return isSpilling ? hasMoved && overflow!.fits(size) : memory!.fits(size)
    }

    package func rollbackPut(_ id: UInt64) {
        guard reservations.removeValue(forKey: id) != nil else { return }  // (its end gives the room back)
        tellProducers()
    }

    package func commitPut(_ id: UInt64, until custody: Custody, _ done: @escaping Completion) {
        guard let reservation = reservations.removeValue(forKey: id) else {
            return environment.loop.enqueue { done(.failure(.stopped)) }
        }
        let batch = reservation.batch
        advanceOrigin(batch.identity!)
        duplicates.add(reservation.known)
        guard reservation.place != .held else { return environment.loop.enqueue { done(.success(())) } }
        let part = reservation.place == .memory ? (memory!.puts, memory!.duplicates) : (overflow!.puts, overflow!.duplicates)
        let before = (part.0.value, part.1.value)
        defer {
            puts.add(part.0.value - before.0)
            duplicates.add(part.1.value - before.1)
        }
        if reservation.place == .overflow {
            spilled.add(batch.count)
            reservation.commit(until: custody) { [weak self] result in
                done(result)
                if case .failure = result { self?.failed() }
            }
            if !line.isEmpty { tellProducers() }
            return
        }
        reservation.commit(until: custody, custody == .delivered ? delivered(done) : done)
        if isSpilling { move() } else { setTimer() }
        if !line.isEmpty { tellProducers() }
    }
    /// What memory calls delivered may have been moved to disk.
    private func delivered(_ done: @escaping Completion) -> Completion {
        { [weak self] result in
            guard let overflow = self?.overflow else { return done(result) }
            overflow.deliveredAnswer(done)(result)
        }
    }
}
