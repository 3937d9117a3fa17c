extension GuideExample {
    private static func fanOut(_ name: String, _ lines: String, _ outcome: Outcome = .starts) -> GuideExample {
        let around = """
            a1.sources = r1
            a1.channels = c1 c2 c3
            a1.sinks = k1 k2 k3
            a1.sources.r1.type = seq
            a1.sources.r1.channels = c1 c2 c3
            a1.channels.c1.type = memory
            a1.channels.c2.type = memory
            a1.channels.c3.type = memory
            a1.sinks.k1.type = null
            a1.sinks.k1.channel = c1
            a1.sinks.k2.type = null
            a1.sinks.k2.channel = c2
            a1.sinks.k3.type = null
            a1.sinks.k3.channel = c3

            """
        return agent(name, around + lines, outcome)
    }
    private static func group(_ name: String, _ lines: String, _ outcome: Outcome = .starts) -> GuideExample {
        let around = """
            a1.sources = r1
            a1.channels = c1
            a1.sinks = k1 k2
            a1.sinkgroups = g1
            a1.sources.r1.type = seq
            a1.sources.r1.channels = c1
            a1.channels.c1.type = memory
            a1.sinks.k1.type = avro
            a1.sinks.k1.hostname = collector-1
            a1.sinks.k1.port = 4141
            a1.sinks.k1.channel = c1
            a1.sinks.k2.type = avro
            a1.sinks.k2.hostname = collector-2
            a1.sinks.k2.port = 4141
            a1.sinks.k2.channel = c1
            a1.sinkgroups.g1.sinks = k1 k2

            """
        return agent(name, around + lines, outcome)
    }

    static let agents: [GuideExample] = [
        agent(
            "the first one",
            """
            # one source, one channel, one sink
            a1.sources = r1
            a1.sinks = k1
            a1.channels = c1

            a1.sources.r1.type = netcat
            a1.sources.r1.bind = localhost
            a1.sources.r1.port = ${env:NC_PORT}
            a1.sinks.k1.type = logger
            a1.channels.c1.type = memory
            a1.channels.c1.capacity = 1000
            a1.channels.c1.transactionCapacity = 100
            a1.sources.r1.channels = c1
            a1.sinks.k1.channel = c1
            """),
        agent(
            "a config filter",
            """
            a1.sources = r1
            a1.sinks = k1
            a1.channels = c1
            a1.configfilters = f1
            a1.configfilters.f1.type = env
            a1.sources.r1.type = netcat
            a1.sources.r1.bind = localhost
            a1.sources.r1.port = ${f1['NC_PORT']}
            a1.sinks.k1.type = null
            a1.channels.c1.type = memory
            a1.sources.r1.channels = c1
            a1.sinks.k1.channel = c1
            """),
        fanOut("replicating", "a1.sources.r1.selector.type = replicating\na1.sources.r1.selector.optional = c3"),
        fanOut(
            "multiplexing",
            """
            a1.sources.r1.selector.type = multiplexing
            a1.sources.r1.selector.header = state
            a1.sources.r1.selector.mapping.CZ = c1
            a1.sources.r1.selector.mapping.US = c2 c3
            a1.sources.r1.selector.optional.CZ = c3
            a1.sources.r1.selector.default = c1
            """),
        fanOut("load_balancing", "a1.sources.r1.selector.type = load_balancing\na1.sources.r1.selector.policy = round_robin"),
        fanOut(
            "a selector of one's own", "a1.sources.r1.selector.type = org.example.MyChannelSelector",
            .refused(
                key: "a1.sources.r1.selector.type", because: "is a Java class, which this program cannot load",
                instead: "use one of replicating, multiplexing")),
        group(
            "a group without a type", "",
            .refused(
                key: "a1.sinkgroups.g1.processor.type", because: "a group of 2 sinks needs a processor",
                instead: "<failover, load_balance>")),
        group(
            "failover",
            """
            a1.sinkgroups.g1.processor.type = failover
            a1.sinkgroups.g1.processor.priority.k1 = 5
            a1.sinkgroups.g1.processor.priority.k2 = 10
            a1.sinkgroups.g1.processor.maxpenalty = 10000
            """),
        group(
            "load_balance",
            """
            a1.sinkgroups.g1.processor.type = load_balance
            a1.sinkgroups.g1.processor.backoff = true
            a1.sinkgroups.g1.processor.selector = random
            """),
    ]
}
