import TailraceConfiguration
import TailraceCore
import Testing

@Suite struct ConfigurationLoaderTests {
    static let twoTiers = """
        # an edge and an aggregator in one file
        edge.sources = s2 s1
        edge.channels = c1 c2
        edge.sinks = k1 k2 k3
        edge.sinkgroups = g1
        edge.sources.s1.type = ORG.apache.flume.source.sequenceGeneratorSource
        edge.sources.s1.batchSize = 50
        edge.sources.s1.channels = c2 \t c1
        edge.sources.s1.selector.type = org.apache.flume.channel.ReplicatingChannelSelector
        edge.sources.s1.selector.optional = c2
        edge.sources.s1.acknowledge = committed
        edge.sources.s2.type = SEQ
        edge.sources.s2.channels = c1
        edge.channels.c1.type = Memory
        edge.channels.c1.capacity = ${CAPACITY}
        edge.channels.c2.type = memory
        edge.sinks.k1.type = avro
        edge.sinks.k1.channel = c1
        edge.sinks.k1.hostname = ${env:AGGREGATOR}
        edge.sinks.k1.port = 4545
        edge.sinks.k2.type = org.apache.flume.sink.AvroSink
        edge.sinks.k2.channel = c1
        edge.sinks.k2.hostname = ${env:AGGREGATOR}
        edge.sinks.k2.port = 4546
        edge.sinks.k3.type = logger
        edge.sinks.k3.channel = c2
        edge.sinkgroups.g1.sinks = k2 k1
        edge.sinkgroups.g1.processor.type = failover
        edge.sinkgroups.g1.processor.priority.k1 = 10
        CAPACITY = 5000
        aggregator.sources = s
        aggregator.channels = c
        aggregator.sinks = k
        aggregator.sources.s.type = netcat
        aggregator.sources.s.bind = 0.0.0.0
        aggregator.sources.s.port = ${sys:port}
        aggregator.sources.s.channels = c
        aggregator.channels.c.type = memory
        aggregator.sinks.k.type = logger
        aggregator.sinks.k.channel = c
        """
    private func loaded(_ agent: String?) -> (agents: [AgentPlan], problems: [String]) {
        load(Self.twoTiers, agent: agent, definitions: ["port": "4545"], environment: ["AGGREGATOR": "agg-1"])
    }

    @Test func aWholePlan() throws {
        let (agents, problems) = loaded("edge")
        #expect(problems.map { String($0.prefix(40)) } == ["11 note edge.sources.s1.acknowledge: com"])
        let plan = try #require(agents.first)
        #expect(plan.channels.map(\.fullName) == ["edge.channels.c1", "edge.channels.c2"])
        #expect(plan.channels.map(\.part.type) == ["memory", "memory"])
        #expect((plan.channels[0].part.configuration as? FakeChannelConfiguration)?.capacity == 5000)
        #expect(plan.sources.map(\.fullName) == ["edge.sources.s2", "edge.sources.s1"])
        #expect(plan.sources.map(\.channels) == [["c1"], ["c2", "c1"]])
        #expect(
            plan.sources.map { ($0.selector.configuration as? ReplicatingSelectorConfiguration)?.optional } == [[], ["c2"]])
        #expect(plan.sources.map(\.acknowledge) == [.safe, .committed])
        #expect((plan.sources[1].part.configuration as? FakeSourceConfiguration)?.batchSize == 50)
        #expect(plan.sinks.map(\.part.name) == ["k1", "k2", "k3"])
        #expect(plan.sinks.map(\.part.type) == ["rpc", "rpc", "logger"])
        #expect(plan.sinks.map(\.channel) == ["c1", "c1", "c2"])
        #expect((plan.sinks[0].part.configuration as? FakeSinkConfiguration)?.hostname == "agg-1")
        #expect(plan.groups.map(\.fullName) == ["edge.sinkgroups.g1", "edge.sinks.k3"])
        #expect(plan.groups.map(\.sinks) == [["k2", "k1"], ["k3"]])
        #expect(plan.groups.map(\.processor.type) == ["failover", "default"])
        #expect(plan.groups.map(\.channel) == ["c1", "c2"])
        #expect((plan.groups[0].processor.configuration as? FakeFailoverConfiguration)?.priorities == ["k1": 10])
    }

    @Test func allAgentsOfAFile() {
        let (agents, problems) = loaded(nil)
        #expect(agents.map(\.name) == ["edge", "aggregator"])
        #expect(problems.count == 1)
        #expect((agents[1].sources[0].part.configuration as? FakeNetcatConfiguration)?.port == 4545)
    }

    @Test func mistakesOfOtherAgentsDoNotMatter() {
        let broken = Self.twoTiers + "\naggregator.sinks.k.bogus = 1"
        #expect(load(broken, agent: "edge", environment: ["AGGREGATOR": "a"]).agents.map(\.name) == ["edge"])
        let both = load(broken, agent: nil, definitions: ["port": "1"], environment: ["AGGREGATOR": "a"])
        #expect(both.agents.map(\.name) == ["edge"])
        #expect(both.problems.count { $0.contains(" error ") } == 1)
    }

    @Test func plansCompare() {
        #expect(loaded("edge").agents == loaded("edge").agents)
        let other = load(Self.twoTiers, agent: "edge", environment: ["AGGREGATOR": "agg-2"]).agents
        #expect(other != loaded("edge").agents)
        #expect(other[0].channels == loaded("edge").agents[0].channels)
    }

    @Test func laterFilesOverride() {
        let loaded = ConfigurationLoader.load(
            files: [
                ("base", Array(MistakeTests.right.utf8)),
                (
                    "more",
                    Array(
                        "a1.sources.r1.batchSize = 7\na1.sinks.k1.type = rpc\na1.sinks.k1.port = x\na1.sinks.k1.hostname=h".utf8
                    )
                ),
            ], agent: nil, catalogue: fakeCatalogue())
        #expect(loaded.problems.map { "\($0.file):\($0.line) \($0.key)" } == ["more:3 a1.sinks.k1.port"])
        #expect(loaded.hasErrors)
        #expect(loaded.agents.isEmpty)
    }

    @Test func noFileIsNoAgent() {
        let loaded = ConfigurationLoader.load(files: [], agent: nil, catalogue: fakeCatalogue())
        #expect(loaded.problems.map(\.code) == ["configuration.no-agent"])
    }

    /// The most lines that are read, all of them wrong: a matter of a second, since near-misses are looked for within bounds.
    @Test func aFileOfNothingButMistakes() {
        let lines = (0..<Limits.configurationEntries - 3).map { "a1.sources.s\($0).tpye = seq" }
        let text = ["a1.sources = r1", "a1.channels = c1", "a1.sinks = k1"] + lines
        let problems = load(text.joined(separator: "\n")).problems
        #expect(problems.count >= lines.count)
    }

    /// Whatever the bytes, the loader ends with plans or errors; lines are of the file.
    @Test(arguments: 0..<200)
    func garbage(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var lines = Self.twoTiers.split(separator: "\n").map { Array($0.utf8) }
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            let index = Int.random(in: 0..<lines.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: lines.remove(at: index)
            case 1: lines.swapAt(index, Int.random(in: 0..<lines.count, using: &random))
            case 2: lines.insert(lines[index], at: Int.random(in: 0...lines.count, using: &random))
            case 3 where !lines[index].isEmpty:
                lines[index][Int.random(in: 0..<lines[index].count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            default: lines[index] = Array(lines[index].prefix(Int.random(in: 0...lines[index].count, using: &random)))
            }
        }
        let bytes = Array(lines.joined(separator: [10]))
        let loaded = ConfigurationLoader.load(
            files: [("f", bytes)], agent: nil, definitions: ["port": "1"], environment: ["AGGREGATOR": "h"],
            catalogue: fakeCatalogue())
        #expect(!loaded.agents.isEmpty || loaded.hasErrors)
        #expect(loaded.problems.allSatisfy { !$0.message.isEmpty && $0.line <= lines.count * 2 })
        for plan in loaded.agents {
            let channels = Set(plan.channels.map(\.part.name)), sinks = plan.groups.flatMap(\.sinks)
            #expect(plan.sources.allSatisfy { channels.isSuperset(of: $0.channels) && !$0.channels.isEmpty })
            #expect(plan.sinks.allSatisfy { channels.contains($0.channel) })
            #expect(sinks.sorted() == plan.sinks.map(\.part.name).sorted())
        }
    }
}

