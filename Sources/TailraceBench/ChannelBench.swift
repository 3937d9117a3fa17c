import Glibc
package import TailraceCore
import TailraceChannels
import TailraceIO
import TailraceRdkafka
import TailraceTopology

/// `tailrace bench channel`: batches through a file channel, synced before they are answered and taken when they can be, beside
/// a plain program that writes the same bytes into a new file and syncs it after each MiB.
package struct ChannelBench {
    package struct Result: Codable, Sendable {
        package var pieces: PieceResult
        package var eventsPerSecond: Double
        package var syncsPerSecond: Double
        package var eventsPerSync: Double
    }
    private static let batchEvents = 1_800
    private let events: Int, bytes: Int, rounds: Int
    private let directory: String

    package init(events: Int, bytes: Int, rounds: Int, directory: String) {
        (self.events, self.bytes, self.rounds, self.directory) = (events, bytes, rounds, directory + "/channel")
    }

    package func run() throws(TailraceError) -> Result {
        var floor: [Double] = [], channel: [Double] = [], speeds: [Double] = [], syncs = 0, seconds = 0.0
        let storage = batch(0)
        let count = max(1, events / Self.batchEvents)
        for _ in 0..<rounds {
            try SystemCall.removeTree(directory)
            floor.append(try plain(storage, count))
            try SystemCall.removeTree(directory)
            let run = try ChannelRun(directory, storage, count)
            let (nanoseconds, wall) = try run.measured()
            channel.append(nanoseconds / Double(count * Self.batchEvents))
            speeds.append(Double(count * Self.batchEvents) / wall)
            (syncs, seconds) = (syncs + run.syncs, seconds + wall)
        }
        try SystemCall.removeTree(directory)
        var pieces = PieceResult(events: count * Self.batchEvents, bytesPerEvent: bytes, rounds: rounds)
        pieces.add("write and sync", floor)
        pieces.add("file channel", channel)
        return Result(
            pieces: pieces, eventsPerSecond: ChainBench.Result.median(speeds), syncsPerSecond: Double(syncs) / seconds,
            eventsPerSync: Double(rounds * count * Self.batchEvents) / Double(max(1, syncs)))
    }

    private func batch(_ first: Int) -> EventBatch {
        var builder = EventBatchBuilder(capacity: Self.batchEvents * bytes)
        for number in 0..<Self.batchEvents {
            let text = String(number)
            builder.append((text + String(repeating: "x", count: max(0, bytes - text.utf8.count))).utf8)
        }
        return builder.finish()
    }

    private func plain(_ batch: EventBatch, _ count: Int) throws(TailraceError) -> Double {
        guard mkdir(directory, 0o755) == 0 || errno == EEXIST else { throw failed("make") }
        let file = open(directory + "/plain", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw failed("write in") }
        defer { close(file) }
        let before = PlainProducer.processCPU(), buffer = batch.storage.buffer
        var unsynced = 0
        for _ in 0..<count {
            guard write(file, buffer.base, buffer.count) == buffer.count else { throw failed("write in") }
            unsynced += buffer.count
            guard unsynced >= 1 << 20 else { continue }
            guard fdatasync(file) == 0 else { throw failed("sync") }
            unsynced = 0
        }
        guard fdatasync(file) == 0 else { throw failed("sync") }
        return Double((PlainProducer.processCPU() - before).nanoseconds) / Double(count * Self.batchEvents)
    }
    private func failed(_ what: String) -> TailraceError {
        TailraceError(
            code: "bench.file", message: "cannot \(what) \(directory): \(String(cString: strerror(errno)))",
            fix: "give another --directory")
    }
}

/// One channel that is filled and emptied on a loop of its own. Blocking: for commands.
private final class ChannelRun: ChannelProducer {
    private let loop: EpollLoop
    private let channel: FileChannel
    private let counter: Counter
    private let batch: EventBatch
    private let count: Int
    private var put = 0, answered = 0, taken = 0
    private var failure: TailraceError?

    var syncs: Int { counter.value }

    init(_ directory: String, _ batch: EventBatch, _ count: Int) throws(TailraceError) {
        let loop = try EpollLoop(), log = StandardLog(.warning), metrics = MetricsRegistry()
        let environment = RealEnvironment.make(
            loop: loop, broker: RdkafkaBroker(loop, log), component: "bench", stateDirectory: directory,
            memoryBytes: 1 << 20, log: log, metrics: metrics, seed: 1)
        (self.loop, self.batch, self.count) = (loop, batch, count)
        channel = try FileChannel(FileChannelConfiguration(), environment)
        counter = metrics.counter("syncs_total", "bench")
    }

    /// CPU in nanoseconds, and seconds.
    func measured() throws(TailraceError) -> (Double, Double) {
        var isUp = false
        channel.start { [weak self] result in
            isUp = true
            if case .failure(let error) = result { self?.failure = error }
        }
        while !isUp { loop.turn(waitingAtMost: .seconds(1)) }
        let cpu = PlainProducer.processCPU(), begin = loop.now
        while failure == nil, answered < count || taken < count {
            pump()
            loop.turn(waitingAtMost: .milliseconds(100))
        }
        if let failure { throw failure }
        let figures = (
            Double((PlainProducer.processCPU() - cpu).nanoseconds), Double((loop.now - begin).nanoseconds) / 1e9
        )
        var isStopped = false
        channel.stop(by: loop.now + .seconds(10)) { isStopped = true }
        while !isStopped { loop.turn(waitingAtMost: .seconds(1)) }
        return figures
    }

    func channelHasRoom(_ channel: any EventChannel) { pump() }

    private func pump() {
        while put < count {
            let numbered = batch.numbered(StreamID(value: 1), from: UInt64(put * batch.count))
            guard let transaction = channel.put(numbered, self) else { break }
            put += 1
            transaction.commit(until: .safe) { [weak self] result in
                self?.answered += 1
                if case .failure(let error) = result { self?.failure = error }
            }
        }
        while let take = channel.take(upTo: .unlimited) {
            taken += 1
            take.settle(.delivered)
        }
    }
}
