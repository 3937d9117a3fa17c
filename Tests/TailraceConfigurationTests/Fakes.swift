import TailraceConfiguration
import TailraceCore

// Components as small as can be: only their declarations matter here.

struct FakeSourceConfiguration: ComponentConfiguration, BatchingConfiguration {
    var batchSize = 1
    var batchEvents: Int { batchSize }
}
final class FakeSource: DeclaredSource {
    static let declaration = Declaration<FakeSourceConfiguration>(
        type: "seq", classNames: ["org.apache.flume.source.SequenceGeneratorSource"], summary: "Counts | for tests.",
        keys: [.value("batchSize", \.batchSize, .within(1...65_536), unit: "events", "Events of a batch.")])
    let name: String
    let health = Health.ok
    let configuration: FakeSourceConfiguration
    init(_ configuration: FakeSourceConfiguration, _ output: SourceOutput, _ environment: Environment) throws(TailraceError) {
        (name, self.configuration) = (environment.component, configuration)
    }
    func start(_ done: @escaping Completion) {}
    func stop(by deadline: Instant, _ done: @escaping () -> Void) {}
    func outputHasRoom() {}
}

struct FakeNetcatConfiguration: ComponentConfiguration {
    var bind = ""
    var port = 0
}
final class FakeNetcat: DeclaredSource {
    static let declaration = Declaration<FakeNetcatConfiguration>(
        type: "netcat", classNames: ["org.apache.flume.source.NetcatSource"], summary: "Lines from a socket.",
        keys: [
            .value("bind", \.bind, .notEmpty, isRequired: true, "Address."),
            .value("port", \.port, .within(0...65_535), isRequired: true, "Port."),
        ])
    let name: String
    let health = Health.ok
    init(_ configuration: FakeNetcatConfiguration, _ output: SourceOutput, _ environment: Environment) throws(TailraceError) {
        name = environment.component
    }
    func start(_ done: @escaping Completion) {}
    func stop(by deadline: Instant, _ done: @escaping () -> Void) {}
    func outputHasRoom() {}
}

struct FakeChannelConfiguration: ComponentConfiguration, ChannelCapacityConfiguration {
    var capacity = 1_000
    var transactionCapacity = 100
    var largestPutEvents: Int { transactionCapacity }
    func problems() -> [ConfigurationProblem] {
        guard transactionCapacity > capacity else { return [] }
        return [
            ConfigurationProblem(
                .error, code: "configuration.relation", key: "transactionCapacity",
                message: "transactionCapacity \(transactionCapacity) is larger than capacity \(capacity)", fix: "raise capacity"
            )
        ]
    }
}
final class FakeChannel: DeclaredComponent, EventChannel {
    static let declaration = Declaration<FakeChannelConfiguration>(
        type: "memory", classNames: ["org.apache.flume.channel.MemoryChannel"], summary: "Holds events.",
        keys: [
            .value("capacity", \.capacity, .within(1...1_000_000), unit: "events", "Most events."),
            .value(
                "transactionCapacity", \.transactionCapacity, .within(1...1_000_000), unit: "events", "Most events of a put."),
        ])
    let name: String
    let health = Health.ok
    let isDurable = false
    let largestPut = BatchSize.unlimited
    let keepAlive = Duration.seconds(3)
    let room = BatchSize.unlimited
    let held = BatchSize.zero
    init(_ configuration: FakeChannelConfiguration, _ environment: Environment) throws(TailraceError) {
        guard configuration.capacity != 13 else { throw TailraceError(code: "fake.thirteen", message: "no") }
        name = environment.component
    }
    func start(_ done: @escaping Completion) {}
    func stop(by deadline: Instant, _ done: @escaping () -> Void) {}
    func put(_ batch: EventBatch, _ producer: (any ChannelProducer)?) -> PutTransaction? { nil }
    func stopWaiting(_ producer: any ChannelProducer) {}
    func next(_ consumer: any ChannelConsumer) -> BatchHead? { nil }
    func take(upTo limit: BatchSize) -> TakeTransaction? { nil }
    func origin(of source: String) -> (stream: StreamID, next: UInt64) { fatalError("not used") }
    func positions(of source: String) -> [SourcePositionKey: StoredPosition] { [:] }
    func forget(_ key: SourcePositionKey) {}
    func remove(_ producer: any ChannelProducer) {}
    func remove(_ consumer: any ChannelConsumer) {}
}

struct FakeSinkConfiguration: ComponentConfiguration, BatchingConfiguration {
    var hostname = ""
    var port = 0
    var batchSize = 100
    var password: String?
    var batchEvents: Int { batchSize }
    static let batchKey = "batch-size"
}
final class FakeSink: DeclaredComponent, EventSink {
    static let declaration = Declaration<FakeSinkConfiguration>(
        type: "rpc", otherTypes: [KeyNote("avro"), KeyNote("thrift", "thrift is spoken as rpc here")],
        classNames: ["org.apache.flume.sink.AvroSink"], summary: "To the next hop.",
        keys: [
            .value("hostname", \.hostname, .notEmpty, isRequired: true, "Where to."),
            .value("port", \.port, .within(1...65_535), isRequired: true, "Port there."),
            .value("batch-size", \.batchSize, .within(1...65_536), unit: "events", "Events of a batch."),
            .value(
                "truststore-password", \.password, Allowed("8 letters or more") { ($0 ?? "longenough").count >= 8 }, "Secret."),
        ])
    let name: String
    let health = Health.ok
    let openSlots = 0
    weak var observer: (any SinkObserver)?
    let peer: Endpoint? = nil
    let largestTake = BatchSize.unlimited
    init(_ configuration: FakeSinkConfiguration, _ environment: Environment) throws(TailraceError) {
        name = environment.component
    }
    func start(_ done: @escaping Completion) {}
    func stop(by deadline: Instant, _ done: @escaping () -> Void) {}
    func deliver(_ transaction: consuming TakeTransaction) { transaction.settle(.delivered) }
}

