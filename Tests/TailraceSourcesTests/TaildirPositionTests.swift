import TailraceCore
import TailraceSimulation
import TailraceSources
import Testing

/// Positions over restarts, crashes and damaged files.
struct TaildirPositionTests {
    private static let state = "/state/edge.sources.r1.taildir"

    private func flume(_ bench: TaildirBench, _ offset: Int, path: String = "/logs/app.log", inode: UInt64? = nil) -> String {
        #"[{"inode":\#(inode ?? bench.files.inode("/logs/app.log")),"pos":\#(offset),"file":"\#(path)"}]"#
    }
    private func bench(_ positions: (TaildirBench) -> String) -> TaildirBench {
        let bench = TaildirBench()
        bench.files.write("/logs/app.log", "1\n2\n3\n")
        bench.files.makeDirectory("/flume")
        bench.files.write("/flume/positions.json", positions(bench))
        return bench
    }

    // MARK: Flume's file, at the first start

    @Test(arguments: ["", "hello", #"[{"inode":"#]) func aBrokenFileIsToldAndAllIsRead(_ content: String) throws {
        let bench = bench { _ in content }
        try bench.start()
        #expect(bench.lines() == ["1", "2", "3"])
        #expect(bench.host.log.lines(containing: "position file /flume/positions.json: ").count == 1)
    }

    @Test func theSameInodeAndPathGoOn() throws {
        let bench = bench { flume($0, 2) }
        try bench.start()
        #expect(bench.lines() == ["2", "3"])
    }

    @Test func aPositionBeyondTheEndIsTold() throws {
        let bench = bench { flume($0, 7) }
        try bench.start()
        #expect(bench.lines() == ["1", "2", "3"])
        #expect(bench.log.contains("/logs/app.log: Flume's position 7 is beyond the end (6 bytes)"))
    }

    @Test(arguments: ["-3", "99999999999999999999"]) func anImpossiblePositionIsTold(_ offset: String) throws {
        let bench = bench { #"[{"inode":\#($0.files.inode("/logs/app.log")),"pos":\#(offset),"file":"/logs/app.log"}]"# }
        try bench.start()
        #expect(bench.lines() == ["1", "2", "3"])
        #expect(bench.log.contains("pos \(offset) of /logs/app.log is not possible"))
    }

    @Test func theSameInodeWithAnotherPathWasRenamed() throws {
        let bench = bench { flume($0, 2, path: "/logs/app.old") }
        try bench.start()
        #expect(bench.lines() == ["2", "3"])
        #expect(bench.log.contains("Flume knew it as /logs/app.old: it goes on at 2"))
    }

    @Test func anotherFileWithTheInodeIsReadFromItsStart() throws {
        let bench = bench { flume($0, 3, path: "/logs/app.old") }
        try bench.start()
        #expect(bench.lines() == ["1", "2", "3"])
    }

    @Test func theSamePathWithAnotherInodeIsAnotherFile() throws {
        let bench = bench { flume($0, 2, inode: 999_999) }
        try bench.start()
        #expect(bench.lines() == ["1", "2", "3"])
    }

    @Test func itIsReadAtTheFirstStartOnlyAndKeptAsACopy() throws {
        let bench = bench { flume($0, 2) }
        try bench.start()
        #expect(bench.lines(in: .seconds(5)) == ["2", "3"])
        let inode = bench.files.inode("/logs/app.log")
        #expect(bench.files.text("/flume/positions.json") == #"[{"inode":\#(inode),"pos":6,"file":"/logs/app.log"}]"#)
        bench.stop()
        bench.files.write("/flume/positions.json", flume(bench, 0))
        try bench.start()
        #expect(bench.lines() == [])
    }

    @Test func aFileThatWasRenamedAwaySinceFlumeStoppedIsReadToItsEnd() throws {
        let bench = bench { flume($0, 2) }
        bench.files.rename("/logs/app.log", to: "/logs/old.log")
        try bench.start()
        #expect(bench.lines(in: .seconds(3)) == ["2", "3"])
    }

    // MARK: Our own

    @Test func aRestartGoesOn() throws {
        let bench = TaildirBench()
        bench.files.write("/logs/app.log", "1\n2\n")
        try bench.start()
        #expect(bench.lines() == ["1", "2"])
        bench.stop()
        bench.files.append("/logs/app.log", "3\n")
        try bench.start()
        #expect(bench.lines() == ["3"])
    }

    @Test func whatWasNotDeliveredIsReadAgainAfterACrashAndNothingElse() throws {
        let bench = TaildirBench()
        bench.files.write("/logs/app.log", "1\n2\n")
        try bench.start()
        #expect(bench.lines(in: .seconds(5)) == ["1", "2"])
        bench.files.append("/logs/app.log", "3\n4\n")
        bench.world.run(for: .seconds(10))  // in the channel, and not taken
        bench.crash()
        bench.files.append("/logs/app.log", "5\n")
        try bench.start()
        #expect(bench.lines() == ["3", "4", "5"])
    }

    @Test func whatIsCommittedToAMemoryChannelIsLostAtACrashIfOneSaysSo() throws {
        let bench = TaildirBench()
        bench.acknowledge = .committed
        bench.files.write("/logs/app.log", "1\n2\n")
        try bench.start()
        bench.world.run(for: .seconds(10))
        bench.crash()
        try bench.start()
        #expect(bench.lines() == [])
    }

    @Test func aDamagedStateFileIsToldAndFlumesCopyTakesItsPlace() throws {
        let bench = TaildirBench()
        bench.files.write("/logs/app.log", "1\n2\n")
        try bench.start()
        #expect(bench.lines(in: .seconds(5)) == ["1", "2"])
        bench.stop()
        bench.files.append("/logs/app.log", "3\n")
        bench.files.truncate(Self.state, to: 40)
        try bench.start()
        #expect(bench.lines() == ["3"])
        let told = bench.host.log.lines(containing: "taildir.state-damaged")
        #expect(told.count == 1 && told[0].level == .error)
    }

    @Test func positionsAreWrittenOnlyWhenTheyChange() throws {
        let bench = TaildirBench()
        bench.files.write("/logs/app.log", "1\n2\n")
        try bench.start()
        _ = bench.lines(in: .seconds(10))
        let writes = bench.host.metrics.value("position_writes_total", "edge.sources.r1")
        _ = bench.lines(in: .seconds(100))
        #expect(bench.host.metrics.value("position_writes_total", "edge.sources.r1") == writes)
        #expect(writes == 1 || writes == 2)
    }

    @Test func positionsThatCannotBeWrittenAreToldOnceAndTriedAgain() throws {
        let bench = TaildirBench()
        bench.files.write("/logs/app.log", "1\n2\n")
        bench.files.fault = { operation, path, _ in
            operation == .write && path.contains("/state") ? TailraceError(code: "disk.full", message: "full") : nil
        }
        try bench.start()
        #expect(bench.lines(in: .seconds(30)) == ["1", "2"])
        #expect(bench.source.health.problem?.code == "disk.full")
        #expect(bench.host.log.lines(containing: "positions cannot be written").count == 1)
        bench.files.fault = nil
        _ = bench.lines(in: .seconds(10))
        #expect(bench.source.health.isOK)
        #expect(bench.files.exists(Self.state))
    }

    @Test func stoppingWritesWhatWasAnswered() throws {
        let bench = TaildirBench { $0.writePosIntervalMilliseconds = 3_600_000 }
        bench.files.write("/logs/app.log", "1\n2\n")
        try bench.start()
        #expect(bench.lines() == ["1", "2"])
        bench.stop()
        try bench.start()
        #expect(bench.lines() == [])
    }

    @Test func stoppingWaitsForAnswersButNotBeyondTheDeadline() throws {
        let bench = TaildirBench()
        bench.files.write("/logs/app.log", "1\n2\n")
        try bench.start()
        bench.world.run(for: .seconds(1))
        let begin = bench.world.now
        bench.stop()  // nobody takes
        #expect(bench.world.now - begin < .seconds(10))
        try bench.start()
        #expect(bench.lines() == ["1", "2"])
    }

    // MARK: skipToEnd

    @Test func skipToEndIsForFilesThatAreThereAtTheStartWithoutAPosition() throws {
        let bench = TaildirBench { $0.skipToEnd = true }
        bench.files.write("/logs/app.log", "1\n2\nhal")
        try bench.start()
        bench.files.write("/logs/app.new", "n1\n")
        bench.files.append("/logs/app.log", "f\n3\n")
        #expect(bench.lines().sorted() == ["3", "half", "n1"])
        bench.stop()
        bench.files.append("/logs/app.log", "4\n")
        try bench.start()
        #expect(bench.lines() == ["4"], "it has a position now")
    }

    @Test func theStateDirectoryMustBeReadable() {
        let bench = TaildirBench()
        bench.files.makeDirectory("/state")
        bench.files.write(Self.state, "x")
        bench.files.fault = { operation, path, _ in
            operation == .open && path == Self.state ? TailraceError(code: "file.denied", message: "denied") : nil
        }
        let error = #expect(throws: TailraceError.self) { try bench.start() }
        #expect(error?.code == "file.denied" && error?.component == "edge.sources.r1")
    }
}
