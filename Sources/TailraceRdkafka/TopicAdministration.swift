import CRdkafka
package import TailraceCore

/// Makes topics, for commands that set up a cluster. Waits: not for an agent's loop.
package enum TopicAdministration {
    /// Success: each topic exists, made now or before, and each of its partitions has a leader. Throws `kafka.topics` when
    /// that is not so within `limit`, with the last reason.
    package static func create(
        _ topics: [(name: String, partitions: Int)], at servers: String, within limit: Duration
    ) throws(TailraceError) {
        let settings = ClientSettings(
            ["bootstrap.servers": servers, "client.id": "tailrace-topology", "log_level": "2"],
            defaults: ["reconnect.backoff.max.ms": "500"], forced: [:])
        let client = try settings.makeHandle(RD_KAFKA_PRODUCER, events: 0)
        defer { rd_kafka_destroy(client) }
        let clock = ContinuousClock(), end = clock.now + limit
        var reason = "no answer"
        while clock.now < end {
            let step = Int32(clamping: max(100, min(5_000, (end - clock.now).milliseconds)))
            if let problem = attempt(topics, client, step) ?? missing(topics, client, step) {
                reason = problem
                // The client connects meanwhile, and reports are read.
                rd_kafka_poll(client, 200)
                continue
            }
            return
        }
        throw TailraceError(
            code: "kafka.topics", message: "\(servers): topics were not there after \(limit.text): \(reason)",
            fix: "check that the brokers run, can be reached there, and may be asked to create topics")
    }

    /// nil: all exist.
    private static func attempt(_ topics: [(name: String, partitions: Int)], _ client: OpaquePointer, _ step: Int32) -> String?
    {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
            var wanted: [OpaquePointer?] = topics.map {
                rd_kafka_NewTopic_new($0.name, Int32($0.partitions), -1, text.baseAddress!, text.count)
            }
            defer { for topic in wanted { if let topic { rd_kafka_NewTopic_destroy(topic) } } }
            guard wanted.allSatisfy({ $0 != nil }) else { return String(cString: text.baseAddress!) }
            let queue = rd_kafka_queue_new(client)!, options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS)
            defer {
                rd_kafka_AdminOptions_destroy(options)
                rd_kafka_queue_destroy(queue)
            }
            rd_kafka_AdminOptions_set_request_timeout(options, step, text.baseAddress!, text.count)
            rd_kafka_CreateTopics(client, &wanted, wanted.count, options, queue)
            guard let event = rd_kafka_queue_poll(queue, step + 1_000) else { return "no answer to the request for topics" }
            defer { rd_kafka_event_destroy(event) }
            if rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR {
                return KafkaErrors.text(rd_kafka_event_error(event))
            }
            return refusal(rd_kafka_event_CreateTopics_result(event))
        }
    }

    private static func refusal(_ result: OpaquePointer?) -> String? {
        guard let result else { return "an answer of another kind" }
        var count = 0
        guard let topics = rd_kafka_CreateTopics_result_topics(result, &count) else { return nil }
        for index in 0..<count {
            guard let topic = topics[index] else { continue }
            let code = rd_kafka_topic_result_error(topic)
            if code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS { continue }
            return "\(String(cString: rd_kafka_topic_result_name(topic))): \(KafkaErrors.text(code))"
        }
        return nil
    }

    /// nil: each topic is known with leaders everywhere.
    private static func missing(_ topics: [(name: String, partitions: Int)], _ client: OpaquePointer, _ step: Int32) -> String?
    {
        var answer: UnsafePointer<rd_kafka_metadata_t>?
        let code = rd_kafka_metadata(client, 1, nil, &answer, step)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let answer else { return KafkaErrors.text(code) }
        defer { rd_kafka_metadata_destroy(answer) }
        let known = UnsafeBufferPointer(start: answer.pointee.topics, count: Int(answer.pointee.topic_cnt))
        for (name, _) in topics {
            guard let topic = known.first(where: { String(cString: $0.topic) == name }) else { return "\(name): not yet known" }
            let partitions = UnsafeBufferPointer(start: topic.partitions, count: Int(topic.partition_cnt))
            guard !partitions.isEmpty, partitions.allSatisfy({ $0.leader >= 0 }) else { return "\(name): no leader yet" }
        }
        return nil
    }
}
