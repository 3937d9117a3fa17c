import TailraceChannels
import TailraceCore
import TailraceSimulation

/// A random run of puts, takes, stops, crashes and crashes during recovery, and a model that knows what must come out.
///
/// Of a file channel, and of a spillable one: there the position of the file is the source's own, behind its last answer, and
/// what was only answered as committed counts from an orderly stop on.
///
/// Two senders: an origin (a file of numbered lines, which goes on at the stored position), and a remote stream that sends each
/// batch again until it is answered.
final class CrashModel {
    struct Failure: Error, CustomStringConvertible { var description: String }
    private final class Take {
        var transaction: TakeTransaction?
        let batch: EventBatch
        init(_ transaction: consuming TakeTransaction) {
            batch = transaction.batch
            self.transaction = consume transaction
        }
    }
    private struct Event: Hashable {
        var stream: StreamID
        var number: UInt64
    }
    private let bench: FileBench
    private var random: SeededRandom
    private let hasFaults: Bool
    private let losesPower: Bool
    private var life = 0
    private var takes: [Take] = []
    /// By body: an event that was answered as safe.
    private var safe: Set<String> = []
    private var committed: Set<String> = []
    private var delivered: Set<String> = []
    private var deliveredThisLife: Set<Event> = []
    /// In the order in which they came for the first time in this life.
    private var offered: [Event] = []
    private var bodies: [Event: String] = [:]
    private var nextLine: UInt64 = 0
    /// Of the lines, in order: where each batch ends, and whether it was answered.
    private var answers: [(end: UInt64, isSafe: Bool)] = []
    private var ownPosition: UInt64 = 0
    /// Answered when they were committed, in memory; of this life.
    private var onlyCommitted: Set<String> = []
    private var originFailed = false
    private var remoteNext: UInt64 = 0
    private var remoteUnanswered: [Range<UInt64>] = []
    private(set) var redelivered = 0, crashes = 0
    private static let remote = StreamID(value: 99)
    private static let file = SourcePositionKey(source: "src", key: "/log")

    init(seed: UInt64, isSpillable: Bool = false) {
        var random = SeededRandom(seed: seed).split("crash model")
        hasFaults = random.next() % 3 == 0
        losesPower = random.next() % 4 != 0
        let mode: SyncMode = !losesPower && random.next() % 2 == 0 ? .interval : .commit
        let size = [4096, 4096, 8192, 20_000].randomElement(using: &random)!
        let memory = [4096, 1 << 20].randomElement(using: &random)!
        let directories = random.next() % 4 == 0 ? ["/d1", "/d2"] : []
        // (Of a generator of its own, so that a seed stays the run that it was.)
        var other = SeededRandom(seed: seed).split("patience")
        let patience = other.next() % 2 == 0 ? 0 : 100
        bench = FileBench(seed: seed) {
            ($0.maxFileSize, $0.memoryBytes, $0.syncMode, $0.dataDirectories) = (size, memory, mode, directories)
            $0.syncIntervalMilliseconds = 20
            $0.patienceMilliseconds = patience
        }
        if isSpillable {
            var spillable = SpillableMemoryChannelConfiguration()
            spillable.memoryCapacity = [4, 10, 30].randomElement(using: &random)!
            spillable.overflowCapacity = [20, 1000, 1000].randomElement(using: &random)!
            spillable.overflowTimeoutSeconds = [0, 0, 1].randomElement(using: &random)!
            bench.spillable = spillable
        }
        self.random = random
    }

    /// For a person who looks for the cause of a failure.
    var trace: String { bench.host.log.lines.map { "\($0.time.nanoseconds / 1000) \($0)" }.joined(separator: "\n") }

    func run() throws {
        for _ in 0..<Int.random(in: 2...5, using: &random) {
            guard try live() else { continue }
        }
        bench.world.faults = .calm
        try finish()
    }

    private func chance(_ percent: UInt64) -> Bool { random.next() % 100 < percent }
    private func pass(_ limit: Int64 = 20_000) {
        bench.world.run(for: .microseconds(Int64.random(in: 0...limit, using: &random)))
    }
    private func crash() {
        crashes += 1
        bench.crash(losingPower: losesPower)
        for take in takes { _ = take.transaction.take() }
        (takes, deliveredThisLife, offered, onlyCommitted) = ([], [], [], [])
    }

