import TailraceCore
import TailraceRPC
import TailraceSimulation
import TailraceWire

/// One sink and one source on two simulated hosts.
final class Chain {
    let world: SimulatedWorld
    let edge: SimulatedHost
    let aggregator: SimulatedHost
    let channel: FakeChannel
    let output: SourceOutput
    let source: RPCSource
    let sink: RPCSink
    let offers = Offers()

    static let port = 4545

    init(
        seed: UInt64 = 1, source change: (inout RPCSourceConfiguration) -> Void = { _ in },
        sink changeSink: (inout RPCSinkConfiguration) -> Void = { _ in }
    ) {
        world = SimulatedWorld(seed: seed)
        edge = world.makeHost("edge")
        aggregator = world.makeHost("aggregator")
        let environment = aggregator.makeEnvironment(component: "aggregator.sources.r1")
        channel = FakeChannel(environment.loop)
        output = SourceOutput([channel], [], ReplicatingSelector(isRequired: [true]), environment)
        var configuration = RPCSourceConfiguration()
        (configuration.bind, configuration.port) = ("0.0.0.0", Self.port)
        change(&configuration)
        source = RPCSource(configuration, output, environment)
        output.source = source
        var sinkConfiguration = RPCSinkConfiguration()
        (sinkConfiguration.hostname, sinkConfiguration.port) = ("aggregator", Self.port)
        changeSink(&sinkConfiguration)
        sink = RPCSink(sinkConfiguration, edge.makeEnvironment(component: "edge.sinks.k1"))
        sink.observer = offers
    }

    func start() {
        source.start { if case .failure(let error) = $0 { fatalError("\(error)") } }
        sink.start { _ in }
        world.run(for: .milliseconds(100))
    }

    /// In a turn of the edge's loop, as a runner does: so the loop's time is right.
    @discardableResult
    func offer(_ batch: EventBatch) -> UInt64 {
        var id: UInt64?
        edge.loop.enqueue { [self] in id = offers.offer(batch, to: sink) }
        world.run(while: { id == nil })
        return id!
    }

    /// Until every take has an outcome.
    func settle(within limit: Duration = .seconds(120)) -> Bool { world.run(while: { offers.openCount > 0 }, limit: limit) }

    static func batch(_ texts: [String], stream: UInt64 = 7, from first: UInt64 = 0) -> EventBatch {
        var builder = EventBatchBuilder()
        for text in texts { builder.append(text.utf8) }
        return builder.finish().numbered(StreamID(value: stream), from: first)
    }
}

/// The other end of a connection, byte by byte under the test's control.
final class RawPeer: ByteStreamHandler {
    private(set) var received: [UInt8] = []
    private(set) var hasEnded = false
    private(set) var error: TailraceError?
    private var stream: (any ByteStream)?
    private var output = OutputQueue()
    private var listener: (any Listener)?
    private var reads = true
    let arena = WireArena()

    init() {}

    /// As a client.
    func connect(_ environment: Environment, to host: String, port: Int = Chain.port) {
        let endpoint = Endpoint.host(host, port: UInt16(port)), deadline = environment.loop.now + .seconds(10)
        _ = environment.network.connect(to: endpoint, deadline: deadline) { [self] result in
            switch result {
            case .success(let stream): take(stream)
            case .failure(let failure): error = failure
            }
        }
    }
    /// As a server.
    func listen(_ environment: Environment, answer: [UInt8] = []) throws {
        listener = try environment.network.listen(at: .host("0.0.0.0", port: UInt16(Chain.port))) { [self] stream in
            take(stream)
            send(answer)
        }
    }
    private func take(_ stream: any ByteStream) {
        self.stream = stream
        stream.handler = self
        pump()
        flush()
    }

    func send(_ bytes: [UInt8]) {
        if !bytes.isEmpty { output.append(Bytes(copying: bytes)) }
        flush()
    }
    func send(_ message: ControlMessage) { send(Array(message.frame(arena))) }
    func stopReading() { reads = false }
    func finishWriting() { stream?.finishWriting() }
    func close() { stream?.close() }

    /// The messages so far, batches left out.
    func messages() throws -> [ControlMessage] {
        try decodeFrames(received).frames.compactMap { frame in
            try ControlMessage(frame.kind, frame.envelope, arena)
        }
    }
    func batches() throws -> [DecodedFrame] { try decodeFrames(received).frames.filter { $0.kind == .appendBatch } }

    func streamIsReadable(_ stream: any ByteStream) { pump() }
    func streamIsWritable(_ stream: any ByteStream) { flush() }
    private func flush() {
        guard let stream, !output.isEmpty else { return }
        do throws(TailraceError) { _ = try stream.write(&output) } catch { self.error = error }
    }
    private func pump() {
        guard reads, let stream else { return }
        let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
        defer { space.deallocate() }
        do throws(TailraceError) {
            while true {
                switch try stream.read(into: space) {
                case .bytes(let count): received += space.prefix(count)
                case .wouldBlock: return
                case .end:
                    hasEnded = true
                    return
                }
            }
        } catch {
            self.error = error
        }
    }
}
