import TailraceCore

extension ClientSettings {
    /// `kafka.consumer.<name>` → librdkafka.
    static let consumerRules = table([consumerOnlyRules, securityRules, connectionRules])

    private static let consumerOnlyRules: [SettingRule] = [
        .text("group.id"),
        .text("group.instance.id"),
        .choice(
            "auto.offset.reset",
            [
                (given: "earliest", meant: "earliest"), (given: "latest", meant: "latest"),
                (given: "smallest", meant: "earliest"), (given: "beginning", meant: "earliest"),
                (given: "largest", meant: "latest"), (given: "end", meant: "latest"),
                (given: "none", meant: "error"), (given: "error", meant: "error"),
            ]),
        .number("session.timeout.ms", 1...3_600_000),
        .number("heartbeat.interval.ms", 1...3_600_000),
        .number("max.poll.interval.ms", 1...86_400_000),
        .number("coordinator.query.interval.ms", 1...3_600_000),
        .choice("isolation.level", of: ["read_uncommitted", "read_committed"]),
        .custom("partition.assignment.strategy") { settings, value throws(TailraceError) in try settings.setAssignors(value) },

        // Commits are this source's own: an offset is committed when its events are safe.
        .custom("enable.auto.commit") { _, value throws(TailraceError) in
            guard let isOn = Bool(configured: value) else {
                throw .setting("enable.auto.commit", value, allowed: "true or false")
            }
            return isOn ? "enable.auto.commit has no effect: offsets are committed when the events are safe, as in Flume" : nil
        },
        .ignored("auto.commit.interval.ms", because: "offsets are committed when the events are safe"),
        .ignored("enable.auto.offset.store", because: "offsets are committed when the events are safe"),
        .ignored("max.poll.records", because: "batchSize says how many events a batch has"),
        .ignored("default.api.timeout.ms", because: "no call here waits"),
        .ignored("exclude.internal.topics", because: "a pattern never matches internal topics unless it names them"),
        .ignored("enable.partition.eof", because: "the end of a partition is no event"),
        .ignored("retry.backoff.ms", because: "fetch.error.backoff.ms and reconnect.backoff.ms count"),

        // Fetching.
        .number("fetch.min.bytes", 1...100_000_000),
        .number("fetch.max.bytes", 0...2_147_483_135),
        .number("fetch.max.wait.ms", 0...300_000, as: "fetch.wait.max.ms"),
        .number("fetch.wait.max.ms", 0...300_000),
        .number("fetch.error.backoff.ms", 0...300_000),
        .number("max.partition.fetch.bytes", 1...1_000_000_000),
        .number("fetch.message.max.bytes", 1...1_000_000_000, as: "max.partition.fetch.bytes"),
        .number("queued.min.messages", 1...10_000_000),
        .number("queued.max.messages.kbytes", 1...2_097_151),
        .number("request.timeout.ms", 10...300_000, as: "socket.timeout.ms"),
        .flag("check.crcs"),

        deserializer("key.deserializer"),
        deserializer("value.deserializer"),
    ]

    private static func deserializer(_ name: String) -> SettingRule {
        .custom(name) { _, value throws(TailraceError) in
            try checkSerialization(name, value, "Deserializer")
            return "\(name) has no effect: keys and bodies are the bytes they are"
        }
    }

    /// Java class names or librdkafka's own, separated by commas.
    private mutating func setAssignors(_ text: String) throws(TailraceError) -> String? {
        var names: [String] = []
        for part in text.split(separator: ",") {
            let given = part.drop(while: \.isWhitespace).split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
            switch given.split(separator: ".").last.map(String.init) ?? "" {
            case "RangeAssignor", "range": names.append("range")
            case "RoundRobinAssignor", "roundrobin": names.append("roundrobin")
            case "CooperativeStickyAssignor", "cooperative-sticky": names.append("cooperative-sticky")
            default:
                throw .setting(
                    "partition.assignment.strategy", given,
                    allowed:
                        "RangeAssignor, RoundRobinAssignor, CooperativeStickyAssignor (range, roundrobin, cooperative-sticky)")
            }
        }
        guard !names.isEmpty, !names.contains("cooperative-sticky") || names.count == 1 else {
            throw .setting(
                "partition.assignment.strategy", text, allowed: "one or more, but cooperative-sticky only by itself")
        }
        self["partition.assignment.strategy"] = names.joined(separator: ",")
        return nil
    }
}
