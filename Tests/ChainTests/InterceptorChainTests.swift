import TailraceCore
import TailraceScenarios
import TailraceSimulation
import Testing

/// Interceptors and a multiplexing selector in a whole agent: each line goes where its header says, nothing is missing over
/// crashes, and what is filtered holds nothing up.
@Suite struct InterceptorChainTests {
    private static let configuration = """
        edge.sources = r1
        edge.channels = c1 c2
        edge.sinks = k1 k2
        edge.sources.r1.type = taildir
        edge.sources.r1.channels = c1 c2
        edge.sources.r1.filegroups = g
        edge.sources.r1.filegroups.g = /logs/app.log
        edge.sources.r1.positionFile = /state/taildir_position.json
        edge.sources.r1.interceptors = drop level where
        edge.sources.r1.interceptors.drop.type = regex_filter
        edge.sources.r1.interceptors.drop.regex = DEBUG
        edge.sources.r1.interceptors.drop.excludeEvents = true
        edge.sources.r1.interceptors.level.type = regex_extractor
        edge.sources.r1.interceptors.level.regex = ^(ERROR|INFO)
        edge.sources.r1.interceptors.level.serializers = s1
        edge.sources.r1.interceptors.level.serializers.s1.name = level
        edge.sources.r1.interceptors.where.type = host
        edge.sources.r1.selector.type = multiplexing
        edge.sources.r1.selector.header = level
        edge.sources.r1.selector.mapping.ERROR = c1
        edge.sources.r1.selector.default = c2
        edge.channels.c1.type = memory
        edge.channels.c2.type = memory
        edge.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink
        edge.sinks.k1.channel = c1
        edge.sinks.k1.kafka.bootstrap.servers = kafka:9092
        edge.sinks.k1.kafka.topic = errors
        edge.sinks.k2.type = org.apache.flume.sink.kafka.KafkaSink
        edge.sinks.k2.channel = c2
        edge.sinks.k2.kafka.bootstrap.servers = kafka:9092
        edge.sinks.k2.kafka.topic = others
        """

    @Test(arguments: 1...5 as ClosedRange<UInt64>) func eachLineGoesWhereItsHeaderSays(seed: UInt64) {
        let world = SimulatedWorld(seed: seed), host = world.makeHost("edge-1")
        for topic in ["errors", "others"] { world.broker.createTopic(topic, partitions: 2) }
        host.files.makeDirectory("/logs")
        let lines = (0..<600).map { "\(["INFO", "ERROR", "DEBUG", "other"][$0 % 4]) line \($0)" }
        host.files.write("/logs/app.log", lines[..<300].map { $0 + "\n" }.joined())
        let edge = SimulatedAgent(host, name: "edge", configuration: Self.configuration)
        edge.start()
        world.run(for: .seconds(2))
        edge.crash()
        edge.restart()
        host.files.append("/logs/app.log", lines[300...].map { $0 + "\n" }.joined())
        func arrived(_ topic: String) -> Set<String> { Set(world.broker.records(topic).map(\.value.text)) }
        world.run(while: { arrived("errors").count + arrived("others").count < 450 }, limit: .seconds(120))
        #expect(arrived("errors") == Set(lines.filter { $0.hasPrefix("ERROR") }))
        #expect(arrived("others") == Set(lines.filter { !$0.hasPrefix("ERROR") && !$0.hasPrefix("DEBUG") }))
    }
}
