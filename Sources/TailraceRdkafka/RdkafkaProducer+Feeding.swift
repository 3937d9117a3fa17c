import CRdkafka
import TailraceCore

/// Messages for one call of `rd_kafka_produce_batch`, used again and again: small enough to stay in the cache.
final class MessageScratch {
    static let capacity = 1024
    let messages = UnsafeMutablePointer<rd_kafka_message_t>.allocate(capacity: capacity)
    init() { messages.initialize(repeating: rd_kafka_message_t(), count: Self.capacity) }
    deinit { messages.deallocate() }
}

extension RdkafkaProducer {
    /// Hands over what has room. In batches where a record is no more than value, key and partition, else one by one.
    func feed(_ flight: Flight, _ slot: Int) {
        let records = flight.records
        if case .all(let topic) = records.topic, case .all(.none) = records.timestamp, case .all(let headers) = records.headers,
            headers.isEmpty, !records.identityHeader || records.batch.identity == nil
        {
            guard let topic = topics.topic(topic) else {
                flight.outcomes.add(flight.fed..<records.batch.count, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION)
                flight.fed = records.batch.count
                return
            }
            while flight.fed < records.batch.count, feedMessages(flight, slot, topic) {}
        } else {
            feedRecords(flight, slot)
        }
    }

    // MARK: In batches

    /// One call. False: there is no room for more.
    private func feedMessages(_ flight: Flight, _ slot: Int, _ topic: OpaquePointer) -> Bool {
        let records = flight.records, room = limit.events - outstanding.events
        let end = min(flight.fed + min(MessageScratch.capacity, room), records.batch.count)
        let filled = fill(records, flight.fed..<end, slot)
        guard filled.events > 0 else { return false }
        var partition = RD_KAFKA_PARTITION_UA, flags: Int32 = 0
        switch records.partition {
        case .all(let all): partition = all ?? RD_KAFKA_PARTITION_UA
        case .each: flags = RD_KAFKA_MSG_F_PARTITION
        }
        let accepted = rd_kafka_produce_batch(topic, partition, flags, scratch.messages, Int32(filled.events))
        outstanding += filled
        let first = flight.fed
        flight.fed += filled.events
        if Int(accepted) < filled.events { takeRefusals(flight, first, filled.events) }
        return true
    }

    /// Of messages that librdkafka did not take: too large, unknown partition; a full queue should not happen.
    private func takeRefusals(_ flight: Flight, _ first: Int, _ count: Int) {
        for index in 0..<count where scratch.messages[index].err != RD_KAFKA_RESP_ERR_NO_ERROR {
            outstanding -= BatchSize(events: 1, bytes: scratch.messages[index].len)
            flight.outcomes.add(first + index..<first + index + 1, scratch.messages[index].err)
        }
    }

    /// Writes the messages of the events, as far as their bytes have room, into the scratch memory.
    private func fill(_ records: RecordSet, _ events: Range<Int>, _ slot: Int) -> BatchSize {
        let messages = scratch.messages, room = limit.bytes - outstanding.bytes
        var at = 0, bytes = 0, tag = ReportTag.make(slot: slot, event: events.lowerBound)
        var key: UnsafeMutableRawPointer?, keyCount = 0
        if case .all(.some(let all)) = records.key { (key, keyCount) = (all.buffer.base + all.startIndex, all.count) }
        func put(_ start: UnsafeMutableRawPointer, _ count: Int) -> Bool {
            // One that is larger than the whole queue is for librdkafka to refuse.
            if bytes + count > room, at > 0 || outstanding.events > 0 { return false }
            let message = messages + at
            (message.pointee.payload, message.pointee.len) = (start, count)
            (message.pointee.key, message.pointee.key_len) = (key, keyCount)
            message.pointee._private = UnsafeMutableRawPointer(bitPattern: tag)
            message.pointee.err = RD_KAFKA_RESP_ERR_NO_ERROR
            bytes += count
            at += 1
            tag += 1
            return true
        }
        if let encoded = records.encoded {
            for index in events where !put(encoded[index].buffer.base + encoded[index].startIndex, encoded[index].count) {
                break
            }
        } else {
            let base = records.batch.storage.buffer.base
            records.batch.storage.bodies.withUnsafeBufferPointer { bodies in
                for run in pick([events], of: records.batch.runs) {
                    for body in bodies[run] where !put(base + Int(body.start), body.count) { return }
                }
            }
        }
        if case .each(let keys) = records.key {
            for index in 0..<at {
                let key = keys[events.lowerBound + index]
                messages[index].key = key.map { $0.buffer.base + $0.startIndex }
                messages[index].key_len = key?.count ?? 0
            }
        }
        if case .each(let partitions) = records.partition {
            for index in 0..<at { messages[index].partition = partitions[events.lowerBound + index] ?? RD_KAFKA_PARTITION_UA }
        }
        return BatchSize(events: at, bytes: bytes)
    }

    // MARK: One by one

