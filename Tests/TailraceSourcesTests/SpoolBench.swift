import TailraceChannels
import TailraceCore
import TailraceSimulation

@testable import TailraceSources

/// A spool source with output and channel on a simulated host; the test is the sink. `/spool` and `/out` are there.
final class SpoolBench: ChannelConsumer {
    let world: SimulatedWorld
    let host: SimulatedHost
    var configuration = SpoolDirectorySourceConfiguration()
    /// With a file channel instead of a memory channel.
    let isDurable: Bool
    var capacity = 100_000
    private(set) var channel: (any EventChannel)!
    private(set) var source: SpoolDirectorySource!
    private var output: SourceOutput!
    /// What was delivered, by number: what comes again has the same one.
    private(set) var delivered: [UInt64: String] = [:]
    private(set) var bodies: [String] = []
    private(set) var headers: [[Header]] = []
    var isTaking = true

    init(seed: UInt64 = 1, isDurable: Bool = false, _ change: (inout SpoolDirectorySourceConfiguration) -> Void = { _ in }) {
        world = SimulatedWorld(seed: seed)
        world.transcript.keptLines = 0
        host = world.makeHost("edge")
        self.isDurable = isDurable
        configuration.directory = "/spool"
        change(&configuration)
        host.files.makeDirectory("/spool")
        host.files.makeDirectory("/out")
    }
    var files: HostFiles { host.files }

    private func wait(_ body: (@escaping Completion) -> Void) throws {
        var result: Result<Void, TailraceError>?
        body { result = $0 }
        world.run(while: { result == nil }, limit: .seconds(60))
        try result?.get()
    }

    /// A new process, on what is on the disk.
    func start() throws {
        if !host.isUp { host.restart() }
        let environment = host.makeEnvironment(component: "edge.channels.c1")
        if isDurable {
            var file = FileChannelConfiguration()
            file.minimumRequiredSpace = 1 << 20
            file.maxFileSize = 64 << 10
            channel = try FileChannel(file, environment)
        } else {
            var memory = MemoryChannelConfiguration()
            memory.capacity = capacity
            channel = try MemoryChannel(memory, environment)
        }
        try wait { channel.start($0) }
        let own = host.makeEnvironment(component: "edge.sources.r1")
        output = SourceOutput([channel], [], ReplicatingSelector(isRequired: [true]), own)
        source = try SpoolDirectorySource(configuration, output, own)
        output.source = source
        try wait { source.start($0) }
    }
    func stop() throws {
        try wait { done in source.stop(by: world.now + .seconds(10)) { done(.success(())) } }
        try wait { done in channel.stop(by: world.now + .seconds(10)) { done(.success(())) } }
        crash(losingPower: false)
    }
    func crash(losingPower: Bool = true) {
        (channel, source, output) = (nil, nil, nil)
        host.crash(losingPower: losingPower)
    }

    func channelHasEvents(_ channel: any EventChannel) {}

    /// Lets time pass; what arrives is delivered.
    func run(_ time: Duration = .seconds(2)) {
        let end = world.now + time
        while world.now < end {
            world.run(for: min(.milliseconds(20), end - world.now))
            if isTaking { take() }
        }
    }
    private func take() {
        while channel.next(self) != nil, let take = channel.take(upTo: .unlimited) {
            let numbers = take.batch.identity!.sequences.flatMap { $0 }
            take.batch.forEach { index, event in
                // A memory channel's stream is another one in each process.
                let number = isDurable ? numbers[index] : UInt64(bodies.count)
                delivered[number] = event.body.text
                bodies.append(event.body.text)
                headers.append(event.headers)
            }
            take.settle(.delivered)
        }
    }

    /// As it should be done: written elsewhere, and moved in.
    func put(_ name: String, _ text: String) {
        files.write("/out/\(name.split(separator: "/").last!)", text)
        files.rename("/out/\(name.split(separator: "/").last!)", to: "/spool/\(name)")
    }
    var log: String { host.log.lines.map { "\($0)" }.joined(separator: "\n") }
    func counter(_ name: String) -> Int { host.metrics.counter(name, "edge.sources.r1").value }
    var isDegraded: Bool { if case .degraded = source.health { true } else { false } }
}
