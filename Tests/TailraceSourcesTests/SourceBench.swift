import TailraceChannels
import TailraceCore
import TailraceSimulation

/// A source with a real output and memory channel, on a simulated host; the test is the sink.
final class SourceBench {
    let world: SimulatedWorld
    let host: SimulatedHost
    let channel: MemoryChannel
    let output: SourceOutput
    let environment: Environment
    /// Where the peers are.
    private(set) lazy var client = world.makeHost("client")
    /// An output holds its source weakly.
    private var source: (any EventSource)?

    init(seed: UInt64 = 1, capacity: Int = 10_000, acknowledge: Custody? = .committed, keepAliveSeconds: Int = 3) throws {
        world = SimulatedWorld(seed: seed)
        host = world.makeHost("edge")
        var configuration = MemoryChannelConfiguration()
        configuration.capacity = capacity
        configuration.keepAliveSeconds = keepAliveSeconds
        channel = try MemoryChannel(configuration, host.makeEnvironment(component: "edge.channels.c1"))
        environment = host.makeEnvironment(component: "edge.sources.r1")
        output = SourceOutput([channel], [], ReplicatingSelector(isRequired: [true]), acknowledge: acknowledge, environment)
    }

    func start(_ source: any EventSource) -> Result<Void, TailraceError>? {
        output.source = source
        self.source = source
        var result: Result<Void, TailraceError>?
        source.start { result = $0 }
        world.run(while: { result == nil }, limit: .seconds(10))
        return result
    }

    /// Takes and delivers what is in the channel now.
    func delivered() -> [String] { takeAll().flatMap(\.bodies) }
    func takeAll() -> [EventBatch] {
        var batches: [EventBatch] = []
        while let take = channel.take(upTo: .unlimited) {
            batches.append(take.batch)
            take.settle(.delivered)
        }
        return batches
    }
}

extension EventBatch {
    var bodies: [String] {
        var bodies: [String] = []
        forEach { _, event in bodies.append(event.body.text) }
        return bodies
    }
}

/// A peer on another host that sends what it is told and keeps what it gets.
final class TestPeer: ByteStreamHandler {
    private(set) var received: [UInt8] = []
    private(set) var isEnded = false
    private(set) var stream: (any ByteStream)?
    private var unsent = OutputQueue()
    private var attempt: (any Cancellable)?
    private let environment: Environment

    init(_ bench: SourceBench, host: String = "client", to endpoint: Endpoint) {
        environment = bench.world.makeEnvironment(host: host, component: "peer")
        attempt = environment.network.connect(to: endpoint, deadline: environment.loop.now + .seconds(30)) {
            [weak self] result in
            guard let self, case .success(let stream) = result else { return }
            self.stream = stream
            stream.handler = self
            streamIsReadable(stream)
            write()
        }
    }
    var text: String { String(decoding: received, as: UTF8.self) }

    func send(_ text: String) { send(Array(text.utf8)) }
    func send(_ bytes: [UInt8]) {
        environment.loop.enqueue { [self] in
            unsent.append(Bytes(copying: bytes))
            write()
        }
    }
    func finish() { environment.loop.enqueue { [self] in stream?.finishWriting() } }
    func close() { environment.loop.enqueue { [self] in stream?.close() } }

    private func write() {
        guard let stream else { return }
        do throws(TailraceError) { _ = try stream.write(&unsent) } catch { isEnded = true }
    }
    func streamIsWritable(_ stream: any ByteStream) { write() }
    func streamIsReadable(_ stream: any ByteStream) {
        var space = [UInt8](repeating: 0, count: 4096)
        do throws(TailraceError) {
            while true {
                let result = space.withUnsafeMutableBytes { buffer in
                    Result { () throws(TailraceError) in try stream.read(into: buffer) }
                }
                switch try result.get() {
                case .bytes(let count): received += space[..<count]
                case .wouldBlock: return
                case .end:
                    isEnded = true
                    return
                }
            }
        } catch { isEnded = true }
    }
}
