import CRdkafka
package import TailraceCore

/// Questions that wait, and the end: both go by the client's thread.
extension RdkafkaProducer {
    package func partitions(of topic: String, _ done: @escaping (Result<[Bool], TailraceError>) -> Void) {
        switch phase {
        case .open, .failed: break
        default: return loop.enqueue { done(.failure(.stopped)) }
        }
        let isAsked = lookups[topic] != nil
        guard isAsked || (lookups.count < Self.lookupLimit && TopicHandles.isValid(topic)) else {
            let error = TailraceError(
                code: "kafka.metadata",
                message: "the partitions of topic \"\(topic)\" are not asked for: \(lookups.count) questions are open",
                fix: "use a topic name of 1 to 249 letters, digits, '.', '_' and '-', and fewer topics at a time.")
            return loop.enqueue { done(.failure(error)) }
        }
        lookups[topic, default: []].append(done)
        guard !isAsked, let answers else { return }
        worker.run { [client] in
            answers.post(.partitions(topic: topic, partitionLeaders(of: topic, client, limit: Self.metadataLimit)))
        }
    }

    func received(_ answer: Answer) {
        switch answer {
        case .partitions(let topic, let result):
            // "Timed out" is what a question says that nobody may answer: the reason is better.
            var told = result
            if case .success = result { refusal = nil } else if let refusal { told = .failure(refusal) }
            for done in lookups.removeValue(forKey: topic) ?? [] { done(told) }
        case .destroyed:
            guard case .destroying(let done) = phase else { return }
            (phase, untilClosed) = (.closed, nil)
            done()
        }
    }

    package func flush(by deadline: Instant, _ done: @escaping Completion) {
        let limit = max(0, (deadline - loop.now).milliseconds)
        let number = lastNumber
        let timer = loop.schedule(at: deadline) { [weak self] in self?.flushTimedOut(number) }
        flushes.append(Flush(last: number, timer: timer, done: done))
        // It does not serve reports; it makes the brokers' threads send without waiting for more (`linger.ms`).
        worker.run { [client] in _ = rd_kafka_flush(client.pointer, Int32(clamping: limit)) }
        loop.enqueue { [weak self] in self?.checkFlushes() }
    }

    func checkFlushes() {
        let oldest = flights.all.map(\.number).min() ?? .max
        let over = flushes.filter { $0.last < oldest }
        flushes.removeAll { $0.last < oldest }
        for flush in over {
            loop.cancel(flush.timer)
            flush.done(.success(()))
        }
    }

    private func flushTimedOut(_ number: UInt64) {
        guard let index = flushes.firstIndex(where: { $0.last == number }) else { return }
        let flush = flushes.remove(at: index)
        let open = flights.all.filter { $0.number <= number }.count
        flush.done(
            .failure(
                TailraceError(
                    code: "kafka.flush", message: "\(open) batches have no delivery report at the deadline",
                    fix: "check that the brokers run; what is not confirmed is sent again.")))
    }

    // MARK: Closing

    package func close(_ done: @escaping () -> Void) {
        switch phase {
        case .open, .failed: break
        default: return
        }
        (phase, untilClosed) = (.closing(done), self)
        (failed, hasRoom) = (nil, nil)
        purge()
        loop.schedule(at: loop.now + Self.closeLimit) { [weak self] in self?.closeTimedOut() }
        loop.enqueue { [weak self] in self?.afterReports() }
    }

    /// Reports that did not come: their memory stays until the handle is destroyed.
    private func closeTimedOut() {
        guard case .closing(let done) = phase else { return }
        for flight in flights.all {
            flight.outcomes.giveUp(RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
            flight.answer()()
        }
        finish(done)
    }

    func finish(_ done: @escaping () -> Void) {
        phase = .destroying(done)
        watch?.cancel()
        watch = nil
        for (_, waiting) in lookups { for done in waiting { done(.failure(.stopped)) } }
        lookups = [:]
        for flush in flushes {
            loop.cancel(flush.timer)
            flush.done(.failure(.stopped))
        }
        flushes = []
        let answers = self.answers
        destroy { _ in answers?.post(.destroyed) }
    }

    /// By the thread, for it joins librdkafka's threads. The batches live until then, the descriptor too.
    func destroy(_ then: @escaping @Sendable (WakeDescriptor) -> Void) {
        wake.unwatch(queue.pointer)
        topics.destroyAll()
        let kept = flights.all.map(\.records)
        flights.removeAll()
        worker.run(last: true) { [client, queue, wake] in
            rd_kafka_purge(client.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
            rd_kafka_queue_destroy(queue.pointer)
            rd_kafka_destroy(client.pointer)
            withExtendedLifetime(kept) { then(wake) }
        }
    }
}
