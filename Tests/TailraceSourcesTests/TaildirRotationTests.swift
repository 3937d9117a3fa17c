import TailraceCore
import TailraceSimulation
import TailraceSources
import Testing

/// `flume-observed` §3, "Rotation": what happened, with the right result.
struct TaildirRotationTests {
    private func started(_ content: String = "1\n2\n3\n", _ change: (inout TaildirSourceConfiguration) -> Void = { _ in })
        throws -> TaildirBench
    {
        let bench = TaildirBench(change)
        bench.files.write("/logs/app.log", content)
        try bench.start()
        #expect(bench.lines() == content.split(separator: "\n").map(String.init))
        return bench
    }

    @Test func renamedInsideThePattern() throws {
        let bench = try started()
        bench.files.rename("/logs/app.log", to: "/logs/app.log.1")
        bench.files.write("/logs/app.log", "4\n")
        #expect(bench.lines(in: .seconds(10)) == ["4"])
        bench.files.append("/logs/app.log.1", "3b\n")
        #expect(bench.lines() == ["3b"])
        bench.files.rename("/logs/app.log.1", to: "/logs/app.log.2")
        bench.files.rename("/logs/app.log", to: "/logs/app.log.1")
        bench.files.write("/logs/app.log", "5\n")
        #expect(bench.lines(in: .seconds(200)) == ["5"])
    }

    @Test func renamedInsideThePatternWhileTheAgentWasDown() throws {
        let bench = try started()
        bench.stop()
        bench.files.append("/logs/app.log", "3b\n")
        bench.files.rename("/logs/app.log", to: "/logs/app.log.1")
        bench.files.write("/logs/app.log", "4\n")
        try bench.start()
        #expect(bench.lines(in: .seconds(200)) == ["3b", "4"])
    }

    @Test func writtenAndRenamedOutOfThePatternAtOnce() throws {
        let bench = try started()
        bench.files.append("/logs/app.log", "4\n5\n")
        bench.files.rename("/logs/app.log", to: "/logs/old.log")
        #expect(bench.lines() == ["4", "5"])
        bench.files.append("/logs/old.log", "6\n")
        #expect(bench.lines(in: .seconds(2)) == ["6"], "its writer has not opened the new one yet")
        bench.files.append("/logs/old.log", "piece")
        #expect(bench.lines(in: .seconds(100)) == [])
        #expect(bench.lines(in: .seconds(30)) == ["piece"], "gone for good: nothing will end the line")
    }

    @Test func renamedOutOfTheDirectory() throws {
        let bench = try started()
        bench.files.makeDirectory("/old")
        bench.files.append("/logs/app.log", "4\n")
        bench.files.rename("/logs/app.log", to: "/old/app.log")
        bench.files.append("/old/app.log", "5\n")
        #expect(bench.lines(in: .seconds(3)) == ["4", "5"])
        bench.files.append("/old/app.log", "6\n")
        #expect(bench.lines(in: .seconds(3)) == ["6"])
    }

    @Test func aBusyFileRenamedOutOfThePatternLosesNothing() throws {
        let bench = try started("0\n")
        var got: [String] = []
        for number in 1...80 {
            bench.files.append(number <= 40 ? "/logs/app.log" : "/logs/old", "\(number)\n")
            if number == 40 { bench.files.rename("/logs/app.log", to: "/logs/old") }
            got += bench.lines(in: .milliseconds(100))
        }
        got += bench.lines(in: .seconds(2))
        #expect(got == (1...80).map(String.init))
    }

    @Test func writtenAndRenamedOutOfThePatternWhileTheAgentWasDown() throws {
        let bench = try started()
        bench.stop()
        bench.files.append("/logs/app.log", "4\n5\n")
        bench.files.rename("/logs/app.log", to: "/logs/old.log")
        bench.files.write("/logs/app.log", "6\n")
        try bench.start()
        #expect(bench.lines(in: .seconds(5)).sorted() == ["4", "5", "6"])
        bench.stop()
        try bench.start()
        #expect(bench.lines(in: .seconds(200)) == [], "neither is read again after another restart")
    }

