import Testing
import TailraceCore
import TailraceSimulation

@testable import TailraceChannels

/// Segments that were read are written over again.
@Suite struct SpareSegmentsTests {
    private let bench = FileBench { $0.maxFileSize = 4096 }
    private var spares: [String] { bench.host.files.names(FileBench.data).filter { $0.hasPrefix("spare-") } }

    private func storeAndDeliver(_ numbers: Range<UInt64>) throws {
        for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 10) {
            try #require(bench.store(numbered(start..<start + 10, bytes: 100))).get()
            bench.channel.take(upTo: .unlimited)?.settle(.delivered)
        }
        bench.world.run(for: .seconds(3))
    }

    @Test func segmentsThatWereReadAreUsedAgain() throws {
        #expect(try bench.start())
        try storeAndDeliver(0..<1000)
        let last = try #require(bench.segments.last)
        #expect(FileFormat.segment(named: last)! > 20)
        #expect(bench.segments.count + spares.count <= 2 + SpareSegments.limit)
        #expect(!spares.isEmpty)
        // The next life finds them, and nothing in them.
        bench.crash()
        #expect(try bench.start())
        #expect(bench.drain().isEmpty)
        try storeAndDeliver(1000..<2000)
        #expect(bench.segments.count + spares.count <= 2 + SpareSegments.limit)
        bench.stop()
    }

    /// What stood there before is not read, wherever the power fails: the crash model, with old bytes behind each group.
    @Test func oldBytesBehindTheEndAreNoDamage() throws {
        #expect(try bench.start())
        try storeAndDeliver(0..<1000)
        bench.store(numbered(1000..<1010, bytes: 100))
        bench.crash()
        #expect(try bench.start())
        #expect(bench.log(.error).isEmpty)
        #expect(numbers(bench.drain()) == Array(1000..<1010))
        bench.stop()
    }

    @Test func aSegmentWhoseSyncFailedIsNeverUsedAgain() throws {
        #expect(try bench.start())
        bench.store(numbered(0..<5, bytes: 100))
        let name = try #require(bench.segments.first)
        bench.world.faults.syncError = 1
        bench.store(numbered(5..<10, bytes: 100))
        bench.world.faults = .calm
        bench.world.run(for: .seconds(10))
        _ = bench.drain()
        try storeAndDeliver(10..<20)
        #expect(!bench.segments.contains(name))
        #expect(!spares.contains(FileFormat.name(ofSpare: FileFormat.segment(named: name)!)))
        bench.stop()
    }
}
