import TailraceCore
import TailraceSimulation
import TailraceSources
import Testing

/// `flume-observed` §3, "Lines": what is in the file, and what becomes of it.
struct TaildirLineTests {
    private func read(_ content: some Collection<UInt8>) throws -> [[UInt8]] {
        let bench = TaildirBench()
        bench.files.write("/logs/app.log", content)
        try bench.start()
        return bench.batches().flatMap { batch in
            var bodies: [[UInt8]] = []
            batch.forEach { _, event in bodies.append(Array(event.body)) }
            return bodies
        }
    }

    @Test func anEmptyLineIsAnEmptyEvent() throws {
        #expect(try read("one\n\ntwo\n".utf8).map { String(decoding: $0, as: UTF8.self) } == ["one", "", "two"])
    }

    @Test func exactlyOneCarriageReturnBeforeTheLineFeedIsRemoved() throws {
        #expect(try read("three\r\na\r\r\n".utf8) == [Array("three".utf8), Array("a\r".utf8)])
    }

    @Test func allBytesButTheLineFeedAreKept() throws {
        let all = (0...255).filter { $0 != 0x0A }.map { UInt8($0) } + [0x61]
        #expect(try read(all + [0x0A]) == [all])
    }

    /// Flume loses the CR.
    @Test(arguments: [8190, 8191, 8192, 262_143, 262_144, 262_145]) func aCarriageReturnAtAnyPlaceIsKept(_ count: Int) throws {
        let line = [UInt8](repeating: 0x61, count: count) + Array("\rbcd".utf8)
        #expect(try read(line + [0x0A]) == [line])
    }

    @Test(arguments: [5_000, 900_000, 3_000_000]) func aLongLineIsOneEvent(_ count: Int) throws {
        let line = [UInt8](repeating: 0x62, count: count)
        #expect(try read([0x61, 0x0A] + line + [0x0A, 0x63, 0x0A]) == [[0x61], line, [0x63]])
    }

    @Test func carriageReturnAndLineFeedMayComeApart() throws {
        let bench = TaildirBench()
        bench.files.write("/logs/app.log", "three\r")
        try bench.start()
        #expect(bench.lines(in: .seconds(3)) == [])
        bench.files.append("/logs/app.log", "\n")
        #expect(bench.lines() == ["three"])
    }

    @Test func theLastLineWaitsForItsEndHoweverLongItTakes() throws {
        let bench = TaildirBench { $0.idleTimeoutMilliseconds = 4_000 }
        bench.files.write("/logs/app.log", "one\nno newline")
        try bench.start()
        #expect(bench.lines(in: .seconds(300)) == ["one"])
        bench.stop()
        try bench.start()
        #expect(bench.lines() == [])
        bench.files.append("/logs/app.log", " rest\n")
        #expect(bench.lines() == ["no newline rest"])
    }

    /// A line that comes in small pieces costs no more than twice its length.
    @Test func aLongLineInPiecesIsReadOnceMoreAtItsEnd() throws {
        let bench = TaildirBench()
        bench.files.write("/logs/app.log", "x\n")
        try bench.start()
        #expect(bench.lines() == ["x"])
        let piece = [UInt8](repeating: 0x61, count: 10_000)
        for _ in 0..<100 {
            bench.files.append("/logs/app.log", piece)
            #expect(bench.lines(in: .milliseconds(100)) == [])
        }
        bench.files.append("/logs/app.log", "\nlast\n")
        #expect(bench.lines().map(\.count) == [1_000_000, 4])
    }

    @Test func aLineOverTheLimitIsCutCountedAndTold() throws {
        let bench = TaildirBench { $0.maxLineBytes = 10 }
        bench.files.write("/logs/app.log", "0123456789\n0123456789abc\nx\n")
        try bench.start()
        #expect(bench.lines() == ["0123456789", "0123456789", "abc", "x"])
        #expect(bench.host.metrics.counter("cut_lines_total", "edge.sources.r1").value == 1)
        #expect(bench.log.contains("longer than 10 bytes (maxLineBytes)"))
    }

    @Test func headersOfGroupFileAndOffset() throws {
        let bench = TaildirBench {
            $0.headers = ["g": [Header("env", "test")]]
            ($0.fileHeader, $0.byteOffsetHeader) = (true, true)
        }
        bench.files.write("/logs/app.log", "one\r\n\nthree\n")
        try bench.start()
        let batch = bench.batches()
        bench.files.append("/logs/app.log", "four\n")
        let next = bench.batches()
        #expect(batch.flatMap { $0.headers("byteoffset") } == ["0", "5", "6"])
        #expect(batch.flatMap { $0.headers("file") } == ["/logs/app.log", "/logs/app.log", "/logs/app.log"])
        #expect(batch.flatMap { $0.headers("env") } == ["test", "test", "test"])
        #expect(next.flatMap { $0.headers("byteoffset") } == ["12"])
    }

    @Test func batchesHaveAtMostSoManyEvents() throws {
        let bench = TaildirBench { $0.batchSize = 7 }
        let lines = (0..<1_000).map { "line \($0)" }
        bench.files.write("/logs/app.log", lines.map { $0 + "\n" }.joined())
        try bench.start()
        let batches = bench.batches(in: .seconds(3))
        #expect(batches.allSatisfy { $0.count <= 7 })
        #expect(batches.flatMap(\.bodies) == lines)
    }

    @Test func bodiesAreNotCopiedAndShareABlock() throws {
        let bench = TaildirBench()
        bench.files.write("/logs/app.log", String(repeating: "a line of the log\n", count: 5_000))
        try bench.start()
        let batches = bench.batches()
        #expect(batches.count == 1)
        #expect(batches[0].count == 5_000 && batches[0].storage.buffer.count == 90_000)
    }
}
