import TailraceConfiguration
import TailraceCore
import TailraceKafka
import TailraceSimulation
import Testing

/// One host on virtual time with a scripted broker and files in memory.
final class Fixture {
    let world: SimulatedWorld
    let host: SimulatedHost
    let broker: ScriptedBroker
    let files: MemoryFiles
    let environment: Environment
    let takes = RecordedTakes()

    init(_ component: String, seed: UInt64 = 1) {
        world = SimulatedWorld(seed: seed)
        host = world.makeHost("h")
        let base = host.makeEnvironment(component: component)
        broker = ScriptedBroker(base.loop)
        files = MemoryFiles(base.loop)
        environment = Environment(
            component: component, loop: base.loop, network: base.network, files: files, processes: base.processes,
            broker: broker, log: base.log, metrics: base.metrics, memory: base.memory, stateDirectory: "/state",
            random: base.random)
    }

    func counter(_ name: String) -> Int { host.metrics.value(name, environment.component) ?? 0 }
    func logLines(_ text: String) -> Int { host.log.lines(containing: text).count }
    var deadLetterLines: [String] {
        files.memoryDisk("/state").contents["\(environment.component).dead-letters.jsonl"]?.lines ?? []
    }
    /// Lets all that can happen within a moment happen.
    func settle(_ time: Duration = .milliseconds(20)) { world.run(for: time) }
}

/// Settles nothing by itself; remembers how each take ended.
final class RecordedTakes: TakeBackend {
    private(set) var outcomes: [UInt64: TakeOutcome] = [:]
    var settled: ((UInt64, TakeOutcome) -> Void)?
    func settleTake(_ id: UInt64, _ outcome: TakeOutcome) {
        precondition(outcomes[id] == nil, "take \(id) was settled twice")
        outcomes[id] = outcome
        settled?(id, outcome)
    }
    func take(_ batch: EventBatch, _ id: UInt64) -> TakeTransaction { TakeTransaction(batch, id: id, self) }

    func isDelivered(_ id: UInt64) -> Bool { if case .delivered = outcomes[id] { true } else { false } }
    func rejected(_ id: UInt64) -> Int? {
        if case .delivered(let rejected) = outcomes[id] { rejected.reduce(0) { $0 + $1.events.count } } else { nil }
    }
    func retryCode(_ id: UInt64) -> String? { if case .retry(let error, _) = outcomes[id] { error.code } else { nil } }
}

/// "event 0", "event 1" … of stream 7, from `first` on.
func makeBatch(
    _ count: Int, from first: UInt64 = 0, shared: [Header] = [], own: ((Int) -> [Header])? = nil, stream: UInt64 = 7
) -> EventBatch {
    var builder = EventBatchBuilder(shared: shared)
    for index in 0..<count { builder.append("event \(Int(first) + index)".utf8, headers: own?(index) ?? []) }
    return builder.finish().numbered(StreamID(value: stream), from: first)
}

/// A sink of lines "key = value", which must have no mistake.
func makeSinkConfiguration(_ lines: [String: String] = [:]) -> KafkaSinkConfiguration {
    var problems: [ConfigurationProblem] = []
    let all = ["kafka.bootstrap.servers": "b:9092", "kafka.topic": "logs"].merging(lines) { $1 }
    let entries = all.sorted { $0.key < $1.key }.map { ConfigurationEntry(key: $0.key, value: $0.value) }
    let configuration = KafkaSink.declaration.parse(entries, prefix: "a.sinks.k", &problems)
    #expect(problems.filter { $0.severity == .error }.isEmpty, "\(problems)")
    return configuration
}
func sinkProblems(_ lines: [String: String]) -> [ConfigurationProblem] {
    var problems: [ConfigurationProblem] = []
    let all = ["kafka.bootstrap.servers": "b:9092"].merging(lines) { $1 }
    let entries = all.sorted { $0.key < $1.key }.map { ConfigurationEntry(key: $0.key, value: $0.value) }
    _ = KafkaSink.declaration.parse(entries, prefix: "a.sinks.k", &problems)
    return problems
}

extension Bytes {
    static func text(_ text: String) -> Bytes { Bytes(text) }
}
extension RecordSet {
    var bodies: [String] { (0..<batch.count).map { batch[$0].body.text } }
}
