import TailraceChannels
import TailraceCore
import TailraceSimulation
import Testing

@Suite struct FileChannelTests {
    @Test func whatWasPutIsTakenInOrder() throws {
        let bench = FileBench()
        #expect(try bench.start())
        for start in stride(from: UInt64(0), to: 100, by: 10) {
            #expect(bench.put(numbered(start..<start + 10)))
        }
        #expect(numbers(bench.drain(BatchSize(events: 7, bytes: .max))) == Array(0..<100))
        #expect(bench.channel.held == .zero)
    }

    @Test(arguments: [true, false]) func aCrashLosesNothingThatWasAnswered(losingPower: Bool) throws {
        let bench = FileBench()
        #expect(try bench.start())
        for start in stride(from: UInt64(0), to: 50, by: 10) {
            #expect(throws: Never.self) { try bench.store(numbered(start..<start + 10))?.get() }
        }
        bench.crash(losingPower: losingPower)
        #expect(try bench.start())
        #expect(bench.channel.held.events == 50)
        let batches = bench.drain()
        #expect(numbers(batches) == Array(0..<50))
        #expect(batches[0][0].header("host").map { Array($0) } == Array("edge-1".utf8))
        #expect(Array(batches[0][3].body) == Array("3xxxx".utf8))
    }

    @Test func afterAnOrderlyStopNothingComesTwice() throws {
        let bench = FileBench()
        #expect(try bench.start())
        bench.store(numbered(0..<10))
        let take = bench.channel.take(upTo: BatchSize(events: 4, bytes: .max))!
        take.settle(.delivered)
        bench.stop()
        #expect(try bench.start())
        #expect(bench.channel.held.events == 6)
        #expect(numbers(bench.drain()) == Array(4..<10))
        bench.stop()
        #expect(try bench.start())
        #expect(bench.drain().isEmpty)
    }

    @Test func aBacklogLargerThanMemoryIsReadBackInOrder() throws {
        let bench = FileBench {
            $0.memoryBytes = 4096
            $0.patienceMilliseconds = 0
            $0.maxFileSize = 16 << 10
        }
        #expect(try bench.start())
        for start in stride(from: UInt64(0), to: 1000, by: 10) {
            #expect(throws: Never.self) { try bench.store(numbered(start..<start + 10, bytes: 100))?.get() }
        }
        #expect(bench.segments.count > 5)
        #expect(numbers(bench.drain(BatchSize(events: 30, bytes: .max))) == Array(0..<1000))
        bench.world.run(for: .seconds(5))
        #expect(bench.segments.count <= 3)
    }
}