    @Test func copiedAndTruncatedShorter() throws {
        let bench = try started("a long first line\n")
        bench.files.write("/logs/old.log", "a long first line\n")
        bench.files.write("/logs/app.log", "new\n")
        #expect(bench.lines(in: .seconds(5)) == ["new"])
    }

    @Test func copiedAndTruncatedAtOnceLonger() throws {
        let bench = try started("a0\nb0\n")
        bench.files.write("/logs/app.log", "longer than the old file was\nx\n")
        #expect(bench.lines(in: .seconds(5)) == ["longer than the old file was", "x"])
    }

    @Test func copiedAndTruncatedWithExactlyTheOldSize() throws {
        let bench = try started("a0\nb0\n")
        bench.files.write("/logs/app.log", "c0\nd0\n")
        #expect(bench.lines(in: .seconds(5)) == ["c0", "d0"])
    }

    @Test(arguments: ["new\n", "c0\nd0\n", "longer than the old file was\nx\n"])
    func truncatedWhileTheAgentWasDown(_ content: String) throws {
        let bench = try started("a0\nb0\n")
        bench.stop()
        bench.files.write("/logs/app.log", content)
        try bench.start()
        #expect(bench.lines(in: .seconds(5)) == content.split(separator: "\n").map(String.init))
    }

    @Test(arguments: [false, true]) func theCopyInsideThePatternIsNotReadAgainButItsRestIs(_ whileDown: Bool) throws {
        let bench = try started("a0\nb0\n")
        if whileDown { bench.stop() }
        bench.files.append("/logs/app.log", "unread\n")
        bench.files.write("/logs/app.log.1", bench.files.read("/logs/app.log")!)
        bench.files.write("/logs/app.log", "new\n")
        if whileDown { try bench.start() }
        #expect(bench.lines(in: .seconds(20)).sorted() == ["new", "unread"])
        bench.files.append("/logs/app.log.1", "more\n")
        #expect(bench.lines(in: .seconds(2)) == ["more"])
    }

    @Test(arguments: [false, true]) func theRestIsFoundInACopyOutsideOfThePattern(_ whileDown: Bool) throws {
        let bench = try started("a0\nb0\n")
        if whileDown { bench.stop() } else { bench.host.pause(for: .seconds(3)) }
        bench.files.append("/logs/app.log", "unread\n")
        bench.files.write("/logs/old.1", bench.files.read("/logs/app.log")!)
        bench.files.write("/logs/app.log", "new\n")
        if whileDown { try bench.start() }
        #expect(bench.lines(in: .seconds(20)).sorted() == ["new", "unread"])
    }

    @Test func aCopyThatIsMadeSlowlyIsHeldBackUntilTheOriginalIsTruncated() throws {
        let bench = try started("a0\nb0\nc0\n")
        bench.files.write("/logs/app.log.1", "a0\n")
        #expect(bench.lines(in: .seconds(1)) == [])
        bench.files.append("/logs/app.log.1", "b0\n")
        #expect(bench.lines(in: .seconds(1)) == [])
        bench.files.append("/logs/app.log.1", "c0\nd0\n")
        bench.files.write("/logs/app.log", "")
        #expect(bench.lines(in: .seconds(20)) == ["d0"])
    }

    @Test func aFileThatOnlyBeginsLikeAnotherIsReadAfterAWhile() throws {
        let bench = try started("start\n")
        bench.files.rename("/logs/app.log", to: "/logs/app.log.1")
        bench.files.write("/logs/app.log", "start\n")
        #expect(bench.lines(in: .seconds(5)) == ["start"])
        bench.files.append("/logs/app.log", "x\n")
        #expect(bench.lines(in: .seconds(1)) == ["x"])
    }

