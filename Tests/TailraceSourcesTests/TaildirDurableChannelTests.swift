import TailraceCore
import TailraceSimulation
import TailraceSources
import Testing

/// A channel that keeps what it commits over crashes, and the positions with it: as little of a file channel as is needed.
private final class DurableChannel: EventChannel, PutBackend {
    let name = "edge.channels.c1"
    let health = Health.ok
    let isDurable = true
    let largestPut = BatchSize.unlimited
    let keepAlive: Duration = .seconds(3)
    let room = BatchSize.unlimited, held = BatchSize.zero
    /// Of this process; the rest survives.
    var loop: (any EventLoop)!
    private(set) var lines: [String] = []
    private var stored: [SourcePositionKey: StoredPosition] = [:]
    private(set) var forgotten: [SourcePositionKey] = []
    private var next: UInt64 = 0
    private var puts: [UInt64: EventBatch] = [:]
    private var nextPut: UInt64 = 0

    func start(_ done: @escaping Completion) {}
    func stop(by deadline: Instant, _ done: @escaping () -> Void) {}
    func put(_ batch: EventBatch, _ producer: (any ChannelProducer)?) -> PutTransaction? {
        nextPut += 1
        puts[nextPut] = batch
        return PutTransaction(id: nextPut, isDuplicate: false, self)
    }
    func commitPut(_ id: UInt64, until custody: Custody, _ done: @escaping Completion) {
        let batch = puts.removeValue(forKey: id)!
        lines += batch.bodies
        next = batch.identity!.span.upperBound
        for mark in batch.positions { stored[mark.key] = StoredPosition(position: mark.position, last: next - 1) }
        loop.enqueue { done(.success(())) }
    }
    func rollbackPut(_ id: UInt64) { puts[id] = nil }
    func stopWaiting(_ producer: any ChannelProducer) {}
    func next(_ consumer: any ChannelConsumer) -> BatchHead? { nil }
    func take(upTo limit: BatchSize) -> TakeTransaction? { nil }
    func origin(of source: String) -> (stream: StreamID, next: UInt64) { (StreamID(value: 1), next) }
    func positions(of source: String) -> [SourcePositionKey: StoredPosition] { stored.filter { $0.key.source == source } }
    func forget(_ key: SourcePositionKey) {
        forgotten.append(key)
        stored[key] = nil
    }
    func remove(_ producer: any ChannelProducer) {}
    func remove(_ consumer: any ChannelConsumer) {}
    var keys: Int { stored.count }
    func add(_ key: SourcePositionKey, _ position: SourcePosition) { stored[key] = StoredPosition(position: position, last: 0) }
}

struct TaildirDurableChannelTests {
    private let bench = TaildirBench { $0.writePosIntervalMilliseconds = 3_600_000 }  // the state file is never up to date
    private let channel = DurableChannel()

    private func start() throws -> TaildirSource {
        if !bench.host.isUp { bench.host.restart() }
        let environment = bench.host.makeEnvironment(component: "edge.sources.r1")
        channel.loop = environment.loop
        let output = SourceOutput([channel], [], ReplicatingSelector(isRequired: [true]), environment)
        let source = try TaildirSource(bench.configuration, output, environment)
        output.source = source
        var result: Result<Void, TailraceError>?
        source.start { result = $0 }
        bench.world.run(while: { result == nil }, limit: .seconds(10))
        try result?.get()
        bench.world.run(for: .seconds(1))
        return source
    }

    @Test func positionAndEventsAreOne() throws {
        bench.files.write("/logs/app.log", "1\n2\n")
        var sources = [try start()]
        bench.files.append("/logs/app.log", "3\n")
        bench.world.run(for: .seconds(1))
        bench.crash()
        bench.files.append("/logs/app.log", "4\n")
        bench.files.rename("/logs/app.log", to: "/logs/app.log.1")
        sources.append(try start())
        #expect(channel.lines == ["1", "2", "3", "4"])
        bench.crash()
        sources.append(try start())
        #expect(channel.lines == ["1", "2", "3", "4"])
        #expect(channel.keys == 1)
    }

    @Test func positionsOfDeletedFilesAreForgotten() throws {
        bench.files.write("/logs/app.log", "1\n2\n")
        let source = try start()
        bench.files.remove("/logs/app.log")
        bench.world.run(for: .seconds(10))
        #expect(channel.keys == 0 && channel.forgotten.count == 1)
        #expect(source.health.isOK)
    }

    @Test func aPositionThatIsNotOursIsToldAndPassedOver() throws {
        bench.files.write("/logs/app.log", "1\n")
        channel.add(SourcePositionKey(source: "edge.sources.r1", key: "x y"), SourcePosition(bytes: [1, 2, 3]))
        let source = try start()
        #expect(channel.lines == ["1"])
        #expect(bench.log.contains("a channel has a position \"x y\" that is not one of this source"))
        #expect(source.health.isOK)
    }
}
