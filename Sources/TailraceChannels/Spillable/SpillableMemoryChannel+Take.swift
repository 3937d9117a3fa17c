package import TailraceCore

extension SpillableMemoryChannel: TakeBackend {
    package func next(_ consumer: any ChannelConsumer) -> BatchHead? {
        guard only == nil, let memory, let overflow else { return only!.next(consumer) }
        guard !isStopping else { return nil }
        meet()
        if let batch = overflow.offer ?? (isMemoryNext ? memory.offer?.batch : nil) {
            return BatchHead(stream: batch.identity!.stream, first: batch.identity!.span.lowerBound, size: batch.size)
        }
        if !waitingConsumers.contains(where: { $0 === consumer }) { waitingConsumers.append(consumer) }
        _ = overflow.next(self)
        _ = memory.next(self)
        return nil
    }
    /// What is on disk, or on its way there, is older.
    private var isMemoryNext: Bool { !overflow!.hasUnwritten && !overflow!.isBehind }

    package func take(upTo limit: BatchSize) -> TakeTransaction? {
        guard only == nil, let memory, let overflow else { return only!.take(upTo: limit) }
        guard !isStopping else { return nil }
        meet()
        let take: SpillTake
        if overflow.offer != nil, let inner = overflow.take(upTo: limit) {
            take = SpillTake(inner, .overflow)
        } else if isMemoryNext, let order = memory.offer?.order, let inner = memory.take(upTo: limit) {
            take = SpillTake(inner, .memory, order: order)
        } else {
            return nil
        }
        let id = nextID
        nextID += 1
        takes[id] = take
        if isSpilling { returnToMemory() }
        return TakeTransaction(take.batch, id: id, self)
    }

    package func settleTake(_ id: UInt64, _ outcome: TakeOutcome) {
        guard let take = takes.removeValue(forKey: id) else { return }
        let isDelivered = outcome.isDelivered
        if isDelivered { taken.add(take.batch.count) }
        switch take.place {
        case .memory, .overflow:
            take.settleInner(outcome)
            if case .memory = take.place, !isDelivered { move() }
        case .moving:
            take.outcome = outcome
            if isDelivered { take.settleInner(outcome) }
        case .written:
            take.outcome = outcome
            // Given back: from now on its record is one like others.
            if !isDelivered { unmet[take.batch.identity!] = nil }
        }
        meet()
        if isSpilling { returnToMemory() }
        if !isDelivered { tellConsumers() }
    }

    /// Takes the records of takes that sinks have already: those become takes of the file, so that it gives them to nobody else.
    func meet() {
        guard let overflow, !unmet.isEmpty else { return }
        while let batch = overflow.offer {
            // One that is still moving is there, but its answer has not come: it is met then.
            guard let take = unmet[batch.identity!], take.place == .written else { return }
            unmet[batch.identity!] = nil
            guard let inner = overflow.take(upTo: .unlimited) else { preconditionFailure("offered and not given") }
            if let outcome = take.outcome {
                inner.settle(outcome)
            } else {
                take.inner = consume inner
                take.place = .overflow
            }
        }
        _ = overflow.next(self)  // to be told of the next record
    }

    func tellConsumers() {
        guard !waitingConsumers.isEmpty else { return }
        let waiting = waitingConsumers
        waitingConsumers = []
        for consumer in waiting {
            environment.loop.enqueue { [weak self, weak consumer] in
                if let self, let consumer { consumer.channelHasEvents(self) }
            }
        }
    }
}

extension SpillableMemoryChannel: ChannelProducer, ChannelConsumer {
    /// One of the two parts.
    package func channelHasRoom(_ channel: any EventChannel) {
        move()
        tellProducers()
    }
    package func channelHasEvents(_ channel: any EventChannel) {
        meet()
        tellConsumers()
    }
}
