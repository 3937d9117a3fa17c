import TailraceConfiguration
import TailraceCore
import TailraceSerializers
import TailraceSimulation
import Testing

@testable import TailraceSinks

struct RollingFileSinkTests {
    @Test func writesAndSettlesBehindTheSync() throws {
        let bench = RollingFileBench()
        try bench.start()
        bench.offer(3)
        #expect(bench.acknowledged == [])
        bench.run()
        #expect(bench.acknowledged == Array(0..<15))
        // The simulation begins 1000 s after 2026-01-01.
        #expect(bench.names.count == 1 && bench.names[0].hasPrefix("17672266") && bench.names[0].hasSuffix("-1"))
        bench.crash()
        #expect(bench.lines == (0..<15).map(RollingFileBench.line))
    }

    @Test func rollsWithoutEmptyFiles() throws {
        let bench = RollingFileBench {
            $0.rollIntervalSeconds = 10
            ($0.prefix, $0.fileExtension, $0.pathManager) = ("ev-", "log", .rollTime)
        }
        try bench.start()
        bench.run(.seconds(60))
        #expect(bench.names == [])
        for _ in 0..<3 {
            bench.offer()
            bench.run(.seconds(25))
        }
        #expect(bench.names == ["ev-20260101001740-1.log", "ev-20260101001805-2.log", "ev-20260101001830-3.log"])
        #expect(bench.texts.allSatisfy { $0.split(separator: "\n").count == 5 })
    }
    @Test func zeroIsOneFile() throws {
        let bench = RollingFileBench { $0.rollIntervalSeconds = 0 }
        try bench.start()
        for _ in 0..<5 {
            bench.offer()
            bench.run(.seconds(100))
        }
        #expect(bench.names.count == 1 && bench.lines.count == 25)
        bench.stop()
        #expect(bench.isIdle)
    }

    /// Also when the clock goes back, and when somebody took the files away.
    @Test func namesAreNeverUsedTwice() throws {
        for manager in [RollingFileSinkConfiguration.PathManager.start, .rollTime] {
            let bench = RollingFileBench { $0.pathManager = manager }
            var seen: Set<String> = []
            for round in 0..<20 {
                try bench.start()
                bench.offer()
                bench.run(.milliseconds(50))
                for name in bench.names {
                    #expect(seen.insert(name).inserted, "\(name)")
                    bench.host.files.remove("\(RollingFileBench.directory)/\(name)")
                }
                if round % 2 == 0 { bench.stop() }
                bench.crash(losingPower: false)
            }
            #expect(seen.count == 20)
        }
        var names = RollingFileNames(RollingFileSinkConfiguration(), last: 5_000)
        #expect(names.next(WallTime(milliseconds: 1_000)).name == "5001-1")
        #expect(names.next(WallTime(milliseconds: 9_000)).name == "5001-2")
    }

    @Test func headersAndText() throws {
        let bench = RollingFileBench {
            var text = HeaderAndTextSerializerConfiguration()
            text.appendNewline = false
            $0.serializer = ConfiguredPart(name: "sink.serializer", type: "header_and_text", configuration: text)
        }
        try bench.start()
        bench.offer(1, events: 2)
        bench.run()
        #expect(bench.texts == ["{h=v} line 0 {h=v} line 1 " + String(repeating: "x", count: 37)])
    }

