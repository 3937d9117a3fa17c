import CRdkafka
import TailraceCore

extension RdkafkaProducer {
    func serve() {
        wake.clear()
        var left = Self.eventsPerTurn
        while let event = rd_kafka_queue_poll(queue.pointer, 0) {
            switch rd_kafka_event_type(event) {
            case RD_KAFKA_EVENT_DR: takeReports(event)
            case RD_KAFKA_EVENT_ERROR: takeError(event)
            case RD_KAFKA_EVENT_LOG: log.write(event, now: loop.now)
            default: break
            }
            rd_kafka_event_destroy(event)  // only now librdkafka has room for as many new messages
            left -= 1
            if left == 0 {
                loop.enqueue { [weak self] in self?.serve() }
                break
            }
        }
        afterReports()
    }

    /// Neighbours with one outcome are one run: what is done per message is two comparisons.
    private func takeReports(_ event: OpaquePointer) {
        var first: UInt = 0, next: UInt = 0, code = RD_KAFKA_RESP_ERR_NO_ERROR, messages = 0, bytes = 0
        while let message = rd_kafka_event_message_next(event) {
            let tag = UInt(bitPattern: message.pointee._private)
            messages += 1
            bytes += message.pointee.len
            if tag != next || message.pointee.err != code {
                takeRun(first, next, code)
                (first, code) = (tag, message.pointee.err)
            }
            next = tag + 1
        }
        takeRun(first, next, code)
        outstanding -= BatchSize(events: messages, bytes: bytes)
    }

    private func takeRun(_ first: UInt, _ end: UInt, _ code: rd_kafka_resp_err_t) {
        let slot = ReportTag.slot(first)
        guard first != end, let flight = flights[slot] else { return }
        flight.outcomes.add(ReportTag.event(first)..<ReportTag.event(first) + Int(end - first), code)
        settle(flight, slot)
        if KafkaErrors.verdict(code) == .fatal { fail(code, "a delivery report says so") }
    }

    private func takeError(_ event: OpaquePointer) {
        let code = rd_kafka_event_error(event), text = String(cString: rd_kafka_event_error_string(event))
        if rd_kafka_event_error_is_fatal(event) != 0 { return fail(code, text) }
        let error = KafkaErrors.client(code, text, hint: hint)
        if KafkaErrors.isRefusal(code) { refusal = error }
        log.write(.warning, error.description, now: loop.now)
    }

    private func fail(_ code: rd_kafka_resp_err_t, _ text: String) {
        guard case .open = phase, let failed else { return }
        phase = .failed
        self.failed = nil
        var cause = code, reason = text
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { space in
            let known = rd_kafka_fatal_error(client.pointer, space.baseAddress!, space.count)
            if known != RD_KAFKA_RESP_ERR_NO_ERROR { (cause, reason) = (known, String(cString: space.baseAddress!)) }
        }
        purge()
        let error = TailraceError(
            code: "kafka.fatal", message: "\(KafkaErrors.text(cause)): \(reason)", fix: "none needed: a new producer goes on.")
        loop.enqueue { failed(error) }
    }

    /// All that librdkafka has comes back by report, and what it was not given yet at once.
    func purge() {
        rd_kafka_purge(client.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
        guard let slot = remainder, let flight = flights[slot] else { return }
        remainder = nil
        flight.outcomes.add(flight.fed..<flight.records.batch.count, RD_KAFKA_RESP_ERR__PURGE_QUEUE)
        flight.fed = flight.records.batch.count
        settle(flight, slot)
    }

    /// At the end of a turn: completions and signals, with the client's own state in order.
    func afterReports() {
        if let slot = remainder, outstanding.events <= limit.events / 2, outstanding.bytes <= limit.bytes / 2 { feed(slot) }
        let ready = answered
        answered = []
        for answer in ready { answer() }
        if case .open = phase, let wanted = refused, remainder == nil,
            outstanding.events == 0 || (outstanding + wanted).fits(in: limit)
        {
            refused = nil
            hasRoom?()
        }
        if !flushes.isEmpty { checkFlushes() }
        if case .closing(let done) = phase, flights.count == 0, answered.isEmpty { finish(done) }
    }
}
