import TailraceCore
import TailraceSerializers
import TailraceSimulation
import TailraceSources
import Testing

struct SpoolDirectorySourceTests {
    /// What Flume does with each file (flume-components.md §5.6, §9), and where we do better.
    @Test(arguments: [
        ("a\nb\n", ["a", "b"]), ("a\nlast", ["a", "last"]), ("", [""]), ("\n", [""]), ("x\r\ny", ["x\r", "y"]),
        ("zürich ☃\n", ["zürich ☃"]),
    ])
    func filesBecomeEvents(text: String, expected: [String]) throws {
        let bench = SpoolBench()
        bench.put("a.log", text)
        try bench.start()
        bench.run()
        #expect(bench.bodies == expected)
        #expect(bench.files.names("/spool") == ["a.log.COMPLETED"])
        #expect(bench.files.text("/spool/a.log.COMPLETED") == text)
    }

    @Test func skippedNames() throws {
        let bench = SpoolBench {
            $0.includePattern = ".*\\.log"
            $0.ignorePattern = "no.*"
        }
        for name in [".hidden.log", "done.log.COMPLETED", "x.txt", "no.log", "yes.log"] { bench.put(name, "\(name)\n") }
        bench.files.makeDirectory("/spool/sub")
        bench.files.write("/spool/sub/in.log", "sub\n")
        try bench.start()
        bench.run()
        #expect(bench.bodies == ["yes.log"])
    }

    @Test(arguments: [
        (SpoolDirectorySourceConfiguration.ConsumeOrder.oldest, ["b", "a", "c"]), (.youngest, ["c", "a", "b"]),
    ])
    func orders(order: SpoolDirectorySourceConfiguration.ConsumeOrder, expected: [String]) throws {
        let bench = SpoolBench { $0.consumeOrder = order }
        for name in ["b", "a", "c"] {
            bench.put(name, name)
            bench.world.run(for: .seconds(5))
        }
        try bench.start()
        bench.run()
        #expect(bench.bodies == expected)
    }
    @Test func randomOrderIsAnotherOne() throws {
        let bench = SpoolBench { $0.consumeOrder = .random }
        let names = (10..<40).map { "\($0)" }
        for name in names { bench.put(name, name) }
        bench.world.run(for: .seconds(5))
        try bench.start()
        bench.run()
        #expect(bench.bodies != names && bench.bodies.sorted() == names)
    }

    @Test func newFilesAreToldAndLeftAloneWhileTheyGrow() throws {
        let bench = SpoolBench()
        try bench.start()
        bench.files.write("/spool/copy.log", "1\n")
        for number in 2...6 {
            bench.run(.milliseconds(300))
            bench.files.append("/spool/copy.log", "\(number)\n")
        }
        #expect(bench.bodies == [])
        bench.run()
        #expect(bench.bodies == ["1", "2", "3", "4", "5", "6"])
        #expect(bench.counter("failed_files_total") == 0)
        // One that was moved in, and is old, at once.
        bench.files.write("/out/old.log", "old\n")
        bench.world.run(for: .seconds(1))
        bench.files.rename("/out/old.log", to: "/spool/old.log")
        bench.run(.milliseconds(60))
        #expect(bench.bodies.last == "old")
    }

    @Test func headersAndDeletion() throws {
        let bench = SpoolBench {
            ($0.fileHeader, $0.basenameHeader, $0.fileHeaderKey, $0.basenameHeaderKey) = (true, true, "f", "b")
            $0.deletePolicy = .immediate
        }
        bench.put("a.log", "1\n2\n")
        try bench.start()
        bench.run()
        #expect(bench.headers == Array(repeating: [Header("f", "/spool/a.log"), Header("b", "a.log")], count: 2))
        #expect(bench.files.names("/spool") == [])
        // The same name again is another file.
        bench.put("a.log", "3\n")
        bench.run()
        #expect(bench.bodies == ["1", "2", "3"])
    }

