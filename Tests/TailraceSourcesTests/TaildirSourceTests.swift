import TailraceCore
import TailraceSimulation
import TailraceSources
import Testing

struct TaildirSourceTests {
    @Test func linesArriveAsTheyAreWritten() throws {
        let bench = TaildirBench()
        try bench.start()
        #expect(bench.lines() == [])
        bench.files.write("/logs/app.1", "a\n")
        bench.files.write("/logs/other", "no\n")
        #expect(bench.lines(in: .milliseconds(100)) == ["a"])
        bench.files.append("/logs/app.1", "b\nc\n")
        #expect(bench.lines(in: .milliseconds(100)) == ["b", "c"])
    }

    @Test func theOldestFileComesFirst() throws {
        let bench = TaildirBench()
        for name in ["c", "a", "b"] {
            bench.files.write("/logs/app.\(name)", "\(name)\n")
            bench.world.run(for: .seconds(1))
        }
        try bench.start()
        #expect(bench.lines() == ["c", "a", "b"])
    }

    @Test func groupsHaveTheirOwnDirectoriesAndHeaders() throws {
        let bench = TaildirBench {
            $0.fileGroups = ["g", "h", "all"]
            $0.paths = ["g": "/logs/a.*", "h": "/other/.*", "all": "/logs/.*"]
            $0.headers = ["g": [Header("group", "g")], "h": [Header("group", "h")], "all": [Header("group", "all")]]
        }
        bench.files.makeDirectory("/other")
        bench.files.write("/logs/a1", "1\n")
        bench.files.write("/logs/b1", "2\n")
        bench.files.write("/other/c1", "3\n")
        try bench.start()
        let got = bench.batches().map { "\($0.bodies[0])\($0.headers("group")[0] ?? "")" }.sorted()
        #expect(got == ["1g", "2all", "3h"])
    }

    @Test func aMissingDirectoryIsToldAndReadOnceItIsThere() throws {
        let bench = TaildirBench(pattern: "/later/x.*")
        try bench.start()
        #expect(bench.lines(in: .seconds(10)) == [])
        #expect(bench.source.health.problem?.code == "file.missing")
        #expect(bench.host.log.lines(containing: "directory /later of file group g cannot be read").count == 1)
        bench.files.makeDirectory("/later")
        bench.files.write("/later/x", "1\n")
        #expect(bench.lines(in: .seconds(3)) == ["1"])
        #expect(bench.source.health.isOK)
    }

    @Test func aDirectoryThatIsReplacedIsFollowed() throws {
        let bench = TaildirBench()
        bench.files.write("/logs/app.log", "1\n")
        try bench.start()
        #expect(bench.lines() == ["1"])
        bench.files.rename("/logs", to: "/logs.old")
        bench.files.makeDirectory("/logs")
        bench.files.write("/logs/app.log", "2\n")
        #expect(bench.lines(in: .seconds(10)) == ["2"])
        bench.files.append("/logs/app.log", "3\n")
        #expect(bench.lines(in: .seconds(1)) == ["3"])
    }

    @Test func changesThatTheKernelLostAreFoundByAScan() throws {
        let bench = TaildirBench()
        try bench.start()
        bench.world.faults.watchOverflow = 1
        bench.files.write("/logs/app.log", "1\n")
        #expect(bench.lines() == ["1"])
        bench.files.append("/logs/app.log", "2\n")
        #expect(bench.lines() == ["2"])
        #expect(bench.host.metrics.value("lost_changes_total", "edge.sources.r1")! > 0)
    }

    @Test func aFullChannelHoldsTheReaderUpForAsLongAsItTakes() throws {
        let bench = TaildirBench()
        bench.capacity = 100
        let lines = (0..<20_000).map(String.init)
        bench.files.write("/logs/app.log", lines.map { $0 + "\n" }.joined())
        try bench.start()
        bench.world.run(for: .seconds(3_600))
        bench.files.rename("/logs/app.log", to: "/logs/gone")
        #expect(bench.lines(in: .seconds(20)) == lines)
    }

    @Test func filesHaveTheirTurnFairly() throws {
        let bench = TaildirBench { ($0.batchSize, $0.maxBatchCount) = (10, 2) }
        for name in ["a", "b"] { bench.files.write("/logs/app.\(name)", (0..<100).map { "\(name)\($0)\n" }.joined()) }
        try bench.start()
        let batches = bench.batches(in: .seconds(2))
        #expect(batches.prefix(4).map { $0.bodies[0].prefix(1) } == ["a", "a", "b", "b"])
        #expect(batches.flatMap(\.bodies).count == 200)
    }

    @Test func descriptorsAreBoundedWithThousandsOfFiles() throws {
        let bench = TaildirBench(pattern: "/logs/.*") { $0.maxOpenFiles = 50 }
        for number in 0..<1_000 { bench.files.write("/logs/f\(number)", "\(number)\n") }
        try bench.start()
        #expect(bench.lines(in: .seconds(3)).map { Int($0)! }.sorted() == Array(0..<1_000))
        #expect(bench.host.metrics.value("open_files", "edge.sources.r1")! <= 60)
        bench.files.append("/logs/f7", "again\n")
        #expect(bench.lines() == ["again"])
        bench.stop()
        bench.files.append("/logs/f8", "more\n")
        try bench.start()
        #expect(bench.lines(in: .seconds(3)) == ["more"])
    }