struct FakeLoggerConfiguration: ComponentConfiguration {}
final class FakeLogger: DeclaredComponent, EventSink {
    static let declaration = Declaration<FakeLoggerConfiguration>(
        type: "logger", classNames: ["org.apache.flume.sink.LoggerSink"], summary: "Logs.", keys: [])
    let name: String
    let health = Health.ok
    let openSlots = 0
    weak var observer: (any SinkObserver)?
    let peer: Endpoint? = nil
    let largestTake = BatchSize.unlimited
    init(_ configuration: FakeLoggerConfiguration, _ environment: Environment) throws(TailraceError) {
        name = environment.component
    }
    func start(_ done: @escaping Completion) {}
    func stop(by deadline: Instant, _ done: @escaping () -> Void) {}
    func deliver(_ transaction: consuming TakeTransaction) { transaction.settle(.delivered) }
}

struct FakeProcessor: SinkProcessor {
    var sinks: Int
    func choose(_ sinks: [SinkView], for head: BatchHead, now: Instant, random: inout SeededRandom) -> SinkChoice {
        .wait(until: nil)
    }
    mutating func offered(_ sink: Int) {}
    mutating func settled(_ sink: Int, _ outcome: TakeOutcome, now: Instant) {}
}
struct FakeFailoverConfiguration: ComponentConfiguration {
    var priorities: [String: Int] = [:]
    func problems() -> [ConfigurationProblem] {
        guard Set(priorities.values).count < priorities.count else { return [] }
        let last = priorities.keys.sorted().last!
        return [
            ConfigurationProblem(
                .error, code: "configuration.priority", key: "priority.\(last)", message: "given twice", fix: "change it")
        ]
    }
}
enum FakeFailover: DeclaredProcessor {
    static let declaration = Declaration<FakeFailoverConfiguration>(
        type: "failover", classNames: ["org.apache.flume.sink.FailoverSinkProcessor"], summary: "By priority.",
        keys: [
            .family("priority.<sink>", "Larger is preferred.") { target, captured, text throws(TailraceError) in
                target.priorities[captured[0]] = Int(text)
                return nil
            }
        ])
    static func make(_ configuration: FakeFailoverConfiguration, sinks: [String]) throws(TailraceError) -> any SinkProcessor {
        if let unknown = configuration.priorities.keys.first(where: { !sinks.contains($0) }) {
            throw TailraceError(
                code: "configuration.group", message: "no sink \(unknown) in the group", fix: "its sinks are \(sinks)")
        }
        return FakeProcessor(sinks: sinks.count)
    }
}
struct FakeBalanceConfiguration: ComponentConfiguration { var backoff = false }
enum FakeBalance: DeclaredProcessor {
    static let declaration = Declaration<FakeBalanceConfiguration>(
        type: "load_balance", classNames: ["org.apache.flume.sink.LoadBalancingSinkProcessor"], summary: "Spreads.",
        keys: [.value("backoff", \.backoff, .anything, "Leave failing sinks alone.")])
    static func make(_ configuration: FakeBalanceConfiguration, sinks: [String]) throws(TailraceError) -> any SinkProcessor {
        guard sinks.count > 1 else {
            throw TailraceError(
                code: "configuration.group", message: "load_balance needs two sinks or more", fix: "list another one")
        }
        return FakeProcessor(sinks: sinks.count)
    }
}
enum FakeDefault: DeclaredProcessor {
    static let declaration = Declaration<FakeLoggerConfiguration>(
        type: "default", classNames: ["org.apache.flume.sink.DefaultSinkProcessor"], summary: "One sink.", keys: [])
    static func make(_ configuration: FakeLoggerConfiguration, sinks: [String]) throws(TailraceError) -> any SinkProcessor {
        guard sinks.count == 1 else {
            throw TailraceError(code: "configuration.group", message: "default takes exactly one sink", fix: "use failover")
        }
        return FakeProcessor(sinks: 1)
    }
}

func fakeCatalogue() -> Catalogue {
    var catalogue = Catalogue()
    catalogue.add(source: FakeSource.self)
    catalogue.add(source: FakeNetcat.self)
    catalogue.add(channel: FakeChannel.self)
    catalogue.add(sink: FakeLogger.self)
    catalogue.add(sink: FakeSink.self)
    catalogue.add(processor: FakeDefault.self)
    catalogue.add(processor: FakeFailover.self)
    catalogue.add(processor: FakeBalance.self)
    catalogue.add(selector: ReplicatingSelectorConfiguration.declaration)
    return catalogue
}

/// Loads one file and gives the problems as "line severity key: message | fix", sorted.
func load(
    _ text: String, agent: String? = "a1", definitions: [String: String] = [:], environment: [String: String] = [:],
    catalogue: Catalogue = fakeCatalogue()
) -> (agents: [AgentPlan], problems: [String]) {
    let loaded = ConfigurationLoader.load(
        files: [("f", Array(text.utf8))], agent: agent, definitions: definitions, environment: environment, catalogue: catalogue
    )
    let problems = ProblemReport(loaded.problems).problems
    return (loaded.agents, problems.map { "\($0.line) \($0.severity) \($0.key): \($0.message) | \($0.fix ?? "-")" })
}
