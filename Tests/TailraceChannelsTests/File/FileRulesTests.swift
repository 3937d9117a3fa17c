import TailraceCore
import TailraceSimulation
import TailraceWire
import Testing

@testable import TailraceChannels

/// What the channel remembers of numbers, and whose directory it takes.
@Suite struct FileRulesTests {
    private func isKnown(_ bench: FileBench, _ range: Range<UInt64>, stream: UInt64 = 7) -> Bool {
        bench.channel.put(numbered(range, stream: stream), nil)?.isDuplicate ?? false
    }

    @Test func aQuietStreamIsForgottenAfterItsTime() throws {
        let bench = FileBench { $0.rememberSeconds = 60 }
        #expect(try bench.start())
        bench.store(numbered(0..<5, stream: 1))
        bench.world.run(for: .seconds(50))
        bench.host.loop.enqueue {}  // a turn, which has the time of now
        bench.world.run(for: .milliseconds(1))
        bench.store(numbered(0..<5, stream: 2))
        bench.world.run(for: .seconds(20))
        bench.stop()
        #expect(try bench.start())
        #expect(!isKnown(bench, 0..<5, stream: 1) && isKnown(bench, 0..<5, stream: 2))
        #expect(bench.host.metrics.value("forgotten_number_runs", FileBench.name) == 1)
    }

    /// A resend of it is stored twice then; that it can be is counted.
    @Test func atTheLimitTheOldestRunIsForgottenAndCounted() throws {
        let bench = FileBench()
        #expect(try bench.start())
        for run in 0...UInt64(Limits.runsPerStream) { bench.store(numbered(run * 10..<run * 10 + 5)) }
        #expect(bench.host.metrics.value("forgotten_number_runs", FileBench.name) == 1)
        #expect(!isKnown(bench, 0..<5) && isKnown(bench, 10..<15))
        bench.store(numbered(0..<5))
        #expect(numbers(bench.drain()).count { $0 < 5 } == 10)
    }

    @Test func gapsAndRolledBackPutsAreNotHeld() throws {
        let bench = FileBench()
        #expect(try bench.start())
        bench.store(numbered(0..<10).keeping([0..<3, 6..<10]))
        bench.channel.put(numbered(20..<25), nil)!.rollback()
        bench.crash()
        #expect(try bench.start())
        #expect(isKnown(bench, 0..<3) && !isKnown(bench, 3..<6) && isKnown(bench, 6..<10) && !isKnown(bench, 20..<25))
    }

    @Test func aSecondChannelOfTheProcessIsRefused() throws {
        let bench = FileBench()
        #expect(try bench.start())
        let first = bench.channel
        #expect(try !bench.start())
        #expect(bench.startError?.code == "disk.locked" && bench.startError?.component == FileBench.name)
        bench.channel = first
        bench.stop()
        #expect(try bench.start())
    }

    @Test func aNewerFormatIsRefusedAndLeftAlone() throws {
        let bench = FileBench(), path = FileBench.data + "/segment-0000000000000001"
        #expect(try bench.start())
        bench.store(numbered(0..<5))
        bench.stop()
        var newer = BufferBuilder(capacity: 0)
        newer.append(bench.host.files.read(path)!)
        newer.store(FileFormat.version + 1, at: 8)
        newer.store(UInt32(0), at: 12)
        newer.store(crc32c(UnsafeRawBufferPointer(rebasing: newer.bytes.prefix(SegmentPrologue.byteCount))), at: 12)
        let bytes = Array(newer.finish())
        bench.host.files.write(path, bytes)
        #expect(try !bench.start())
        #expect(bench.startError?.code == "channel.newer-format")
        #expect(bench.startError?.message.contains("has format \(FileFormat.version + 1)") == true)
        #expect(bench.host.files.read(path) == bytes)
    }

    @Test(arguments: [(1, 1), (100, 100), (10_000, 10_000), (1_000_000, 10_000)])
    func transactionCapacityFollowsASmallCapacity(capacity: Int, largest: Int) {
        var configuration = FileChannelConfiguration()
        configuration.capacity = capacity
        #expect(configuration.largestPutEvents == largest && configuration.problems().isEmpty)
        configuration.transactionCapacity = capacity + 1
        #expect(configuration.problems().map(\.key) == ["transactionCapacity"])
    }
}