    private func live() throws -> Bool {
        life += 1
        bench.world.faults = .calm
        if hasFaults {
            (bench.world.faults.syncError, bench.world.faults.writeError) = (0.03, 0.03)
            (bench.world.faults.openError, bench.world.faults.removeError) = (0.02, 0.02)
            bench.world.faults.readError = 0.01
        }
        try bench.make()
        var started: Result<Void, TailraceError>?
        bench.channel.start { started = $0 }
        if chance(20) {
            bench.world.run(for: .microseconds(Int64.random(in: 0...60_000, using: &random)))
        } else {
            bench.world.run(while: { started == nil }, limit: .seconds(60))
        }
        guard case .success = started else {
            crash()
            return false
        }
        resume()
        for _ in 0..<Int.random(in: 0...25, using: &random) { try step() }
        if chance(25) {
            for take in takes where chance(50) { settle(take) }
            takes.removeAll { $0.transaction == nil }
            for take in takes where bench.spillable != nil { _ = take.transaction.take() }  // (as the sink runner does)
            bench.stop()
            if !hasFaults { safe.formUnion(onlyCommitted) }
            onlyCommitted = []
            for take in takes { _ = take.transaction.take() }
            takes = []
            // The position is that of the first that is not delivered; with faults it may not have been stored.
            let prefix = offered.prefix { deliveredThisLife.contains($0) }
            deliveredThisLife = hasFaults ? [] : deliveredThisLife.intersection(prefix)
            // Of a batch in memory that was delivered in part, all is sent again.
            if bench.spillable != nil { deliveredThisLife = deliveredThisLife.filter { $0.stream != Self.remote } }
            offered = []
            bench.host.crash(losingPower: losesPower)
            bench.host.restart()
        } else {
            crash()
        }
        return true
    }

    /// As a source does at its start.
    private func resume() {
        let stored = bench.channel.positions(of: "src")[Self.file]
        nextLine = stored.map { $0.position.bytes.reduce(0) { $0 << 8 | UInt64($1) } } ?? 0
        guard bench.spillable != nil else { return originFailed = false }
        if stored != nil { fatalError("a position of a channel that is not durable") }
        (nextLine, answers) = (ownPosition, [])
        originFailed = false
    }

    private func step() throws {
        switch random.next() % 10 {
        case 0...2: putLines()
        case 3...4: putRemote()
        case 5...6: try take()
        case 7: if let take = takes.randomElement(using: &random) { settle(take) }
        case 8: if chance(30) { forgottenPut() } else if bench.spillable != nil { putCommitted() }
        default: pass(hasOneInTen ? 2_000_000 : 20_000)
        }
        takes.removeAll { $0.transaction == nil }
        pass(3000)
    }
    private var hasOneInTen: Bool { random.next() % 10 == 0 }

    private func lines(_ range: Range<UInt64>) -> EventBatch {
        var builder = EventBatchBuilder()
        let padding = [UInt8](repeating: 0x2E, count: Int(random.next() % 200))
        for line in range { builder.append(Array("line \(line) ".utf8) + padding) }
        let position = (0..<8).map { UInt8(truncatingIfNeeded: range.upperBound >> (56 - 8 * $0)) }
        return builder.finish(positions: [SourceMark(key: Self.file, position: SourcePosition(bytes: position))])
    }
    private func name(_ event: Bytes) -> String {
        let text = String(decoding: event, as: UTF8.self)
        return String(text.prefix { $0 != "." })
    }

