import TailraceChannels
import TailraceCore
import TailraceSimulation
import TailraceSources

/// A taildir source with output and memory channel on a simulated host; the test is the sink. `/logs` is there.
final class TaildirBench {
    let world: SimulatedWorld
    let host: SimulatedHost
    var configuration = TaildirSourceConfiguration()
    var acknowledge: Custody? = .safe
    var capacity = 100_000
    private(set) var channel: MemoryChannel!
    private(set) var output: SourceOutput!
    private(set) var source: TaildirSource!

    init(seed: UInt64 = 1, pattern: String = "/logs/app.*", _ change: (inout TaildirSourceConfiguration) -> Void = { _ in }) {
        world = SimulatedWorld(seed: seed)
        host = world.makeHost("edge")
        configuration.fileGroups = ["g"]
        configuration.paths = ["g": pattern]
        configuration.positionFile = "/flume/positions.json"
        change(&configuration)
        host.files.makeDirectory("/logs")
    }

    var files: HostFiles { host.files }

    /// A new process' source, on the state that is on the disk.
    func start() throws {
        if !host.isUp { host.restart() }
        var channelConfiguration = MemoryChannelConfiguration()
        channelConfiguration.capacity = capacity
        channel = try MemoryChannel(channelConfiguration, host.makeEnvironment(component: "edge.channels.c1"))
        let environment = host.makeEnvironment(component: "edge.sources.r1")
        output = SourceOutput([channel], [], ReplicatingSelector(isRequired: [true]), acknowledge: acknowledge, environment)
        source = try TaildirSource(configuration, output, environment)
        output.source = source
        var result: Result<Void, TailraceError>?
        source.start { result = $0 }
        world.run(while: { result == nil }, limit: .seconds(10))
        try result?.get()
    }

    func stop() {
        var isStopped = false
        source.stop(by: world.now + .seconds(10)) { isStopped = true }
        world.run(while: { !isStopped }, limit: .seconds(20))
        host.crash(losingPower: false)
    }
    func crash() { host.crash() }

    /// What has arrived in the channel by now, delivered.
    func takeAll() -> [EventBatch] {
        var batches: [EventBatch] = []
        while let take = channel.take(upTo: .unlimited) {
            batches.append(take.batch)
            take.settle(.delivered)
        }
        return batches
    }

    /// Lets time pass; all that arrives is delivered at once.
    func batches(in time: Duration = .seconds(1)) -> [EventBatch] {
        var batches: [EventBatch] = []
        let end = world.now + time
        while world.now < end {
            world.run(for: min(.milliseconds(20), end - world.now))
            batches += takeAll()
        }
        return batches
    }
    func lines(in time: Duration = .seconds(1)) -> [String] { batches(in: time).flatMap(\.bodies) }

    var log: String { host.log.lines.map { "\($0)" }.joined(separator: "\n") }
}

extension EventBatch {
    func headers(_ name: String) -> [String?] {
        var values: [String?] = []
        forEach { _, event in values.append(event.header(name)?.text) }
        return values
    }
}