    @Test func aFullDiskIsTriedAgain() throws {
        let bench = RollingFileBench()
        try bench.start()
        bench.offer()
        bench.run()
        let before = bench.texts
        bench.host.files.capacity = bench.host.files.usedBytes + 100
        for _ in 0..<5 {
            bench.offer()
            bench.run(.seconds(1))
        }
        #expect(bench.retries.count == 5 && bench.retries.allSatisfy { $0.code == "disk.full" })
        if case .degraded(let error) = bench.sink.health { #expect(error.component == "a.sinks.k1") } else { Issue.record() }
        // What was delivered is whole, and nothing torn stands beside it.
        bench.offer()
        bench.run(.seconds(1))
        #expect(bench.lines == (0..<5).map(RollingFileBench.line))
        #expect(before.count == 1 && bench.texts.contains(before[0]))
        bench.host.files.capacity = .max
        for _ in 0..<10 {
            bench.offer()
            bench.run(.seconds(1))
        }
        #expect(bench.lines.sorted() == bench.acknowledged.map(RollingFileBench.line).sorted())
        if case .ok = bench.sink.health {} else { Issue.record("\(bench.sink.health)") }
    }

    /// An error of any operation: it comes again, and stands in the files once.
    @Test(arguments: FileOperation.allCases, [0, 1, 2, 3])
    func errorsOfTheDisk(operation: FileOperation, skip: Int) throws {
        let bench = RollingFileBench { $0.rollIntervalSeconds = 2 }
        try bench.start()
        var number = 0
        bench.host.files.fault = { hit, path, _ in
            guard hit == operation else { return nil }
            number += 1
            return number > skip && number <= skip + 2 ? TailraceError(code: "disk.failed", message: "for the test") : nil
        }
        for _ in 0..<20 {
            bench.offer(2)
            bench.run(.milliseconds(700))
        }
        bench.host.files.fault = nil
        for _ in 0..<20 {
            bench.offer(3)
            bench.run(.milliseconds(700))
        }
        bench.stop()
        #expect(bench.lines.sorted() == bench.acknowledged.map(RollingFileBench.line).sorted(), "\(operation)")
        #expect(bench.texts.allSatisfy { $0.last == "\n" })
    }

    /// Without a crash each line stands in the files exactly once, whatever the disk does.
    @Test(arguments: UInt64(0)..<24) func onceWithoutACrash(_ seed: UInt64) throws {
        let bench = RollingFileBench(seed: seed) { $0.rollIntervalSeconds = 3 }
        try bench.start()
        (bench.world.faults.writeError, bench.world.faults.syncError, bench.world.faults.openError) = (0.05, 0.05, 0.05)
        (bench.world.faults.renameError, bench.world.faults.removeError) = (0.05, 0.1)
        for step in 0..<60 {
            bench.offer(step % 4 + 1, events: step % 9 + 1)
            bench.run(.milliseconds(Int64(step * 13 % 300)))
        }
        bench.world.faults = .calm
        for _ in 0..<100 {
            bench.offer(1)
            bench.run(.milliseconds(100))
        }
        bench.run(.seconds(5))
        bench.stop()
        #expect(bench.isIdle || bench.retries.last?.code == "component.stopped")
        #expect(bench.lines.sorted() == bench.acknowledged.map(RollingFileBench.line).sorted(), "seed \(seed)")
        #expect(bench.texts.allSatisfy { $0.isEmpty || $0.last == "\n" }, "seed \(seed)")
    }

    /// Crashes with loss of power, and errors: what was delivered is there.
    @Test(arguments: UInt64(0)..<40) func deliveredSurvivesCrashes(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed).split("roll")
        let bench = RollingFileBench(seed: seed) {
            $0.rollIntervalSeconds = Int.random(in: 0...3, using: &random)
            $0.pathManager = seed % 2 == 0 ? .start : .rollTime
        }
        try bench.start()
        for _ in 0..<50 {
            bench.offer(Int.random(in: 1...8, using: &random), events: Int.random(in: 1...20, using: &random))
            bench.run(.microseconds(Int64.random(in: 10...100_000, using: &random)))
            if Int.random(in: 0...7, using: &random) == 0 {
                bench.crash(losingPower: Bool.random(using: &random))
                #expect(bench.missing(bench.lines) == [], "seed \(seed)")
                bench.world.faults = .calm
                try bench.start()
                if seed % 3 == 0 { (bench.world.faults.writeError, bench.world.faults.syncError) = (0.05, 0.05) }
            }
        }
        bench.crash()
        #expect(bench.acknowledged.count > 0)
        #expect(bench.missing(bench.lines) == [], "seed \(seed)")
    }

    // MARK: Configuration

    @Test func theManualSaysWhatIsPromised() throws {
        var catalogue = Catalogue()
        catalogue.add(sink: RollingFileSink.self)
        let manual = try #require(catalogue.manual(of: "file_roll"))
        for text in ["no empty files", "survive a loss of power", "sink.pathManager.extension", "header_and_text"] {
            #expect(manual.contains(text), "\(text)")
        }
    }

    private func parse(_ lines: [String: String]) -> (made: RollingFileSinkConfiguration, problems: [ConfigurationProblem]) {
        var problems: [ConfigurationProblem] = []
        let all = ["sink.directory": "/d"].merging(lines) { $1 }
        let entries = all.sorted { $0.key < $1.key }.map { ConfigurationEntry(key: $0.key, value: $0.value) }
        return (RollingFileSink.declaration.parse(entries, prefix: "a.sinks.k", &problems), problems)
    }
    @Test func everyKey() {
        let (made, problems) = parse([
            "sink.rollInterval": "0", "sink.batchSize": "7", "sink.serializer": "HEADER_AND_TEXT",
            "sink.serializer.appendNewline": "false", "sink.pathManager": "rolltime", "sink.pathManager.prefix": "p",
            "sink.pathManager.extension": "e",
        ])
        #expect(problems == [])
        #expect(made.directory == "/d" && made.rollIntervalSeconds == 0 && made.batchSize == 7)
        #expect(made.pathManager == .rollTime && made.prefix == "p" && made.fileExtension == "e")
        #expect((made.serializer.configuration as? HeaderAndTextSerializerConfiguration)?.appendNewline == false)
    }
    @Test(arguments: [
        (["sink.pathManager": "com.example.Own"], "DEFAULT, ROLLTIME"), (["sink.pathManager.prefix": "a/b"], "without /"),
        (["sink.rollInterval": "-1"], "0 to"), (["sink.serializer": "JSON"], "text"), (["sink.batchsize": "1"], "did you mean"),
        (["sink.directory": ""], "not empty"),
    ])
    func mistakes(lines: [String: String], text: String) {
        let errors = parse(lines).problems.filter { $0.severity == .error }
        #expect(errors.contains { "\($0.message) \($0.fix ?? "")".contains(text) }, "\(errors)")
    }
    @Test(arguments: [("12\n", 12), ("12", nil), ("-1\n", nil), ("x\n", nil), ("", nil), ("999999999999999999999\n", nil)])
    func stamps(text: String, expected: Int64?) { #expect(RollingFileStamp.decode(Bytes(text)) == expected) }
}
