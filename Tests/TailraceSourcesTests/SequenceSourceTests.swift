import TailraceChannels
import TailraceCore
import TailraceSimulation
import TailraceSources
import Testing

@Suite struct SequenceSourceTests {
    @Test func itCountsAndWaitsForRoom() throws {
        let bench = try SourceBench(capacity: 20)
        var configuration = SequenceSourceConfiguration()
        configuration.batchSize = 7
        configuration.totalEvents = 100
        let source = try SequenceSource(configuration, bench.output, bench.environment)
        _ = bench.start(source)
        var events: [String] = []
        for _ in 0..<20 {
            bench.world.run(for: .seconds(1))
            #expect(bench.channel.held.events <= 20)
            events += bench.delivered()
        }
        #expect(events == (0..<100).map(String.init))
        #expect(bench.output.streams.map(\.submitted) == [100])
        #expect(bench.output.streams.map(\.safe) == [100])
    }
}