    @Test func trackerDirectoryMarksAndLeavesFiles() throws {
        let bench = SpoolBench {
            $0.trackingPolicy = .trackerDirectory
            $0.recursiveDirectorySearch = true
        }
        bench.files.makeDirectory("/spool/sub/deep")
        bench.files.makeDirectory("/spool/.no")
        bench.files.write("/spool/.no/x", "no\n")
        bench.put("a.log", "1\n")
        bench.put("sub/deep/b.log", "2\n")
        try bench.start()
        bench.run()
        #expect(bench.bodies.sorted() == ["1", "2"])
        #expect(bench.files.text("/spool/.flumespool/a.log.COMPLETED") == "")
        #expect(bench.files.text("/spool/.flumespool/sub/deep/b.log.COMPLETED") == "")
        #expect(bench.files.text("/spool/a.log") == "1\n")
        bench.crash()
        try bench.start()
        bench.run()
        #expect(bench.bodies.count == 2)
    }

    @Test func directoriesThatComeLater() throws {
        let bench = SpoolBench { $0.recursiveDirectorySearch = true }
        try bench.start()
        bench.files.makeDirectory("/spool/new/inner")
        bench.files.write("/spool/new/inner/a", "1\n")
        bench.run(.seconds(3))
        #expect(bench.bodies == ["1"])
        bench.files.remove("/spool/new/inner/a.COMPLETED")
        bench.files.remove("/spool/new/inner")
        bench.files.remove("/spool/new")
        bench.run(.seconds(70))
        #expect(!bench.isDegraded)
    }

    @Test func aBlobIsAFile() throws {
        let bench = SpoolBench {
            $0.deserializer = ConfiguredPart(
                name: "deserializer", type: "blob", configuration: BlobDeserializerConfiguration())
        }
        let text = String(repeating: "line\n", count: 100_000)
        bench.put("a", text)
        try bench.start()
        bench.run()
        #expect(bench.bodies == [text])
    }

    @Test func aLargeFileWaitsForRoom() throws {
        let bench = SpoolBench { $0.batchSize = 1_000 }
        bench.capacity = 5_000
        let lines = (0..<60_000).map { "line \($0) of many" }
        bench.put("a", lines.joined(separator: "\n"))
        bench.isTaking = false
        try bench.start()
        bench.run(.seconds(5))
        #expect(bench.channel.held.events <= 5_000)
        #expect(bench.files.exists("/spool/a"))
        bench.isTaking = true
        bench.run(.seconds(5))
        #expect(bench.bodies == lines)
        #expect(bench.files.exists("/spool/a.COMPLETED"))
    }

    // MARK: Errors

