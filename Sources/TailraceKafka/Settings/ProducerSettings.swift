import TailraceCore

extension ClientSettings {
    /// `kafka.producer.<name>` → librdkafka. What librdkafka names itself passes, in its ranges.
    static let producerRules = table([producerOnlyRules, securityRules, connectionRules])

    private static let producerOnlyRules: [SettingRule] = [
        acks("acks"),
        acks("request.required.acks"),
        .flag("enable.idempotence"),
        .flag("enable.gapless.guarantee"),
        .refused(
            "transactional.id", "this sink does not write Kafka transactions yet (in Flume 1.11 it makes the client fail)",
            fix: "remove the line; enable.idempotence is on by default"),
        .ignored("transaction.timeout.ms", because: "this sink does not write Kafka transactions yet"),
        .ignored("transaction.two.phase.commit.enable", because: "this sink does not write Kafka transactions yet"),

        // Batching. Java's batch.size may be 0, which means one record a request.
        .custom("batch.size") { settings, value throws(TailraceError) in
            settings["batch.size"] = String(max(1, try SettingRule.number("batch.size", value, in: 0...2_147_483_647)))
            return nil
        },
        .number("batch.num.messages", 1...1_000_000),
        .number("linger.ms", 0...900_000),
        .number("queue.buffering.max.ms", 0...900_000, as: "linger.ms"),
        .custom("buffer.memory") { settings, value throws(TailraceError) in
            let bytes = try SettingRule.number("buffer.memory", value, in: (1 << 20)...(1 << 40))
            settings["queue.buffering.max.kbytes"] = String(min(bytes / 1024, 2_147_483_647))
            return nil
        },
        .number("queue.buffering.max.kbytes", 1024...2_147_483_647),
        .number("queue.buffering.max.messages", 1...2_147_483_647),
        .number("queue.buffering.backpressure.threshold", 1...1_000_000),
        .ignored("max.block.ms", because: "nothing here waits for the client: a full queue leaves the events in the channel"),
        .number("max.request.size", 1000...1_000_000_000, as: "message.max.bytes"),

        .choice("compression.type", of: ["none", "gzip", "snappy", "lz4", "zstd"]),
        .choice("compression.codec", as: "compression.type", of: ["none", "gzip", "snappy", "lz4", "zstd"]),
        .number("compression.level", -1...12),
        .number("compression.gzip.level", -1...9, as: "compression.level"),
        .number("compression.lz4.level", 1...12, as: "compression.level"),
        .number("compression.zstd.level", -1...12, as: "compression.level"),

        // Retries and limits.
        .number("retries", 0...2_147_483_647),
        .number("message.send.max.retries", 0...2_147_483_647, as: "retries"),
        .number("retry.backoff.ms", 1...300_000),
        .ignored("retry.backoff.max.ms", because: "librdkafka 2.0 does not let retry.backoff.ms grow"),
        .number("request.timeout.ms", 1...900_000),
        deliveryTimeout("delivery.timeout.ms"),
        deliveryTimeout("message.timeout.ms"),
        .number("max.in.flight.requests.per.connection", 1...1_000_000),
        .number("max.in.flight", 1...1_000_000, as: "max.in.flight.requests.per.connection"),
        .choice("queuing.strategy", of: ["fifo", "lifo"]),
        .ignored("metadata.max.idle.ms", because: "librdkafka forgets a topic that is not used by its own rule"),

        // Java classes.
        serializer("key.serializer"),
        serializer("value.serializer"),
        .custom("partitioner.class") { settings, value throws(TailraceError) in try settings.setPartitioner(value) },
        .ignored(
            "partitioner.ignore.keys",
            because: "events with the header \"key\" go where the Java client's hash says; leave the header out instead"),
        .ignored("partitioner.adaptive.partitioning.enable", because: "partitions without a leader are left out in any case"),
        .ignored("partitioner.availability.timeout.ms", because: "partitions without a leader are left out in any case"),
        .choice(
            "partitioner",
            of: ["random", "consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random"]),
        .number("sticky.partitioning.linger.ms", 0...900_000),
    ]

    private static func acks(_ name: String) -> SettingRule {
        .custom(name) { settings, value throws(TailraceError) in
            switch value.lowercased() {
            case "all", "-1": settings["acks"] = "all"
            case "0", "1": settings["acks"] = value
            default: throw .setting(name, value, allowed: "all, -1, 0, 1")
            }
            return nil
        }
    }

    private static func deliveryTimeout(_ name: String) -> SettingRule {
        .custom(name) { settings, value throws(TailraceError) in
            settings.deliveryTimeoutMilliseconds = try SettingRule.number(name, value, in: 1...86_400_000)
            return "\(name) became the sink's own limit (deliveryTimeoutMilliseconds): the client itself tries without end"
        }
    }

    private static func serializer(_ name: String) -> SettingRule {
        .custom(name) { _, value throws(TailraceError) in
            try checkSerialization(name, value, "Serializer")
            return "\(name) has no effect: keys and bodies are sent as the bytes they are"
        }
    }

    /// Only those that leave bytes or text as they are: `kind` is "Serializer" or "Deserializer".
    static func checkSerialization(_ name: String, _ value: String, _ kind: String) throws(TailraceError) {
        let plain = ["String", "ByteArray", "Bytes", "ByteBuffer"].map { "org.apache.kafka.common.serialization.\($0)\(kind)" }
        guard plain.contains(value) else {
            throw TailraceError(
                code: "kafka.setting-refused", message: "\(name) = \(value) would need Java; bytes are passed as they are",
                fix: "remove the line")
        }
    }

    private mutating func setPartitioner(_ name: String) throws(TailraceError) -> String? {
        switch name.split(separator: ".").last.map(String.init) ?? "" {
        case "DefaultPartitioner", "UniformStickyPartitioner", "RoundRobinPartitioner":
            return
                "partitioner.class has no effect: events with a key go where the Java client's hash says; batches without go "
                + "to one partition after another"
        default:
            throw TailraceError(
                code: "kafka.setting-refused", message: "partitioner.class = \(name) is Java code and cannot run here",
                fix: "remove the line; name the partition in a header (partitionIdHeader) if the default does not fit")
        }
    }
}