    @Test func writtenAndDeletedAtOnce() throws {
        let bench = try started()
        bench.files.append("/logs/app.log", "4\n5\n6")
        bench.files.remove("/logs/app.log")
        #expect(bench.lines(in: .seconds(3)) == ["4", "5"])
        #expect(bench.lines(in: .seconds(5)) == ["6"], "nothing will end the line")
        #expect(bench.host.metrics.value("open_files", "edge.sources.r1") == 0)
    }

    @Test func anotherFileWithTheSameInode() throws {
        let bench = try started("1\n2\n3\n")
        bench.files.reusesInodes = true
        bench.stop()
        let inode = bench.files.inode("/logs/app.log")
        bench.files.remove("/logs/app.log")
        bench.files.write("/logs/app.other", "a\nb\nc\nd\n")
        #expect(bench.files.inode("/logs/app.other") == inode)
        try bench.start()
        #expect(bench.lines(in: .seconds(5)) == ["a", "b", "c", "d"])
    }

    @Test func aLinkToAFileThatMatchesIsTheSameFile() throws {
        let bench = TaildirBench { $0.fileHeader = true }
        bench.files.write("/logs/app.log", "1\n2\n")
        bench.files.link("/logs/app.log", "/logs/app.hard")
        bench.files.symlink("/logs/app.soft", to: "/logs/app.log")
        try bench.start()
        let batches = bench.batches(in: .seconds(60))
        #expect(batches.flatMap(\.bodies) == ["1", "2"])
        #expect(batches[0].headers("file")[0] == "/logs/app.hard", "the first name in order")
        bench.files.append("/logs/app.log", "3\n")
        #expect(bench.lines(in: .seconds(60)) == ["3"])
        bench.files.remove("/logs/app.hard")
        bench.files.append("/logs/app.log", "4\n")
        let last = bench.batches(in: .seconds(60))
        #expect(last.flatMap(\.bodies) == ["4"])
        #expect(last[0].headers("file")[0] == "/logs/app.log")
    }

    @Test func aSymbolicLinkLeadsOutOfTheDirectory() throws {
        let bench = TaildirBench()
        bench.files.makeDirectory("/data")
        bench.files.write("/data/1", "1\n")
        bench.files.write("/data/2", "2\n")
        bench.files.symlink("/logs/app.log", to: "/data/1")
        bench.files.symlink("/logs/app.dangling", to: "/data/none")
        try bench.start()
        #expect(bench.lines() == ["1"])
        bench.files.append("/data/1", "1b\n")
        #expect(bench.lines(in: .seconds(3)) == ["1b"])
        bench.files.append("/data/1", "1c\n")
        bench.files.remove("/logs/app.log")
        bench.files.symlink("/logs/app.log", to: "/data/2")
        #expect(bench.lines(in: .seconds(3)).sorted() == ["1c", "2"])
        #expect(bench.lines(in: .seconds(10)) == [])
        bench.files.append("/data/2", "2b\n")
        #expect(bench.lines(in: .seconds(3)) == ["2b"])
    }

    @Test func onlyRegularFilesAreOpened() throws {
        let bench = TaildirBench(pattern: "/logs/.*")
        bench.files.makeDirectory("/logs/app.dir")
        bench.files.makeFifo("/logs/app.fifo")
        bench.files.symlink("/logs/link.fifo", to: "/logs/app.fifo")
        bench.files.write("/logs/.hidden", "hidden\n")
        try bench.start()
        #expect(bench.lines() == ["hidden"])
        bench.files.makeFifo("/logs/app.fifo2")
        bench.files.makeDirectory("/logs/app.dir2")
        #expect(bench.lines(in: .seconds(120)) == [])
        #expect(bench.source.health.isOK)
    }
}

extension Health {
    var isOK: Bool { if case .ok = self { true } else { false } }
    var problem: TailraceError? { if case .degraded(let error) = self { error } else { nil } }
}