    private func feedRecords(_ flight: Flight, _ slot: Int) {
        let records = flight.records, batch = records.batch, events = flight.fed..<batch.count
        var sequences = SequenceCursor(batch.identity, events)
        var topic: (name: String, handle: OpaquePointer?) = ("", nil)
        for run in pick([events], of: batch.runs) {
            for stored in run {
                let index = flight.fed
                let value =
                    records.encoded?[index] ?? Bytes(batch.storage.buffer, batch.storage.bodies[stored].range)
                let size = BatchSize(events: 1, bytes: value.count)
                guard outstanding.events == 0 || (outstanding + size).fits(in: limit) else { return }
                if records.topic[index] != topic.name { topic = (records.topic[index], topics.topic(records.topic[index])) }
                let sequence = sequences.next()
                flight.fed += 1
                var code = RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION
                if let handle = topic.handle {
                    let headers = makeHeaders(records, index, sequence)
                    code = produce(handle, records, index, value, headers, ReportTag.make(slot: slot, event: index))
                }
                if code == RD_KAFKA_RESP_ERR_NO_ERROR {
                    outstanding += size
                } else {
                    flight.outcomes.add(index..<index + 1, code)
                }
            }
        }
    }

    /// A list that librdkafka owns once the record is accepted. nil: no headers.
    private func makeHeaders(_ records: RecordSet, _ index: Int, _ sequence: UInt64?) -> OpaquePointer? {
        let own = records.headers[index], isIdentified = records.identityHeader && sequence != nil
        guard !own.isEmpty || isIdentified else { return nil }
        let list = rd_kafka_headers_new(own.count + (isIdentified ? 1 : 0))!
        for header in own {
            var name = header.name
            name.withUTF8 { name in
                header.value.withUnsafeBytes { value in
                    name.withMemoryRebound(to: CChar.self) {
                        _ = rd_kafka_header_add(list, $0.baseAddress, $0.count, value.baseAddress, value.count)
                    }
                }
            }
        }
        if isIdentified, let sequence, let stream = records.batch.identity?.stream {
            var words = (stream.value.bigEndian, sequence.bigEndian)
            identityHeaderName.withUTF8Buffer { name in
                name.withMemoryRebound(to: CChar.self) { name in
                    withUnsafeBytes(of: &words) {
                        _ = rd_kafka_header_add(list, name.baseAddress, name.count, $0.baseAddress, $0.count)
                    }
                }
            }
        }
        return list
    }

    private func produce(
        _ topic: OpaquePointer, _ records: RecordSet, _ index: Int, _ value: Bytes, _ headers: OpaquePointer?, _ tag: UInt
    ) -> rd_kafka_resp_err_t {
        let key = records.key[index]
        let error = withUnsafeTemporaryAllocation(of: rd_kafka_vu_t.self, capacity: 8) { fields in
            fields.initialize(repeating: rd_kafka_vu_t())
            fields[0].vtype = RD_KAFKA_VTYPE_RKT
            fields[0].u.rkt = topic
            fields[1].vtype = RD_KAFKA_VTYPE_PARTITION
            fields[1].u.i32 = records.partition[index] ?? RD_KAFKA_PARTITION_UA
            fields[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS
            fields[2].u.i = 0  // neither copied nor freed: it is the batch's
            fields[3].vtype = RD_KAFKA_VTYPE_VALUE
            fields[3].u.mem.ptr = value.buffer.base + value.startIndex
            fields[3].u.mem.size = value.count
            fields[4].vtype = RD_KAFKA_VTYPE_KEY
            fields[4].u.mem.ptr = key.map { $0.buffer.base + $0.startIndex }
            fields[4].u.mem.size = key?.count ?? 0
            fields[5].vtype = RD_KAFKA_VTYPE_OPAQUE
            fields[5].u.ptr = UnsafeMutableRawPointer(bitPattern: tag)
            fields[6].vtype = RD_KAFKA_VTYPE_TIMESTAMP
            fields[6].u.i64 = records.timestamp[index]?.milliseconds ?? 0
            fields[7].vtype = RD_KAFKA_VTYPE_HEADERS
            fields[7].u.headers = headers
            return rd_kafka_produceva(client.pointer, fields.baseAddress, headers == nil ? 7 : 8)
        }
        guard let error else { return RD_KAFKA_RESP_ERR_NO_ERROR }
        defer { rd_kafka_error_destroy(error) }
        if let headers { rd_kafka_headers_destroy(headers) }
        return rd_kafka_error_code(error)
    }
}

/// ``RecordSet/identityHeaderName`` without a String.
private let identityHeaderName: StaticString = "tailrace.id"

/// The sequence numbers of a batch's events, one after another.
private struct SequenceCursor {
    private var runs: [Range<UInt64>]
    private var run = 0

    init(_ identity: BatchIdentity?, _ events: Range<Int>) { runs = identity.map { pick([events], of: $0.sequences) } ?? [] }

    mutating func next() -> UInt64? {
        guard run < runs.count else { return nil }
        let number = runs[run].lowerBound
        if number + 1 == runs[run].upperBound { run += 1 } else { runs[run] = number + 1..<runs[run].upperBound }
        return number
    }
}
