import TailraceChannels
import TailraceCore
import TailraceSimulation

/// A file channel, or one that has a file channel inside, on a simulated host that can crash.
final class FileBench: ChannelProducer, ChannelConsumer {
    let world: SimulatedWorld
    let host: SimulatedHost
    var configuration = FileChannelConfiguration()
    /// Instead of a file channel.
    var spillable: SpillableMemoryChannelConfiguration?
    var channel: (any EventChannel)!
    var startError: TailraceError?
    var roomSignals = 0, eventSignals = 0
    static let name = "edge.channels.c1"
    static let data = "/state/file-channel/edge.channels.c1/data"
    static let state = "/state/file-channel/edge.channels.c1/checkpoint/state"

    init(seed: UInt64 = 1, _ change: (inout FileChannelConfiguration) -> Void = { _ in }) {
        world = SimulatedWorld(seed: seed)
        world.transcript.keptLines = 0
        host = world.makeHost("edge")
        configuration.minimumRequiredSpace = 1 << 20
        configuration.maxFileSize = 64 << 10
        change(&configuration)
    }

    /// True when it has started.
    @discardableResult
    func start() throws -> Bool {
        try make()
        startError = nil
        var isDone = false, isGood = false
        channel.start { result in
            isDone = true
            switch result {
            case .success: isGood = true
            case .failure(let error): self.startError = error
            }
        }
        world.run(while: { !isDone })
        return isGood
    }
    func make() throws {
        let environment = host.makeEnvironment(component: Self.name)
        guard var spillable else { return channel = try FileChannel(configuration, environment) }
        spillable.file = configuration
        channel = try SpillableMemoryChannel(spillable, environment)
    }
    func stop() {
        var isDone = false
        channel.stop(by: host.loop.now + .seconds(60)) { isDone = true }
        world.run(while: { !isDone })
        channel = nil
    }
    func crash(losingPower: Bool = true) {
        channel = nil
        host.crash(losingPower: losingPower)
        host.restart()
    }

    /// Commits it; the answer comes later.
    func put(_ batch: EventBatch, _ done: @escaping Completion = { _ in }) -> Bool {
        guard let put = channel.put(batch, nil) else { return false }
        put.commit(until: .safe, done)
        return true
    }
    /// Puts, and waits for the answer.
    @discardableResult
    func store(_ batch: EventBatch) -> Result<Void, TailraceError>? {
        var result: Result<Void, TailraceError>?
        guard put(batch, { result = $0 }) else { return nil }
        world.run(while: { result == nil }, limit: .seconds(60))
        return result
    }
    /// Everything that comes within a second, delivered at once.
    func drain(_ limit: BatchSize = .unlimited) -> [EventBatch] {
        var batches: [EventBatch] = []
        var deadline = world.now + .seconds(1)
        while world.now < deadline {
            if let take = channel.take(upTo: limit) {
                batches.append(take.batch)
                take.settle(.delivered)
                deadline = world.now + .seconds(1)
            } else {
                world.run(for: .milliseconds(100))
            }
        }
        return batches
    }
    func channelHasRoom(_ channel: any EventChannel) { roomSignals += 1 }
    func channelHasEvents(_ channel: any EventChannel) { eventSignals += 1 }

    var segments: [String] { host.files.names(Self.data).filter { $0.hasPrefix("segment-") } }
    func log(_ level: LogLevel) -> [String] { host.log.lines.filter { $0.level == level }.map(\.text) }
}

func numbered(_ numbers: Range<UInt64>, stream: UInt64 = 7, bytes: Int = 4) -> EventBatch {
    var builder = EventBatchBuilder(shared: [Header("host", "edge-1")])
    for number in numbers { builder.append(Array(String(number).utf8) + Array(repeating: 0x78, count: bytes)) }
    return builder.finish().numbered(StreamID(value: stream), from: numbers.lowerBound)
}
func numbers(_ batches: [EventBatch]) -> [UInt64] {
    batches.flatMap { batch in batch.identity!.sequences.flatMap { Array($0) } }
}
