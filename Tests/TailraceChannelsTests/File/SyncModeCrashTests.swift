import TailraceChannels
import TailraceCore
import TailraceSimulation
import Testing

/// In the modes that answer before the sync, a loss of power costs what is documented, and no number is given twice.
@Suite struct SyncModeCrashTests {
    private static let interval = 200

    private func bench(_ seed: UInt64, _ mode: SyncMode, directories: [String]) -> FileBench {
        FileBench(seed: seed) {
            ($0.syncMode, $0.syncIntervalMilliseconds, $0.maxFileSize) = (mode, Self.interval, 8192)
            $0.dataDirectories = directories
        }
    }
    private struct Answer {
        var name: String
        var time: Instant
        var bytes: Int
    }

    @Test(arguments: [SyncMode.interval, .never], 0..<60 as Range<UInt64>)
    func aLossOfPowerCostsWhatIsDocumented(mode: SyncMode, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let bench = bench(seed, mode, directories: seed % 3 == 0 ? ["/d1", "/d2", "/d3"] : [])
        var answers: [Answer] = [], bodies: [String: String] = [:], line = 0, streams: Set<StreamID> = []
        for _ in 0..<3 {
            #expect(try bench.start())
            let stream = bench.channel.origin(of: "s").stream
            #expect(streams.insert(stream).inserted)
            answers = []
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                let name = "line \(line) "
                line += 1
                var builder = EventBatchBuilder()
                builder.append(Array(name.utf8) + Array(repeating: 0x2E, count: Int.random(in: 0...800, using: &random)))
                let origin = bench.channel.origin(of: "s")
                let batch = builder.finish().numbered(origin.stream, from: origin.next)
                #expect(bodies.updateValue(name, forKey: "\(origin.stream) \(origin.next)") == nil)
                #expect(throws: Never.self) { try bench.store(batch)?.get() }
                answers.append(Answer(name: name, time: bench.world.now, bytes: batch.size.bytes))
                bench.world.run(for: .milliseconds(Int64.random(in: 0...60, using: &random)))
            }
            let crash = bench.world.now
            bench.crash()
            #expect(try bench.start())
            let read = bench.drain().flatMap { batch -> [String] in
                #expect(bodies["\(batch.identity!.stream) \(batch.identity!.span.lowerBound)"] == name(batch))
                return [name(batch)]
            }
            #expect(read == Array(answers.map(\.name).prefix(read.count)), "not a prefix")
            let lost = answers.dropFirst(read.count)
            if mode == .interval, let oldest = lost.first {
                // The interval, a sync that ran when it came, and the sync itself.
                #expect(crash - oldest.time <= .milliseconds(Self.interval + 100))
            }
            #expect(lost.reduce(0) { $0 + $1.bytes } <= 8192)
            bench.stop()
        }
    }
    private func name(_ batch: EventBatch) -> String {
        String(decoding: batch[0].body, as: UTF8.self).filter { $0 != "." }
    }

    /// kill -9 costs nothing: the kernel has what was written.
    @Test(arguments: [SyncMode.interval, .never]) func aKilledProcessCostsNothing(mode: SyncMode) throws {
        let bench = bench(1, mode, directories: ["/d1", "/d2"])
        #expect(try bench.start())
        for start in stride(from: UInt64(0), to: 100, by: 5) {
            #expect(throws: Never.self) { try bench.store(numbered(start..<start + 5, bytes: 150))?.get() }
        }
        bench.crash(losingPower: false)
        #expect(try bench.start())
        #expect(numbers(bench.drain()) == Array(0..<100))
    }
}
