import TailraceChannels
import TailraceCore
import TailraceSimulation
import TailraceSources
import Testing

@Suite struct ExecSourceTests {
    private func make(_ bench: SourceBench, _ change: (inout ExecSourceConfiguration) -> Void = { _ in }) throws -> ExecSource {
        var configuration = ExecSourceConfiguration()
        configuration.command = "tail -F log"
        change(&configuration)
        return try ExecSource(configuration, bench.output, bench.environment)
    }

    @Test func eachLineIsAnEventAndTheLastOneNeedsNoEnd() throws {
        let bench = try SourceBench()
        bench.host.programs["tail"] = { child in
            child.print("one\n\ntw")
            child.print("o\r\nlast", after: .seconds(1))
            child.exit(0, after: .seconds(2))
        }
        #expect(throws: Never.self) { try bench.start(make(bench))?.get() }
        bench.world.run(for: .seconds(10))
        #expect(bench.delivered() == ["one", "", "two\r", "last"])
    }

    @Test func aBatchIsFullOrOldEnough() throws {
        let bench = try SourceBench()
        bench.host.programs["tail"] = { child in
            child.print("1\n2\n3\n4\n5\n")
        }
        _ = bench.start(
            try make(bench) {
                $0.batchSize = 2
                $0.batchTimeoutMilliseconds = 3000
            })
        bench.world.run(for: .seconds(1))
        #expect(bench.takeAll().map(\.bodies) == [["1", "2"], ["3", "4"]])
        bench.world.run(for: .seconds(1))
        #expect(bench.delivered() == [])
        bench.world.run(for: .seconds(2))
        #expect(bench.delivered() == ["5"])
    }

    @Test func theCommandIsSplitAtBlanksOrGivenToTheShell() throws {
        var configuration = ExecSourceConfiguration()
        configuration.command = "tail  -F 'a b'"
        #expect(configuration.arguments == ["tail", "-F", "'a", "b'"])
        configuration.shell = "/bin/sh -c"
        #expect(configuration.arguments == ["/bin/sh", "-c", "tail  -F 'a b'"])
    }

    @Test func itIsRunAgainAfterItsPause() throws {
        let bench = try SourceBench()
        var runs = 0
        bench.host.programs["tail"] = { child in
            runs += 1
            child.print("run \(runs)\n")
            child.exit(runs == 1 ? 3 : 0, after: .seconds(1))
        }
        _ = bench.start(
            try make(bench) {
                $0.restart = true
                $0.restartThrottleMilliseconds = 5000
            })
        bench.world.run(for: .seconds(4))
        #expect(runs == 1)
        bench.world.run(for: .seconds(4))
        #expect(runs == 2)
        #expect(bench.delivered() == ["run 1", "run 2"])
        #expect(bench.host.log.lines(containing: "status 3").count == 1)
    }

    @Test func withoutRestartItsEndIsTold() throws {
        let bench = try SourceBench()
        bench.host.programs["tail"] = { child in child.exit(143) }
        let source = try make(bench)
        _ = bench.start(source)
        bench.world.run(for: .seconds(60))
        guard case .degraded(let error) = source.health else { return #expect(Bool(false)) }
        #expect(error.code == "exec.ended")
        #expect(error.message == "the command ended with signal 15")
    }

    @Test func aMissingProgramEndsTheStart() throws {
        let bench = try SourceBench()
        guard case .failure(let error) = bench.start(try make(bench)) else { return #expect(Bool(false)) }
        #expect(error.code == "process.spawn")
        #expect(error.component == "edge.sources.r1")
    }

    /// A full channel: the pipe is not read, the command waits; afterwards everything comes, in order.
    @Test(arguments: (0..<20).map { UInt64($0) })
    func backPressure(seed: UInt64) throws {
        let bench = try SourceBench(seed: seed, capacity: 100)
        bench.host.programs["tail"] = { child in
            child.print((0..<20_000).map { "line \($0)\n" }.joined())
            child.exit(0)
        }
        _ = bench.start(try make(bench) { $0.batchTimeoutMilliseconds = 100 })
        var events: [String] = []
        for _ in 0..<2000 where events.count < 20_000 {
            bench.world.run(for: .milliseconds(200))
            #expect(bench.channel.held.events <= 100)
            events += bench.delivered()
        }
        #expect(events == (0..<20_000).map { "line \($0)" })
    }

    @Test func standardErrorGoesToTheLogIfWanted() throws {
        for isWanted in [true, false] {
            let bench = try SourceBench()
            bench.host.programs["tail"] = { child in child.printError("tail: cannot open\n") }
            _ = bench.start(try make(bench) { $0.logStdErr = isWanted })
            bench.world.run(for: .seconds(1))
            #expect(bench.host.log.lines(containing: "stderr: tail: cannot open").count == (isWanted ? 1 : 0))
        }
    }

    @Test func stopEndsTheCommandAndKeepsWhatItWrote() throws {
        let bench = try SourceBench()
        var signals: [Int32] = []
        bench.host.programs["tail"] = { child in
            child.print("before\n")
            child.signalled = { number in
                signals.append(number)
                child.print("goodbye\n")
                child.exit(0, after: .milliseconds(100))
            }
        }
        let source = try make(bench)
        _ = bench.start(source)
        bench.world.run(for: .milliseconds(500))
        var isStopped = false
        source.stop(by: bench.world.now + .seconds(5)) { isStopped = true }
        bench.world.run(while: { !isStopped })
        #expect(signals == [15])
        #expect(bench.delivered() == ["before", "goodbye"])
    }

    @Test func aCommandThatIgnoresItsSignalIsKilledAtTheDeadline() throws {
        let bench = try SourceBench()
        bench.host.programs["tail"] = { child in child.signalled = { _ in } }
        let source = try make(bench)
        _ = bench.start(source)
        bench.world.run(for: .milliseconds(500))
        var isStopped = false
        let deadline = bench.world.now + .seconds(5)
        source.stop(by: deadline) { isStopped = true }
        bench.world.run(while: { !isStopped })
        #expect(bench.world.now >= deadline)
        #expect(bench.world.now < deadline + .seconds(1))
    }

    /// The time of an incomplete batch is over, and the command has ended, while the channel is full: the lines come later.
    @Test func linesThatFoundNoRoomComeOnceThereIsSome() throws {
        let bench = try SourceBench(capacity: 1)
        bench.host.programs["tail"] = { child in
            for number in 0..<40 { child.print("\(number)\n", after: .milliseconds(100 * number)) }
            child.print("last", after: .seconds(10))
            child.exit(0, after: .seconds(11))
        }
        _ = bench.start(try make(bench) { $0.batchTimeoutMilliseconds = 10 })
        bench.world.run(for: .seconds(60))
        var events: [String] = []
        for _ in 0..<200 {
            events += bench.delivered()
            bench.world.run(for: .seconds(1))
        }
        #expect(events == (0..<40).map { "\($0)" } + ["last"])
    }
}