    @Test func idleFilesAreClosedAndReadOnWhenTheyChange() throws {
        let bench = TaildirBench { $0.idleTimeoutMilliseconds = 5_000 }
        bench.files.write("/logs/app.log", "1\n")
        try bench.start()
        #expect(bench.lines(in: .seconds(10)) == ["1"])
        #expect(bench.host.metrics.value("open_files", "edge.sources.r1") == 0)
        bench.files.append("/logs/app.log", "2\n")
        #expect(bench.lines() == ["2"])
        _ = bench.lines(in: .seconds(10))
        bench.files.append("/logs/app.log", "3\n")
        bench.files.rename("/logs/app.log", to: "/logs/old")
        #expect(bench.lines(in: .seconds(3)) == ["3"], "renamed away while it was closed")
    }

    @Test func aFileThatCannotBeReadIsToldOnceAndTriedAgain() throws {
        let bench = TaildirBench()
        bench.files.write("/logs/app.bad", "1\n")
        bench.files.write("/logs/app.good", "2\n")
        bench.files.fault = { operation, path, _ in
            operation == .open && path.hasSuffix("bad") ? TailraceError(code: "file.denied", message: "denied") : nil
        }
        try bench.start()
        #expect(bench.lines(in: .seconds(30)) == ["2"])
        #expect(bench.host.log.lines(containing: "/logs/app.bad cannot be read").count == 1)
        bench.files.fault = nil
        #expect(bench.lines(in: .seconds(6)) == ["1"])
    }

    @Test func aFileThatMovesBetweenTwoDirectoriesOfTheSourceGoesOn() throws {
        let bench = TaildirBench {
            $0.fileGroups = ["g", "h"]
            $0.paths = ["g": "/logs/.*", "h": "/old/.*"]
        }
        bench.files.makeDirectory("/old")
        bench.files.write("/logs/a", "1\n")
        try bench.start()
        #expect(bench.lines() == ["1"])
        bench.files.rename("/logs/a", to: "/old/a")
        bench.files.append("/old/a", "2\n")
        #expect(bench.lines(in: .seconds(5)) == ["2"])
    }

    @Test func aFileThatComesBackIntoThePatternGoesOn() throws {
        let bench = TaildirBench { $0.idleTimeoutMilliseconds = 3_000 }
        bench.files.write("/logs/app.log", "1\n")
        try bench.start()
        #expect(bench.lines() == ["1"])
        bench.files.rename("/logs/app.log", to: "/logs/away")
        #expect(bench.lines(in: .seconds(20)) == [])
        bench.files.append("/logs/away", "2\n")
        bench.files.rename("/logs/away", to: "/logs/app.log")
        #expect(bench.lines(in: .seconds(3)) == ["2"])
    }

    @Test func missingPathOfAGroupIsRefused() {
        let bench = TaildirBench { $0.paths = [:] }
        let error = #expect(throws: TailraceError.self) { try bench.start() }
        #expect(error?.message == "file group g has no path")
    }

    @Test func manyFilesWithOneHeadingAreReadAllTheSame() throws {
        let bench = TaildirBench(pattern: "/logs/.*")
        let heading = String(repeating: "#", count: 300) + "\n"
        for number in 0..<50 { bench.files.write("/logs/a\(number)", heading + "\(number)\n") }
        try bench.start()
        #expect(bench.lines().count == 100)
        for number in 50..<100 { bench.files.write("/logs/a\(number)", heading + "\(number)\n") }
        #expect(bench.lines(in: .seconds(1)).count == 100)
        bench.files.write("/logs/b", heading)
        #expect(bench.lines(in: .seconds(4)).count == 1, "it is like the beginning of others for a while")
    }

    @Test func theConfigurationIsDeclared() throws {
        let declaration = TaildirSource.declaration
        #expect(declaration.type == "taildir")
        #expect(declaration.classNames == ["org.apache.flume.source.taildir.TaildirSource"])
        var configuration = TaildirSourceConfiguration()
        func apply(_ name: String, _ captured: [String], _ text: String) throws {
            _ = try #require(declaration.keys.first { $0.name == name }).apply(&configuration, captured, text)
        }
        try apply("filegroups", [], "f1 f2")
        try apply("filegroups.<group>", ["f1"], "/var/log/a.*")
        try apply("headers.<group>.<key>", ["f1", "k.x"], "v")
        try apply("headers.<group>.<key>", ["f1", "k.x"], "w")
        try apply("batchSize", [], "100000")
        #expect(configuration.fileGroups == ["f1", "f2"] && configuration.paths == ["f1": "/var/log/a.*"])
        #expect(configuration.headers == ["f1": [Header("k.x", "w")]])
        #expect(configuration.batchEvents == 65_536)
        #expect(throws: TailraceError.self) { try apply("maxLineBytes", [], "0") }
        for ignored in ["cachePatternMatching", "backoffSleepIncrement", "maxBackoffSleep"] {
            #expect(declaration.keys.contains { $0.name == ignored })
        }
    }
}
