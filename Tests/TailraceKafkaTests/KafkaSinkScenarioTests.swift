import TailraceCore
import TailraceSimulation
import Testing

@testable import TailraceKafka

/// A client whose reports are drawn from a seed: late, partial, refused, fatal, with a full queue; it checks what the sink
/// promises about what it is given.
private final class ChaoticBroker: Broker {
    let loop: any EventLoop
    var random: SeededRandom
    var isCalm = false
    /// Event → how often a broker confirmed it.
    var confirmed: [String: Int] = [:]
    var sent: [String: Int] = [:]
    var made = 0
    /// Told when an event is sent that is confirmed already.
    var sentAgain: [String] = []
    /// These are refused for good, by whichever client.
    let poison: (String) -> Bool

    init(_ loop: any EventLoop, seed: UInt64, poison: @escaping (String) -> Bool) {
        (self.loop, random, self.poison) = (loop, SeededRandom(seed: seed), poison)
    }
    func makeProducer(
        _ settings: [String: String], failed: @escaping (TailraceError) -> Void
    ) throws(TailraceError) -> any ProducerClient {
        made += 1
        if !isCalm, made > 1, chance(20) { throw .test("settings") }
        return ChaoticProducer(self, failed)
    }
    func makeConsumer(_ settings: [String: String], _ owner: any ConsumerOwner) throws(TailraceError) -> any ConsumerClient {
        throw .test("none")
    }
    func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    func delay() -> Duration { .milliseconds(Int64.random(in: 1...(chance(10) ? 5000 : 50), using: &random)) }
}

private final class ChaoticProducer: ProducerClient {
    var hasRoom: (() -> Void)?
    private let broker: ChaoticBroker
    private let failed: (TailraceError) -> Void
    private var open: [Int: (RecordSet, (ProduceResult) -> Void)] = [:]
    private var nextID = 0
    private var isClosed = false
    private var hasFailed = false

    init(_ broker: ChaoticBroker, _ failed: @escaping (TailraceError) -> Void) {
        (self.broker, self.failed) = (broker, failed)
    }

    func produce(_ records: RecordSet, _ done: @escaping (ProduceResult) -> Void) -> Bool {
        if isClosed || hasFailed { return false }
        if !broker.isCalm, broker.chance(10) {
            broker.loop.schedule(at: broker.loop.now + broker.delay()) { [weak self] in self?.hasRoom?() }
            return false
        }
        for body in records.bodies {
            broker.sent[body, default: 0] += 1
            if broker.confirmed[body] != nil { broker.sentAgain.append(body) }
        }
        let id = nextID
        nextID += 1
        open[id] = (records, done)
        if !broker.isCalm, broker.chance(3) {
            // Fatal: says no from now on; what is open comes back; then the owner is told, as the real client does.
            hasFailed = true
            broker.loop.enqueue { self.giveBack() }
            broker.loop.schedule(at: broker.loop.now + broker.delay()) { if !self.isClosed { self.failed(.test("fatal")) } }
        } else {
            broker.loop.schedule(at: broker.loop.now + broker.delay()) { self.report(id) }
        }
        return true
    }
    private func report(_ id: Int) {
        guard let (records, done) = open.removeValue(forKey: id) else { return }
        var confirmed = Runs<Int>(), rejected: [Rejection] = [], retriable: [Rejection] = []
        let isBad = !broker.isCalm && broker.chance(30)
        for (index, body) in records.bodies.enumerated() {
            if broker.poison(body) {
                rejected.append(Rejection(events: index..<index + 1, error: .test("rejected")))
            } else if isBad, broker.chance(50) {
                retriable.append(Rejection(events: index..<index + 1, error: .test("not-leader")))
            } else {
                broker.confirmed[body, default: 0] += 1
                confirmed.insert(index..<index + 1)
            }
        }
        done(ProduceResult(confirmed: confirmed.ranges, rejected: rejected, retriable: retriable))
    }
    private func giveBack() {
        for id in open.keys.sorted() {
            let (records, done) = open.removeValue(forKey: id)!
            let all = 0..<records.batch.count
            done(ProduceResult(confirmed: [], rejected: [], retriable: [Rejection(events: all, error: .test("purged"))]))
        }
    }
    func partitions(of topic: String, _ done: @escaping (Result<[Bool], TailraceError>) -> Void) {
        let isCalm = broker.isCalm, leaders = (0..<3).map { _ in isCalm || broker.chance(80) }
        broker.loop.enqueue { done(isCalm || leaders[0] ? .success(leaders) : .failure(.test("metadata"))) }
    }
    func flush(by deadline: Instant, _ done: @escaping Completion) {
        broker.loop.schedule(at: deadline) { done(.success(())) }
    }
    func close(_ done: @escaping () -> Void) {
        guard !isClosed else { return }
        isClosed = true
        broker.loop.schedule(at: broker.loop.now + .milliseconds(5)) {
            self.giveBack()
            done()
        }
    }
}

