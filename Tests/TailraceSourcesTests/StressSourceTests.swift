import TailraceCore
import TailraceSimulation
import TailraceSources
import Testing

@Suite struct StressSourceTests {
    private func start(_ bench: SourceBench, _ change: (inout StressSourceConfiguration) -> Void) throws {
        var configuration = StressSourceConfiguration()
        change(&configuration)
        _ = bench.start(try StressSource(configuration, bench.output, bench.environment))
    }

    @Test func eventsOfOneSizeUpToTheTotal() throws {
        let bench = try SourceBench()
        try start(bench) { ($0.size, $0.batchSize, $0.maxTotalEvents) = (7, 10, 25) }
        bench.world.run(for: .seconds(10))
        let batches = bench.takeAll()
        #expect(batches.map(\.count) == [10, 10, 5])
        #expect(batches.allSatisfy { Array($0[0].body) == [UInt8](repeating: 127, count: 7) })
    }

    @Test func itEndsWhenEnoughAreSafe() throws {
        let bench = try SourceBench(capacity: 50, acknowledge: .delivered)
        try start(bench) { ($0.batchSize, $0.maxSuccessfulEvents) = (10, 175) }
        var count = 0
        for _ in 0..<20 {
            bench.world.run(for: .seconds(1))
            count += bench.takeAll().reduce(0) { $0 + $1.count }
        }
        #expect(count == 175)
    }

    @Test func aRate() throws {
        let bench = try SourceBench(capacity: 100_000)
        try start(bench) { ($0.size, $0.batchSize, $0.maxEventsPerSecond) = (1, 10, 1000) }
        bench.world.run(for: .seconds(10))
        #expect((9_900...10_100).contains(bench.takeAll().reduce(0) { $0 + $1.count }))
    }
}
