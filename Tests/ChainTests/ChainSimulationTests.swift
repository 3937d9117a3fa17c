import TailraceScenarios
import Testing

/// Whole chains from a seed: lost and delayed bytes, reset connections, agents killed, drained and stopped, machines that lose
/// power, disks that fail, fill up and stall, a broker that fails.
@Suite struct ChainSimulationTests {
    typealias Chain = ChainScenario.Chain

    /// Nothing that was answered as safe is missing, no line is missing, nothing is invented, no number has two lines, what comes
    /// twice is counted, bounds hold, and once the trouble is over everything arrives.
    @Test(arguments: blocks)
    func nothingSafeIsMissing(block: Block) {
        for seed in block.seeds {
            let report = ChainScenario(block.chain, seed: seed).run()
            #expect(report.isCorrect, "\(block.chain): \(report)")
        }
    }
    struct Block: Sendable, CustomTestStringConvertible {
        var chain: Chain
        var seeds: Range<UInt64>
        var testDescription: String { "\(chain.rawValue) \(seeds)" }
    }
    /// How many seeds of each chain: a thousand in all.
    private static let seedCounts: [(Chain, UInt64)] = [
        (.file, 450), (.spillable, 100), (.memory, 50), (.fileEdge, 100), (.fileAggregator, 100), (.both, 100), (.kafka, 100),
        (.restored, 50),
    ]
    private static let blocks: [Block] = seedCounts.flatMap { chain, count in
        stride(from: 0, to: count, by: 50).map { Block(chain: chain, seeds: $0..<min($0 + 50, count)) }
    }

    /// Seeds that failed once. kafka 60: out of the group while its disk stalled, an edge began again before what it had on the way
    /// to its channel was there, and read it twice.
    @Test(arguments: [(Chain.kafka, 60)] as [(Chain, UInt64)])
    func failedOnce(chain: Chain, seed: UInt64) {
        let report = ChainScenario(chain, seed: seed).run()
        #expect(report.isCorrect, "\(chain): \(report)")
    }

    /// Nothing fails: nothing comes twice, and with one aggregator at work each partition has each stream in order.
    @Test(arguments: Chain.allCases)
    func whereNothingFailsNothingComesTwice(chain: Chain) {
        for seed in 0..<8 as Range<UInt64> {
            var shape = chain.shape(seed: seed)
            (shape.isCalm, shape.restoresBackup, shape.edges) = (true, false, 1)
            let report = ChainScenario(seed: seed, shape).run()
            #expect(report.isCorrect, "\(chain): \(report)")
        }
    }

    @Test(arguments: Chain.allCases)
    func theSameSeedGivesTheSameTranscript(chain: Chain) {
        for seed in [1, 2, 3, 7, 11] as [UInt64] {
            let first = ChainScenario(chain, seed: seed).run(), second = ChainScenario(chain, seed: seed).run()
            #expect(first.description == second.description)
            let other = ChainScenario(seed: seed + 1000, chain.shape(seed: seed)).run()
            #expect(first.transcript != other.transcript)
        }
    }

    /// The planted bug: an aggregator that acknowledges before it is safe loses what a crash finds in its channel.
    @Test func acknowledgingBeforeSafeIsCaught() {
        var caught = 0
        for seed in 0..<50 as Range<UInt64> {
            var shape = Chain.memory.shape(seed: seed)
            shape.acknowledge = "committed"
            if !ChainScenario(seed: seed, shape).run().missingSafe.isEmpty { caught += 1 }
        }
        #expect(caught > 0)
    }

    /// The other one: a file channel that answers before what it wrote is on the platter (here the disks lie about it).
    @Test func answeringBeforeTheSyncIsCaught() {
        var caught = 0
        for seed in 0..<50 as Range<UInt64> {
            var shape = Chain.file.shape(seed: seed)
            shape.disksLie = true
            if !ChainScenario(seed: seed, shape).run().missingSafe.isEmpty { caught += 1 }
        }
        #expect(caught > 0)
    }
}
