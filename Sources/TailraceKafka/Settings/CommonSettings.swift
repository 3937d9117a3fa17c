import TailraceCore

extension ClientSettings {
    /// Of producers and consumers alike: connections, metadata, and what Java plugs in by class.
    static let connectionRules: [SettingRule] = [
        .ignored("bootstrap.servers", because: "kafka.bootstrap.servers wins, as in Flume"),
        .ignored("metadata.broker.list", because: "kafka.bootstrap.servers wins, as in Flume"),
        .text("client.id"),
        .text("client.rack"),
        .choice(
            "client.dns.lookup",
            [
                (given: "use_all_dns_ips", meant: "use_all_dns_ips"),
                (given: "resolve_canonical_bootstrap_servers_only", meant: "resolve_canonical_bootstrap_servers_only"),
            ]
        ).withoutEffect("all addresses of a name are tried anyway"),
        .number("message.max.bytes", 1000...1_000_000_000),
        .number("message.copy.max.bytes", 0...1_000_000_000),
        .number("receive.message.max.bytes", 1000...2_147_483_647),
        .number("metadata.max.age.ms", 1...86_400_000),
        .number("topic.metadata.refresh.interval.ms", -1...3_600_000),
        .number("topic.metadata.refresh.fast.interval.ms", 1...60_000),
        .flag("topic.metadata.refresh.sparse"),
        .number("topic.metadata.propagation.max.ms", 0...3_600_000),
        .text("topic.blacklist"),
        .text("debug"),
        .number("log_level", 0...7),
        .flag("log.connection.close"),
        .number("socket.timeout.ms", 10...300_000),
        .custom("send.buffer.bytes") { settings, value throws(TailraceError) in
            try settings.setBuffer("send.buffer.bytes", value, as: "socket.send.buffer.bytes")
        },
        .custom("receive.buffer.bytes") { settings, value throws(TailraceError) in
            try settings.setBuffer("receive.buffer.bytes", value, as: "socket.receive.buffer.bytes")
        },
        .number("socket.send.buffer.bytes", 0...100_000_000),
        .number("socket.receive.buffer.bytes", 0...100_000_000),
        .flag("socket.keepalive.enable"),
        .flag("socket.nagle.disable"),
        .number("socket.max.fails", 0...1_000_000),
        .number("broker.address.ttl", 0...86_400_000),
        .choice("broker.address.family", of: ["any", "v4", "v6"]),
        .number("socket.connection.setup.timeout.ms", 1000...2_147_483_647),
        .ignored(
            "socket.connection.setup.timeout.max.ms", because: "the set-up limit does not grow; reconnect.backoff.max.ms does"),
        .number("connections.max.idle.ms", 0...2_147_483_647),
        .number("reconnect.backoff.ms", 0...3_600_000),
        .number("reconnect.backoff.max.ms", 0...3_600_000),
        .flag("api.version.request"),
        .number("api.version.request.timeout.ms", 1...300_000),
        .number("api.version.fallback.ms", 0...604_800_000),
        .text("broker.version.fallback"),
        .flag("allow.auto.create.topics"),
        .flag("enable.random.seed"),

        .ignored("auto.include.jmx.reporter", because: "there is no JMX here; counters are on the agent's status socket"),
        .ignored("metrics.num.samples", because: "counters are the agent's own"),
        .ignored("metrics.recording.level", because: "counters are the agent's own"),
        .ignored("metrics.sample.window.ms", because: "counters are the agent's own"),
        .ignored("statistics.interval.ms", because: "counters are the agent's own"),
        .refused(
            "metric.reporters", "it names Java classes", fix: "remove the line; counters are on the agent's status socket"),
        .refused("interceptor.classes", "it names Java classes", fix: "remove the line; use Tailrace interceptors"),
        .refused("security.providers", "it names Java classes", fix: "remove the line"),
        .refused("plugin.library.paths", "it would load foreign code into the agent", fix: "remove the line"),
    ]

    /// Java's -1 is "as the system does", librdkafka's 0.
    fileprivate mutating func setBuffer(_ name: String, _ value: String, as other: String) throws(TailraceError) -> String? {
        self[other] = String(max(0, try SettingRule.number(name, value, in: -1...100_000_000)))
        return nil
    }
}

extension SettingRule {
    /// The value is checked, and then not used.
    fileprivate func withoutEffect(_ reason: String) -> SettingRule {
        .custom(name) { [name, apply] _, value throws(TailraceError) in
            var unused = ClientSettings()
            _ = try apply(&unused, value)
            return "\(name) has no effect: \(reason)"
        }
    }
}
