package import TailraceCore

/// The keys of the Kafka sink. Flume's, but for the last five.
package struct KafkaSinkConfiguration: BatchingConfiguration {
    package var bootstrapServers = ""
    package var topic = "default-flume-topic"
    /// Events of one take.
    package var flumeBatchSize = 1000
    package var useFlumeEventFormat = false
    package var allowTopicOverride = true
    package var topicHeader = "topic"
    package var defaultPartitionId: Int?
    package var partitionIdHeader: String?
    package var timestampHeader: String?
    /// Event header → name of the record's header; ordered by it.
    package var recordHeaders: [Header] = []
    package var producer = ClientSettings()
    /// The deprecated `requiredAcks`; `kafka.producer.acks` wins.
    package var requiredAcks: String?

    package var identityHeaders = false
    package var deadLetterFile: String?
    package var deliveryTimeoutMilliseconds: Int?
    package var window = 16
    package var timeZone = TopicTimeZone.local

    /// No key: for the Kafka channel, whose records carry all headers of an event as headers of their own.
    var sendsAllHeaders = false

    package init() {}

    package var batchEvents: Int { flumeBatchSize }
    package static var batchKey: String { "flumeBatchSize" }

    /// Bytes of one take, and of all that are open (a single take may be more).
    static let takeBytes = 4 << 20
    static let windowBytes = 32 << 20

    package func problems() -> [ConfigurationProblem] {
        var problems = producer.problems("kafka.producer.")
        func error(_ key: String, _ code: String, _ message: String, _ fix: String) {
            problems.append(ConfigurationProblem(.error, code: code, key: key, message: message, fix: fix))
        }
        do throws(TailraceError) {
            let template = try TopicTemplate(topic), name = allowTopicOverride ? template.constant : topic
            if let name, !TopicName.isValid(name) { throw TopicName.invalid(name) }
        } catch {
            problems.append(
                ConfigurationProblem(.error, code: error.code, key: "kafka.topic", message: error.message, fix: error.fix))
        }
        if let messages = producer["queue.buffering.max.messages"].flatMap({ Int($0) }), messages < flumeBatchSize {
            error(
                "flumeBatchSize", "kafka.queue-size",
                "\(flumeBatchSize) events of a batch do not fit into the client's queue of \(messages)",
                "raise kafka.producer.queue.buffering.max.messages or remove it")
        }
        return problems + idempotenceProblems()
    }

    /// What idempotence asks for, by key. librdkafka refuses these pairs; Java's client gives up its default silently.
    private var againstIdempotence: (key: String, text: String)? {
        if acks != "all" { return ("acks", "acks = \(acks)") }
        if producer["retries"] == "0" { return ("retries", "retries = 0") }
        let name = "max.in.flight.requests.per.connection"
        if let requests = producer[name].flatMap({ Int($0) }), requests > 5 { return (name, "\(name) = \(requests)") }
        if producer["queuing.strategy"] == "lifo" { return ("queuing.strategy", "queuing.strategy = lifo") }
        return nil
    }
    private func idempotenceProblems() -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        if let against = againstIdempotence {
            let isAsked = producer["enable.idempotence"] == "true"
            problems.append(
                ConfigurationProblem(
                    isAsked ? .error : .note, code: "kafka.idempotence", key: "kafka.producer." + against.key,
                    message: isAsked
                        ? "enable.idempotence = true and \(against.text) exclude each other"
                        : "\(against.text) switches idempotence off: a retry of the client may write events twice",
                    fix: isAsked ? "remove one of the two" : "remove the line for acks=all with idempotence, the default"))
        }
        if acks == "0" {
            problems.append(
                ConfigurationProblem(
                    .warning, code: "kafka.acks", key: "kafka.producer.acks",
                    message: "acks = 0: events count as delivered when they were sent, before any broker has them",
                    fix: "use acks=all"))
        }
        return problems
    }

    var acks: String { producer["acks"] ?? requiredAcks ?? "all" }
    var deliveryTimeout: Duration {
        .milliseconds(deliveryTimeoutMilliseconds ?? producer.deliveryTimeoutMilliseconds ?? 120_000)
    }

    /// What the client gets: the file's settings over the sink's defaults.
    func producerSettings() throws(TailraceError) -> [String: String] {
        let idempotent = producer["enable.idempotence"] ?? (againstIdempotence == nil ? "true" : "false")
        let defaults = [
            "bootstrap.servers": bootstrapServers,
            "acks": acks,
            "enable.idempotence": idempotent,
            // The sink's own limit counts: the client tries without end, and in order.
            "message.timeout.ms": "0",
            // As the Java client's default, for events whose partition the sink does not name.
            "partitioner": "murmur2_random",
            // Small requests go out at once: with Nagle's algorithm each waits for the answer of the one before.
            "socket.nagle.disable": "true",
            // Waiting 5 ms for more fills the requests; a batch that is alone is late by so much.
            "linger.ms": "5",
            // Above what the window lets in, so that it is the window that bounds.
            "queue.buffering.max.messages": String(max(100_000, 2 * window * flumeBatchSize)),
            "queue.buffering.max.kbytes": String(4 * (Self.windowBytes + Limits.eventBytes) / 1024),
        ]
        return defaults.merging(try producer.resolved()) { _, given in given }
    }
}
