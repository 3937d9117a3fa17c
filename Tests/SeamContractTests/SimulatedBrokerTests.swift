import TailraceCore
import TailraceSimulation
import Testing

/// What only a simulated broker has: faults by the seed, cuts, crashes, rebalances at will.
@Suite struct SimulatedBrokerTests {
    private let topic = "t"
    private func partition(_ number: Int32) -> TopicPartition { TopicPartition(topic: topic, partition: number) }

    private struct Setup {
        let world: SimulatedWorld
        let host: SimulatedHost
        let producer: any ProducerClient
    }
    private func setup(_ seed: UInt64, _ settings: [String: String] = ["message.timeout.ms": "0"]) throws -> Setup {
        let world = SimulatedWorld(seed: seed), host = world.makeHost("edge")
        world.broker.createTopic(topic, partitions: 3)
        let producer = try host.makeEnvironment(component: "k").broker.makeProducer(settings) { _ in }
        return Setup(world: world, host: host, producer: producer)
    }
    private func values(_ world: SimulatedWorld) -> [Int] { world.broker.records(topic).map { Int($0.value.text)! } }

    /// Confirmed events are there; what is retriable is there or not; sent again until confirmed, all is there at least once.
    @Test(arguments: 0..<30 as Range<UInt64>) func errorsAreHonest(_ seed: UInt64) throws {
        let setup = try setup(seed), world = setup.world
        world.faults.brokerError = 0.3
        var confirmed: Set<Int> = []
        func answered(_ range: Range<Int>, _ result: ProduceResult) {
            for run in result.confirmed { confirmed.formUnion(run.map { range.lowerBound + $0 }) }
            let counts = result.confirmed.map(\.count) + result.retriable.map(\.events.count)
            #expect(counts.reduce(0, +) == range.count && result.rejected.isEmpty)
            for failure in result.retriable {
                send(range.lowerBound + failure.events.lowerBound..<range.lowerBound + failure.events.upperBound)
            }
        }
        func send(_ range: Range<Int>) {
            let isAccepted = setup.producer.produce(RecordSet(numbers(range), topic: .all(topic))) { answered(range, $0) }
            #expect(isAccepted)
        }
        for start in stride(from: 0, to: 200, by: 20) { send(start..<start + 20) }
        #expect(world.run { confirmed.count < 200 })
        #expect(Set(values(world)) == Set(0..<200))
    }

