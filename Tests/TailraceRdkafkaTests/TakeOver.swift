import TailraceCore
import Testing

/// Two consumers of one group on topic "t" of four partitions: the second comes, then goes. Each record is read, and none
/// again that was committed.
func takeOver(_ world: KafkaWorld, _ strategy: String, commitsMayFail: Bool) async throws {
    let producer = try world.makeProducer()
    func send(_ numbers: Range<Int>) async {
        var records = RecordSet(makeBatch(numbers), topic: .all("t"))
        records.partition = .each(numbers.map { Int32($0 % 4) })
        #expect(await world.deliver(records, by: producer)?.confirmedCount == numbers.count)
    }
    await send(0..<400)
    let settings = ["partition.assignment.strategy": strategy]
    let first = TestOwner(), one = try world.makeConsumer(first, group: "g", settings)
    var refused = 0
    first.beforeRevocation = { partitions, mayCommit, done in
        guard mayCommit else { return done() }
        one.commit(first.positions(of: partitions)) { result in
            if case .failure = result { refused += 1 }
            done()
        }
    }
    try one.subscribe(["t"], pattern: nil)
    #expect(await world.loop.run { first.events == 400 })
    let second = TestOwner(), two = try world.makeConsumer(second, group: "g", settings)
    try two.subscribe(["t"], pattern: nil)
    #expect(await world.loop.run { second.assigned.count == 2 && first.assigned.count == 2 })
    #expect(first.assigned.isDisjoint(with: second.assigned))

    await send(400..<800)
    #expect(await world.loop.run { Set((first.bodies + second.bodies).map(\.text)).count == 800 })
    #expect(commitsMayFail || refused == 0)
    if refused == 0 { #expect(first.events + second.events == 800) }

    // The second one goes: the first gets its partitions back, behind what the second committed.
    var commits = 0
    two.commit(second.positions(of: second.assigned)) { result in
        if case .success = result { commits += 1 }
    }
    #expect(await world.loop.run { commits == 1 })
    let before = first.events
    #expect(await world.close(two))
    #expect(await world.loop.run { first.assigned.count == 4 })
    await send(800..<1200)
    #expect(await world.loop.run { Set((first.bodies + second.bodies).map(\.text)).count == 1200 })
    if refused == 0 { #expect(first.events - before == 400) }
    #expect(first.failures.isEmpty && second.failures.isEmpty)
    #expect(await world.close(one))
    #expect(await world.close(producer))
}
