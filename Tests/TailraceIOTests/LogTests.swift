import Glibc
import TailraceCore
import Testing

@testable import TailraceIO

@Suite struct LogTests {
    @Test func aLineHasTimeLevelComponentAndText() throws {
        let directory = try TemporaryDirectory()
        let time = WallTime(milliseconds: 1_795_525_515_007)
        let log = try StandardLog(.info, appendingTo: directory.file("log"), clock: { time })
        log.write(
            .debug, "edge",
            {
                Issue.record("the text of an entry that is not written is not made"); return ""
            }())
        log.write(.info, "edge.sinks.k1", "connected to 127.0.0.1:4545")
        log.write(.warning, "edge", "a\nb\u{1B}[31m\tc\u{7F} é")
        let lines = try #require(contents(directory.file("log"))).split(separator: "\n")
        try #require(lines.count == 2)
        #expect(lines[0].hasSuffix(".007 INFO edge.sinks.k1 - connected to 127.0.0.1:4545"))
        #expect(lines[1].hasSuffix(#" WARN edge - a\nb\x1b[31m\tc\x7f é"#))
        let stamp = String(lines[0].prefix(23))
        #expect(stamp.wholeMatch(of: /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}/) != nil, "\(stamp)")
    }

    @Test func aMovedFileIsLeftAfterReopening() throws {
        let directory = try TemporaryDirectory()
        let log = try StandardLog(.info, appendingTo: directory.file("log"))
        log.write(.error, "a", "one")
        rename(directory.file("log"), directory.file("log.1"))
        log.write(.error, "a", "two")
        try log.reopen()
        log.write(.error, "a", "three")
        #expect(contents(directory.file("log.1"))?.split(separator: "\n").count == 2)
        #expect(contents(directory.file("log"))?.hasSuffix("ERROR a - three\n") == true)
    }

    @Test func whatCannotBeWrittenIsCounted() throws {
        let log = try StandardLog(.info, appendingTo: "/dev/full")
        log.write(.info, "a", "lost")
        #expect(log.lostCount == 1)
        let error = #expect(throws: TailraceError.self) { try StandardLog(appendingTo: "/tmp/tailrace-none/log") }
        #expect(error?.code == "file.missing")
        #expect(error?.message == "cannot open the log /tmp/tailrace-none/log: No such file or directory")
    }
}

@Suite struct BudgetTests {
    @Test func nobodyOvertakesTheLine() throws {
        let loop = try EpollLoop()
        let memory = BudgetedMemory(100, loop)
        let order = Note<String>()
        #expect(memory.reserve(60) {})
        func want(_ name: String, _ bytes: Int) {
            if memory.reserve(bytes, { want(name, bytes) }) { order.values.append(name) }
        }
        want("large", 80)
        want("small", 10)  // would fit, but the other came first
        loop.turn(waitingAtMost: .milliseconds(1))
        #expect(order.values.isEmpty)
        #expect(memory.refusals == 2)
        memory.giveBack(60)
        #expect(order.values.isEmpty, "told in a later turn")
        loop.run(until: { order.values == ["large", "small"] })
        #expect(memory.used == 90)
    }

    @Test func moreThanTheWholeBudgetIsGrantedAlone() throws {
        let memory = BudgetedMemory(100, try EpollLoop())
        #expect(memory.reserve(1000) {})
        #expect(!memory.reserve(1) {})
    }

    @Test func oneThatIsToldAndWantsNothingMoreLetsTheNextGo() throws {
        let loop = try EpollLoop()
        let memory = BudgetedMemory(10, loop)
        let told = Note<String>()
        #expect(memory.reserve(10) {})
        #expect(!memory.reserve(5) { told.values.append("gone") })
        #expect(!memory.reserve(5) { told.values.append("next") })
        memory.giveBack(10)
        loop.run(until: { told.values == ["gone", "next"] })
    }

    /// Buffers are freed anywhere; no wake-up is lost.
    @Test func bytesComeBackFromOtherThreads() throws {
        let loop = try EpollLoop()
        let memory = BudgetedMemory(1000, loop)
        let frames = BlockingQueue<Bytes>()
        defer { frames.finish() }
        for _ in 0..<3 {
            startThread("freeing") {
                while true {
                    let taken = frames.takeAll()  // freed at the end of the turn
                    guard !taken.isEmpty else { return }
                }
            }
        }
        let count = Note<Int>()
        func next() {
            while count.values.count < 20_000 {
                let bytes = 100 + count.values.count % 400
                guard memory.reserve(bytes, next) else { return }
                count.values.append(bytes)
                var builder = BufferBuilder(capacity: bytes)
                builder.append(Array(repeating: UInt8(0), count: bytes))
                frames.put(builder.finish(released: memory.returned))
            }
        }
        next()
        loop.run(until: { count.values.count == 20_000 })
        loop.run(until: { memory.used == 0 })
    }
}

@Suite struct MetricsTests {
    @Test func aSnapshotIsSorted() {
        let metrics = MetricsRegistry()
        metrics.counter("b_total", "x").add(2)
        metrics.counter("b_total", "x").add(3)
        metrics.gauge("a", "x") { 7 }
        metrics.gauge("a", "x") { 8 }
        metrics.counter("z_total", "w").add(1)
        #expect(metrics.snapshot().map { "\($0.component).\($0.name)=\($0.value)" } == ["w.z_total=1", "x.a=8", "x.b_total=5"])
        metrics.forget("x")
        #expect(metrics.snapshot().count == 1)
    }
}

@Suite struct SetupTests {
    @Test func theDescriptorLimitIsRaised() throws {
        let limit = try raiseDescriptorLimit()
        #expect(limit >= 256)
        #expect(try raiseDescriptorLimit() == limit)
    }

    @Test func seedsDiffer() { #expect(randomSeed() != randomSeed()) }

    @Test func wallTimeAndLoopTime() throws {
        let loop = try EpollLoop()
        #expect(loop.wallTime.milliseconds > 1_700_000_000_000)
        #expect(loop.now <= SystemClock.now())
    }
}