    private func putLines() {
        guard !originFailed else { return }
        let range = nextLine..<nextLine + UInt64.random(in: 1...4, using: &random)
        let origin = bench.channel.origin(of: "src"), batch = lines(range).numbered(origin.stream, from: origin.next)
        guard let put = bench.channel.put(batch, nil) else { return }
        nextLine = range.upperBound
        let index = answers.count
        answers.append((range.upperBound, false))
        commit(put, batch) { [weak self] result in
            // (A source tries the same again; here it begins anew with the next life.)
            if case .failure = result { self?.originFailed = true } else { self?.answered(index) }
        }
    }
    /// The source's own position is behind all that was answered without a gap.
    private func answered(_ index: Int) {
        answers[index].isSafe = true
        ownPosition = answers.prefix { $0.isSafe }.last?.end ?? ownPosition
    }
    /// To a sender that is answered at once, and sends nothing again.
    private func putCommitted() {
        var builder = EventBatchBuilder()
        let name = "committed \(life) \(committed.count) "
        builder.append("\(name).".utf8)
        let batch = builder.finish().numbered(StreamID(value: 1000 + UInt64(committed.count)), from: 0)
        guard let put = bench.channel.put(batch, nil) else { return }
        committed.insert(name)
        let life = life
        put.commit(until: .committed) { [weak self] result in
            guard let self, life == self.life else { return }
            if case .success = result { onlyCommitted.insert(name) }
        }
    }
    private func commit(
        _ put: consuming PutTransaction, _ batch: EventBatch, _ done: @escaping (Result<Void, TailraceError>) -> Void
    ) {
        var names: [String] = []
        batch.forEach { names.append(name($1.body)) }
        committed.formUnion(names)
        let life = life
        put.commit(until: .safe) { [weak self] result in
            guard let self, life == self.life else { return }
            if case .success = result { safe.formUnion(names) }
            done(result)
        }
    }
    private func putRemote() {
        var range = remoteNext..<remoteNext + UInt64.random(in: 1...4, using: &random)
        if chance(40), let again = remoteUnanswered.randomElement(using: &random) { range = again }
        var builder = EventBatchBuilder()
        for number in range { builder.append("remote \(number) .".utf8) }
        let batch = builder.finish().numbered(Self.remote, from: range.lowerBound)
        guard let put = bench.channel.put(batch, nil) else { return }
        if range.lowerBound == remoteNext {
            remoteNext = range.upperBound
            remoteUnanswered.append(range)
        }
        commit(put, batch) { [weak self] result in
            if case .success = result { self?.remoteUnanswered.removeAll { $0 == range } }
        }
    }
    private func forgottenPut() {
        var builder = EventBatchBuilder()
        builder.append("never \(random.next()) .".utf8)
        bench.channel.put(builder.finish().numbered(StreamID(value: 5), from: 0), nil)?.rollback()
    }

    private func take() throws {
        let limit = BatchSize(events: Int.random(in: 1...6, using: &random), bytes: .max)
        guard let transaction = bench.channel.take(upTo: limit) else { return }
        let take = Take(transaction)
        try check(take.batch)
        takes.append(take)
        if chance(40) { settle(take) }
    }
    private func settle(_ take: Take) {
        guard let transaction = take.transaction.take() else { return }
        let isDelivered = chance(75)
        if isDelivered { deliver(take.batch) }
        transaction.settle(isDelivered ? .delivered : .retry(.dropped, after: nil))
    }
    private func deliver(_ batch: EventBatch) {
        let events = events(batch)
        for (event, name) in events {
            deliveredThisLife.insert(event)
            if !delivered.insert(name).inserted { redelivered += 1 }
        }
    }
    private func events(_ batch: EventBatch) -> [(Event, String)] {
        let numbers = batch.identity!.sequences.flatMap { Array($0) }
        return numbers.indices.map { (Event(stream: batch.identity!.stream, number: numbers[$0]), name(batch[$0].body)) }
    }
    private func check(_ batch: EventBatch) throws {
        for (event, name) in events(batch) {
            guard committed.contains(name) else { throw Failure(description: "invented: \(name)") }
            guard !deliveredThisLife.contains(event) else { throw Failure(description: "read twice without a crash: \(name)") }
            // A number is never given to two events.
            if let known = bodies[event], known != name { throw Failure(description: "\(known) and \(name) have one number") }
            bodies[event] = name
            if !offered.contains(event) { offered.append(event) }
        }
    }

    /// Everything that was answered comes, each stream in its order.
    private func finish() throws {
        var isUp = false
        try bench.make()
        var failure: TailraceError?
        bench.channel.start {
            isUp = true
            if case .failure(let error) = $0 { failure = error }
        }
        bench.world.run(while: { !isUp }, limit: .seconds(60))
        if let failure { throw Failure(description: "does not open: \(failure)") }
        var last: [StreamID: UInt64] = [:]
        for batch in bench.drain() {
            try check(batch)
            for (event, name) in events(batch) {
                if event.stream != Self.remote, let before = last[event.stream], before >= event.number {
                    throw Failure(description: "out of order: \(name)")
                }
                last[event.stream] = event.number
            }
            deliver(batch)
        }
        let missing = safe.subtracting(delivered)
        guard missing.isEmpty else { throw Failure(description: "lost: \(missing.sorted())") }
        guard bench.channel.held == .zero else { throw Failure(description: "held \(bench.channel.held) when empty") }
    }
}