@Suite struct CatalogueTests {
    @Test(arguments: ["rpc", "AVRO", "Thrift", "org.apache.flume.sink.AvroSink", "ORG.APACHE.FLUME.SINK.AVROSINK"])
    func namesInAnyCase(name: String) { #expect(fakeCatalogue().sinks[name]?.type == "rpc") }

    @Test func processorsAreMade() throws {
        let entry = try #require(fakeCatalogue().processors["load_balance"])
        let made = try entry.make(entry.initial, ["a", "b"]) as? FakeProcessor
        #expect(made?.sinks == 2)
        #expect { _ = try entry.make(entry.initial, ["a"]) } throws: { ($0 as? TailraceError)?.code == "configuration.group" }
    }

    @Test func aLaterInterceptorTakesThePlaceOfItsRefusal() {
        var catalogue = fakeCatalogue()
        catalogue.add(
            interceptor: Declaration<BoltConfiguration>(
                type: "host", classNames: ["org.apache.flume.interceptor.HostInterceptor$Builder"], summary: "Adds a header.",
                keys: [.value("length", \.length, .anything, "Length.")]))
        let lines = """
            a1.sources.r1.interceptors = i2 i1
            a1.sources.r1.interceptors.i1.type = org.apache.flume.interceptor.HostInterceptor$Builder
            a1.sources.r1.interceptors.i1.length = 3
            a1.sources.r1.interceptors.i2.type = HOST
            """
        let (agents, problems) = load(MistakeTests.right + "\n" + lines, catalogue: catalogue)
        #expect(problems.isEmpty)
        #expect(agents.first?.sources.first?.interceptors.map(\.name) == ["i2", "i1"])
        #expect((agents.first?.sources.first?.interceptors.last?.configuration as? BoltConfiguration)?.length == 3)
        let refused = load(MistakeTests.right + "\n" + lines.replacing("HOST", with: "static"), catalogue: catalogue)
        #expect(refused.problems.count == 1)
    }

    @Test func theManualHasEveryKey() {
        let manual = fakeCatalogue().manual
        #expect(manual.hasPrefix("# Configuration reference\n"))
        for line in [
            "## Sources", "### seq", "Counts \\| for tests.", "Also called `org.apache.flume.source.SequenceGeneratorSource`.",
            "| `batchSize` | events, 1 to 65536 | `1` | Events of a batch. |",
            "| `bind` | text, not empty | **required** | Address. |",
            "| `channels` | names separated by blanks, at least one | **required** | The channels that it puts its events into. |",
            "| `priority.<sink>` |  |  | Larger is preferred. |",
            "Also called `avro`, `thrift`, `org.apache.flume.sink.AvroSink`.",
            "### logger\n\nLogs.\n\nAlso called `org.apache.flume.sink.LoggerSink`.\n\nNo keys of its own.",
        ] { #expect(manual.contains(line), "\(line)") }
    }
}