struct KafkaSinkScenarioTests {
    /// Every event is confirmed exactly once or is a dead letter; no take counts as delivered before that; what was confirmed is
    /// never sent again, also after its take was given back and offered anew, cut elsewhere.
    @Test(arguments: 0..<60) func everyEventArrivesOnceWhateverHappens(seed: UInt64) throws {
        let fixture = Fixture("a.sinks.k", seed: seed)
        let base = fixture.environment
        let isPoison: (String) -> Bool = { $0.hasSuffix("7") && $0.count > 8 }
        let broker = ChaoticBroker(base.loop, seed: seed, poison: isPoison)
        let environment = Environment(
            component: base.component, loop: base.loop, network: base.network, files: fixture.files, processes: base.processes,
            broker: broker, log: base.log, metrics: base.metrics, memory: base.memory, stateDirectory: "/state",
            random: base.random)
        var random = SeededRandom(seed: seed &+ 1000)
        let sink = try KafkaSink(
            makeSinkConfiguration(["deliveryTimeoutMilliseconds": "4000", "window": "4"]), environment)
        sink.start { _ in }
        fixture.settle(.milliseconds(1))

        // A channel: what is given back is offered again, cut in two at some place.
        var waiting: [EventBatch] = [], open: [UInt64: EventBatch] = [:], first: UInt64 = 0, nextID: UInt64 = 0, total = 0
        for _ in 0..<30 {
            let count = Int.random(in: 1...20, using: &random)
            waiting.append(makeBatch(count, from: first))
            first += UInt64(count)
            total += count
        }
        var early: [String] = [], givenBack = 0
        func deadLetters() -> Set<String> {
            var events: Set<String> = []
            for file in fixture.files.memoryDisk("/state").contents.values {
                for line in file.lines {
                    let number = line.split(separator: "\"sequence\":")[1].split(separator: ",")[0]
                    events.insert("event \(number)")
                }
            }
            return events
        }
        fixture.takes.settled = { id, outcome in
            let batch = open.removeValue(forKey: id)!
            switch outcome {
            case .delivered:
                let dead = deadLetters()
                batch.forEach { _, event in
                    let body = event.body.text
                    if broker.confirmed[body] != 1 && !(isPoison(body) && dead.contains(body)) { early.append(body) }
                }
            default:
                givenBack += 1
                let cut = Int.random(in: 0...batch.count, using: &random)
                if cut == 0 || cut == batch.count {
                    waiting.insert(batch, at: 0)
                } else {
                    waiting.insert(contentsOf: [batch.part(0..<cut), batch.part(cut..<batch.count)], at: 0)
                }
            }
        }
        func offer() {
            while sink.openSlots > 0, !waiting.isEmpty {
                nextID += 1
                let batch = waiting.removeFirst()
                open[nextID] = batch
                sink.deliver(fixture.takes.take(batch, nextID))
            }
        }
        for round in 0..<400 where !(waiting.isEmpty && open.isEmpty) {
            offer()
            #expect(open.count <= 4)
            fixture.files.failure = round < 200 && broker.chance(15) ? TailraceError(code: "file.io", message: "no") : nil
            broker.isCalm = round >= 200
            fixture.settle(.milliseconds(200))
        }
        #expect(waiting.isEmpty && open.isEmpty, "seed \(seed): not all is delivered")
        #expect(early.isEmpty, "seed \(seed): settled before it was confirmed: \(early)")
        #expect(broker.sentAgain.isEmpty, "seed \(seed): sent again: \(broker.sentAgain)")
        let dead = deadLetters()
        for number in 0..<total {
            let body = "event \(number)"
            #expect(isPoison(body) ? dead.contains(body) : broker.confirmed[body] == 1, "seed \(seed): \(body)")
        }
        var isStopped = false
        sink.stop(by: fixture.world.now + .seconds(1)) { isStopped = true }
        fixture.settle(.seconds(2))
        #expect(isStopped)
    }
}