    @Test func aDirectoryThatIsMissing() {
        let bench = SpoolBench { $0.directory = "/none" }
        #expect {
            try bench.start()
        } throws: {
            let error = $0 as? TailraceError
            return error?.code == "spooldir.directory" && error?.component == "edge.sources.r1"
                && error?.fix?.contains("mkdir -p /none") == true
        }
        #expect(!bench.files.exists("/none"))
    }
    @Test func aDirectoryThatCannotBeWritten() {
        let bench = SpoolBench()
        bench.files.fault = { operation, path, _ in
            operation == .open && path.hasPrefix("/spool/") ? TailraceError(code: "file.denied", message: "denied") : nil
        }
        #expect {
            try bench.start()
        } throws: {
            let error = $0 as? TailraceError
            return error?.code == "spooldir.not-writable" && error?.fix?.contains("trackingPolicy = tracker_dir") == true
        }
    }

    /// What Flume stops for (§5.6) is an error of that file alone.
    @Test func aFileThatChangesIsSetAsideAndReadOn() throws {
        let bench = SpoolBench { $0.batchSize = 1_000 }
        bench.capacity = 2_000
        let lines = (0..<40_000).map { "line \($0)" }
        bench.put("a", lines.joined(separator: "\n") + "\n")
        bench.isTaking = false
        try bench.start()
        bench.run()
        bench.files.append("/spool/a", "more\n")
        bench.put("b", "other\n")
        bench.isTaking = true
        bench.run(.seconds(5))
        #expect(bench.log.contains("spooldir.changed"))
        #expect(bench.counter("failed_files_total") == 1 && bench.isDegraded)
        #expect(bench.bodies.contains("other") && bench.files.exists("/spool/b.COMPLETED"))
        // A person says that it is whole now.
        bench.files.append("/spool/a", "end\n")
        bench.run(.seconds(5))
        #expect(bench.bodies.filter { $0 != "other" } == lines + ["more", "end"])
        #expect(bench.files.exists("/spool/a.COMPLETED") && !bench.isDegraded)
    }

    @Test func aNameThatIsTakenIsNotReadTwice() throws {
        let bench = SpoolBench(isDurable: true)
        bench.put("a", "new\n")
        bench.put("a.COMPLETED", "old\n")
        bench.put("b", "b\n")
        try bench.start()
        bench.run()
        #expect(bench.files.text("/spool/a.COMPLETED") == "old\n" && bench.files.exists("/spool/b.COMPLETED"))
        #expect(bench.log.contains("spooldir.name-taken"))
        bench.crash()
        try bench.start()
        bench.run()
        bench.files.rename("/spool/a.COMPLETED", to: "/out/away")
        bench.run()
        #expect(bench.files.text("/spool/a.COMPLETED") == "new\n")
        #expect(bench.delivered.values.sorted() == ["b", "new"])
        #expect(bench.host.log.lines(containing: "spooldir.name-taken").count == 2)
    }

    @Test func aFileThatIsTakenAway() throws {
        let bench = SpoolBench { $0.batchSize = 100 }
        bench.capacity = 200
        let lines = (0..<1_000).map { "\($0)" }
        bench.put("a", lines.joined(separator: "\n"))
        bench.isTaking = false
        try bench.start()
        bench.run()
        bench.files.remove("/spool/a")
        bench.isTaking = true
        bench.put("b", "b")
        bench.run(.seconds(5))
        #expect(bench.bodies.sorted() == (lines + ["b"]).sorted())
        #expect(bench.log.contains("spooldir.vanished") && bench.counter("failed_files_total") == 1)
    }

    @Test func textThatIsNone() throws {
        let bytes: [UInt8] = Array("good\nb\u{e4}d".utf8.dropLast(2)) + [0xFF, 0x0A]
        for (policy, expected) in [
            (TextInput.ErrorPolicy.fail, ["good"]), (.replace, ["good", "b\u{FFFD}\u{FFFD}"]), (.ignore, ["good", "b"]),
        ] {
            let bench = SpoolBench { $0.input.onError = policy }
            bench.files.write("/spool/a", bytes)
            bench.put("b", "fine\n")
            try bench.start()
            bench.run(.seconds(5))
            #expect(bench.bodies.filter { $0 != "fine" } == expected, "\(policy)")
            #expect(bench.bodies.contains("fine"))
            #expect(bench.files.exists("/spool/a") == (policy == .fail))
            #expect(bench.counter("failed_files_total") == (policy == .fail ? 1 : 0))
        }
    }

    @Test(arguments: FileOperation.allCases)
    func anErrorOfTheDiskIsTriedAgain(operation: FileOperation) throws {
        for isDurable in [false, true] {
            for delete in [false, true] {
                let bench = SpoolBench(isDurable: isDurable) { $0.deletePolicy = delete ? .immediate : .never }
                try bench.start()
                var left = 2
                bench.files.fault = { hit, path, _ in
                    guard hit == operation, path.hasPrefix("/spool"), left > 0 else { return nil }
                    left -= 1
                    return TailraceError(code: "disk.failed", message: "for the test")
                }
                bench.put("a", "1\n2\n")
                bench.put("b", "3\n")
                bench.run(.seconds(120))
                #expect(bench.bodies.sorted() == ["1", "2", "3"], "\(operation)")
                #expect(bench.files.names("/spool") == (delete ? [] : ["a.COMPLETED", "b.COMPLETED"]), "\(operation)")
                #expect(!bench.isDegraded)
            }
        }
    }
}
