import TailraceCore
import TailraceSimulation
import TailraceSinks

/// A file_roll sink on a simulated host, and a channel that offers lines until they are delivered.
final class RollingFileBench: TakeBackend, SinkObserver {
    let world: SimulatedWorld
    let host: SimulatedHost
    var configuration = RollingFileSinkConfiguration()
    private(set) var sink: RollingFileSink!
    private var open: [UInt64: [Int]] = [:]
    private var lastID: UInt64 = 0
    private var next = 0
    /// Offered in this order; what came back first.
    private var again: [[Int]] = []
    private(set) var acknowledged: [Int] = []
    private(set) var retries: [TailraceError] = []
    static let directory = "/data/events"

    init(seed: UInt64 = 1, _ change: (inout RollingFileSinkConfiguration) -> Void = { _ in }) {
        world = SimulatedWorld(seed: seed)
        world.transcript.keptLines = 0
        host = world.makeHost("collector")
        configuration.directory = Self.directory
        change(&configuration)
    }
    func start() throws {
        if !host.isUp { host.restart() }
        sink = try RollingFileSink(configuration, host.makeEnvironment(component: "a.sinks.k1"))
        sink.observer = self
        var result: Result<Void, TailraceError>?
        sink.start { result = $0 }
        world.run(while: { result == nil })
        try result?.get()
    }
    func stop() {
        var isDone = false
        sink.stop(by: world.now + .seconds(10)) { isDone = true }
        world.run(while: { !isDone })
    }
    /// What was taken and not settled comes again.
    func crash(losingPower: Bool = true) {
        sink = nil
        host.crash(losingPower: losingPower)
        again = open.sorted { $0.key < $1.key }.map(\.value) + again
        open = [:]
    }

    static func line(_ number: Int) -> String { "line \(number) " + String(repeating: "x", count: number * 37 % 200) }

    /// Offers as many batches as the sink takes, `count` at most.
    func offer(_ count: Int = 1, events: Int = 5) {
        for _ in 0..<count where sink.openSlots > 0 {
            let numbers: [Int]
            if again.isEmpty {
                numbers = Array(next..<next + events)
                next += events
            } else {
                numbers = again.removeFirst()
            }
            var builder = EventBatchBuilder(shared: [Header("h", "v")])
            for number in numbers { builder.append(Self.line(number).utf8) }
            lastID += 1
            open[lastID] = numbers
            sink.deliver(TakeTransaction(builder.finish(), id: lastID, self))
        }
    }
    func settleTake(_ id: UInt64, _ outcome: TakeOutcome) {
        guard let numbers = open.removeValue(forKey: id) else { return }
        switch outcome {
        case .delivered: acknowledged += numbers
        case .retry(let error, _):
            retries.append(error)
            again.append(numbers)
        case .notOwner: preconditionFailure("a file sink owns everything")
        }
    }
    func sinkHasSlots(_ sink: any EventSink) {}
    func run(_ time: Duration = .milliseconds(200)) { world.run(for: time) }
    var isIdle: Bool { open.isEmpty && again.isEmpty }

    var names: [String] { host.files.names(Self.directory) }
    var texts: [String] { names.map { host.files.text("\(Self.directory)/\($0)")! } }
    /// Whole lines of all files.
    var lines: [String] {
        texts.flatMap { text in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init) }
    }
    func missing(_ lines: [String]) -> [Int] {
        let all = Set(lines)
        return acknowledged.filter { !all.contains(Self.line($0)) }
    }
}