    @Test func aPartitionWithoutALeaderWaits() throws {
        let setup = try setup(1), world = setup.world
        world.broker.setLeader(of: partition(1), false)
        var set = RecordSet(numbers(0..<2), topic: .all(topic)), done = false
        set.partition = .each([0, 1])
        #expect(setup.producer.produce(set) { done = $0.confirmed == [0..<2] })
        world.run(for: .seconds(60))
        #expect(!done && values(world) == [0])
        var leaders: [Bool] = []
        setup.producer.partitions(of: topic) { if case .success(let some) = $0 { leaders = some } }
        #expect(world.run { leaders.isEmpty })
        #expect(leaders == [true, false, true])
        // Events that may go anywhere go where they can.
        var others = 0
        for _ in 0..<20 { #expect(setup.producer.produce(RecordSet(numbers(5..<6), topic: .all(topic))) { _ in others += 1 }) }
        #expect(world.run { others < 20 })
        world.broker.setLeader(of: partition(1), true)
        #expect(world.run { !done })
    }

    @Test func timeOutsAndCuts() throws {
        let setup = try setup(2, ["message.timeout.ms": "5000"]), world = setup.world
        world.setBrokerReachable(false, from: setup.host)
        var result: ProduceResult?
        #expect(setup.producer.produce(RecordSet(numbers(0..<3), topic: .all(topic))) { result = $0 })
        #expect(world.run { result == nil })
        #expect(result?.retriable.map(\.events) == [0..<3] && result?.retriable.first?.error.code == "kafka.undelivered")
        var flushed: Result<Void, TailraceError>?
        #expect(setup.producer.produce(RecordSet(numbers(3..<5), topic: .all(topic))) { _ in })
        setup.producer.flush(by: world.now + .seconds(1)) { flushed = $0 }
        #expect(world.run { flushed == nil })
        guard case .failure(let error)? = flushed else { throw TestFailure(text: "flushed") }
        #expect(error.code == "kafka.flush" && error.message.contains("1 batches"))
        world.setBrokerReachable(true, from: setup.host)
        #expect(world.run { values(world).isEmpty })
    }

    @Test func tooLargeAndFatal() throws {
        let world = SimulatedWorld(seed: 3), host = world.makeHost("edge")
        var failures: [TailraceError] = [], results: [ProduceResult] = []
        let producer = try host.makeEnvironment(component: "k").broker.makeProducer([:]) { failures.append($0) }
        world.broker.largestRecord = 2
        #expect(producer.produce(RecordSet(numbers(98..<102), topic: .all(topic))) { results.append($0) })
        #expect(world.run { results.isEmpty })
        #expect(results[0].confirmed == [0..<2] && results[0].rejected.map(\.events) == [2..<4])
        #expect(results[0].rejected[0].error.message.contains("3 bytes"))
        world.faults.brokerFatal = 1
        world.broker.isUp = true
        #expect(producer.produce(RecordSet(numbers(0..<10), topic: .all(topic))) { results.append($0) })
        #expect(world.run { failures.isEmpty || results.count < 2 })
        #expect(failures.map(\.code) == ["kafka.fatal"])
        #expect(!producer.produce(RecordSet(numbers(0..<1), topic: .all(topic))) { _ in })
        let counted = results[1].confirmed.reduce(0) { $0 + $1.count } + results[1].retriable.reduce(0) { $0 + $1.events.count }
        #expect(counted == 10)
    }

    /// A crash between the write and the report: the record is there, and nobody was told.
    @Test func aCrashLeavesWhatWasSentThereOrNot() throws {
        var there = 0
        for seed in 0..<40 as Range<UInt64> {
            let setup = try setup(seed), world = setup.world
            #expect(setup.producer.produce(RecordSet(numbers(0..<1), topic: .all(topic))) { _ in })
            world.run(for: .milliseconds(4))
            setup.host.crash()
            world.run(for: .seconds(1))
            there += values(world).count
        }
        #expect((5...35).contains(there))
    }

    /// Two members share the partitions; when one goes or is silent too long, the other has all of them again.
    @Test func aGroupRebalances() throws {
        let world = SimulatedWorld(seed: 5)
        world.broker.createTopic(topic, partitions: 4)
        let hosts = ["a", "b"].map { world.makeHost($0) }
        func fixture(_ host: SimulatedHost) -> HostFixture { HostFixture(world, host) }
        let first = try Reader(fixture(hosts[0]), group: "g", pattern: "^t.*")
        #expect(world.run { first.assignments.isEmpty })
        #expect(first.assignments == [(0..<4).map(partition)])
        for number in 0..<100 { world.broker.append(topic, partition: Int32(number % 4), "\(number)") }
        #expect(world.run { first.count < 100 })

        first.answersRevocations = false
        let second = try Reader(fixture(hosts[1]), group: "g", topics: [topic])
        #expect(world.run { first.revocations.isEmpty })
        world.run(for: .seconds(10))
        #expect(second.assignments.isEmpty, "the group waits for `done`")
        world.run(for: .seconds(100))
        #expect(second.assignments.last?.count == 2, "who does not answer is out, and comes back")
        #expect(first.assignments.last?.count == 2)
        #expect(Set(first.assignments.last! + second.assignments.last!) == Set((0..<4).map(partition)))

        first.answersRevocations = true
        hosts[1].pause(for: .seconds(120))
        world.run(for: .seconds(60))
        #expect(first.assignments.last?.count == 4, "who is silent is out")
        hosts[0].crash()
        world.run(for: .seconds(200))
        #expect(second.assignments.last?.count == 4)
    }

    @Test func patterns() {
        let names = ["t", "tt", "a.t", "logs-1", "logs-22"]
        func matching(_ pattern: String) -> [String] { names.filter { NamePattern(pattern).matches($0) } }
        #expect(matching("^t$") == ["t"])
        #expect(matching("^t.*") == ["t", "tt"])
        #expect(matching("^logs-.$") == ["logs-1"])
        #expect(matching("^.*") == names)
    }
}

/// A host of a world as a fixture.
final class HostFixture: SeamFixture {
    private let world: SimulatedWorld
    let environment: Environment
    let directory = "/"
    var others: any OtherPrograms { fatalError("not for files") }
    var brokerSettings: [String: String] { [:] }
    init(_ world: SimulatedWorld, _ host: SimulatedHost) {
        self.world = world
        environment = host.makeEnvironment(component: "reader")
    }
    func run(while condition: () -> Bool, limit: Duration) -> Bool { world.run(while: condition, limit: limit) }
    func end() {}
    func command(_ script: ChildScript) -> [String] { [] }
    func sendDatagram(_ bytes: [UInt8], from program: Int, to endpoint: Endpoint) { fatalError("not for datagrams") }
    func makeTopic(_ name: String, partitions: Int) { world.broker.createTopic(name, partitions: partitions) }
}
