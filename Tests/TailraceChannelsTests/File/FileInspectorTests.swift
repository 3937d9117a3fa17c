import TailraceChannels
import TailraceCore
import TailraceSimulation
import Testing

@Suite struct FileInspectorTests {
    private let directory = "/state/file-channel/edge.channels.c1"

    private func inspect(_ bench: FileBench, visit: ((EventBatch) -> Void)? = nil) throws -> ChannelReport {
        let files = bench.host.makeEnvironment(component: "inspector").files
        return try FileChannelInspector(files, [directory], visit: visit).inspect()
    }

    @Test func aLiveChannelIsReadWithoutBeingDisturbed() throws {
        let bench = FileBench { $0.maxFileSize = 4096 }
        #expect(try bench.start())
        for start in stride(from: UInt64(0), to: 60, by: 5) { bench.store(numbered(start..<start + 5, bytes: 150)) }
        let take = bench.channel.take(upTo: BatchSize(events: 3, bytes: .max))!
        take.settle(.delivered)
        bench.world.run(for: .seconds(2))
        var dumped: [UInt64] = []
        let report = try inspect(bench) { dumped += numbers([$0]) }
        #expect(report.problems == [])
        #expect(report.events == 60 && report.unreadEvents == 57)
        #expect(report.streams.map(\.runs) == [[0..<60]])
        #expect(dumped == Array(0..<60))
        #expect(report.text.contains("60 events in \(report.segments.count) segments, 57 not delivered"))
        #expect(report.json.contains("\"undelivered\":57"))
        #expect(numbers(bench.drain()) == Array(3..<60))
    }

    @Test(arguments: 0..<4) func everyFlippedBitIsFound(chunk: Int) throws {
        let bench = FileBench { $0.maxFileSize = 4096 }
        #expect(try bench.start())
        for start in [0, 5] as [UInt64] { bench.store(numbered(start..<start + 5)) }
        bench.stop()
        #expect(try inspect(bench).isGood)
        let path = FileBench.data + "/segment-0000000000000001", bytes = bench.host.files.read(path)!
        for place in stride(from: chunk, to: bytes.count, by: 4) {
            var changed = bytes
            changed[place] ^= 0x20
            bench.host.files.write(path, changed)
            let report = try inspect(bench)
            #expect(!report.isGood, "byte \(place)")
        }
        bench.host.files.write(path, bytes)
        #expect(try inspect(bench).isGood)
    }

    @Test func whatIsMissingIsNamed() throws {
        let bench = FileBench { $0.maxFileSize = 4096 }
        #expect(try bench.start())
        for start in stride(from: UInt64(0), to: 60, by: 5) { bench.store(numbered(start..<start + 5, bytes: 150)) }
        bench.stop()
        bench.host.files.remove(FileBench.data + "/" + bench.segments[1])
        #expect(try inspect(bench).problems.contains { $0.hasPrefix("segment 2 is missing") })
        let last = FileBench.data + "/segment-0000000000000004"  // behind it is only one that was opened ahead
        bench.host.files.truncate(last, to: 300)
        #expect(try inspect(bench).problems.contains { $0.contains("missing at the end of the log") })
        #expect(throws: TailraceError.self) {
            try FileChannelInspector(bench.host.makeEnvironment(component: "i").files, ["/state"])
        }
    }
}
