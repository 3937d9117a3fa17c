import TailraceScenarios
import Testing

/// A spool directory at the edge of a chain with crashes: nothing is missing, and with file channels nothing is read twice.
struct SpoolChainTests {
    @Test(arguments: UInt64(0)..<8) func filesArrive(_ seed: UInt64) {
        var shape = ChainScenario.Shape()
        shape.source = .spool
        shape.edgeChannels = [seed % 2 == 0 ? .file : .memory]
        shape.aggregatorChannel = seed / 2 % 2 == 0 ? .memory : .file
        shape.group = seed / 4 % 2 == 0 ? .loadBalance : .failover
        let report = ChainScenario(seed: seed, shape).run()
        #expect(report.isCorrect, "\(report)")
        #expect(report.delivered >= 400)
    }
}
