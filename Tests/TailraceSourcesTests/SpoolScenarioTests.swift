import TailraceCore
import TailraceSimulation
import TailraceSources
import Testing

/// Random files over random crashes, with loss of power and without, and errors of the disk.
struct SpoolScenarioTests {
    private func run(_ seed: UInt64, isDurable: Bool) throws {
        var random = SeededRandom(seed: seed).split("spool")
        func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        let bench = SpoolBench(seed: seed, isDurable: isDurable) {
            $0.batchSize = pick(1...12)
            $0.deletePolicy = seed % 3 == 0 ? .immediate : .never
            $0.trackingPolicy = seed % 3 == 1 ? .trackerDirectory : .rename
            $0.recursiveDirectorySearch = seed % 2 == 0
            $0.pollDelayMilliseconds = pick(0...600)
        }
        bench.files.makeDirectory("/spool/sub")
        bench.capacity = pick(20...200)
        bench.world.faults.watchOverflow = 0.1
        var expected: [String] = [], count = 0, files = 0
        try bench.start()
        if seed % 4 == 0 {
            (bench.world.faults.renameError, bench.world.faults.removeError, bench.world.faults.readError) = (0.1, 0.1, 0.02)
        }
        for _ in 0..<40 {
            switch pick(0...9) {
            case 0...5:
                files += 1
                let lines = (0..<pick(0...60)).map { _ -> String in
                    count += 1
                    return "\(count) " + String(repeating: "x", count: pick(0...40))
                }
                let directory = seed % 2 == 0 && pick(0...1) == 0 ? "sub/" : ""
                // Half of the names come again when their files were deleted.
                let name = bench.configuration.deletePolicy == .immediate ? "f\(files % 7)" : "f\(files)"
                guard !bench.files.exists("/spool/\(directory)\(name)") else { continue }
                bench.put("\(directory)\(name)", lines.joined(separator: "\n"))
                expected += lines.isEmpty ? [""] : lines
            case 6 where pick(0...1) == 0:
                bench.crash(losingPower: pick(0...1) == 0)
                let faults = bench.world.faults
                bench.world.faults = .calm
                try bench.start()
                bench.world.faults = faults
            default: bench.isTaking = pick(0...3) > 0
            }
            bench.run(.milliseconds(Int64(pick(1...400))))
        }
        bench.world.faults = .calm
        bench.isTaking = true
        bench.run(.seconds(90))
        let missing = Set(expected).subtracting(bench.bodies).sorted()
        #expect(missing == [], "seed \(seed)\n\(bench.log)")
        #expect(Set(bench.bodies).subtracting(expected).isEmpty, "seed \(seed)")
        if isDurable { #expect(bench.delivered.values.sorted() == expected.sorted(), "read twice, seed \(seed)") }
        let left = (bench.files.names("/spool") + bench.files.names("/spool/sub")).filter {
            $0.hasPrefix("f") && !$0.hasSuffix(".COMPLETED")
        }
        if bench.configuration.trackingPolicy == .rename { #expect(left == [], "seed \(seed)\n\(bench.log)") }
        #expect(!bench.isDegraded, "seed \(seed)")
    }

    /// Positions and events commit together: nothing is missing, and nothing was read twice.
    @Test(arguments: UInt64(0)..<40) func withADurableChannel(_ seed: UInt64) throws { try run(seed, isDurable: true) }
    /// What was not delivered comes again: nothing is missing.
    @Test(arguments: UInt64(0)..<24) func withAMemoryChannel(_ seed: UInt64) throws { try run(seed, isDurable: false) }

    /// With a memory channel only what was delivered in the last second before a crash may come twice.
    @Test func aMemoryChannelRepeatsLittle() throws {
        let bench = SpoolBench { $0.batchSize = 10 }
        bench.capacity = 20
        bench.put("a", (0..<2_000).map { "\($0)" }.joined(separator: "\n"))
        try bench.start()
        bench.run(.milliseconds(900))
        let before = bench.bodies.count
        #expect(before > 0 && before < 2_000)
        bench.isTaking = false
        bench.run(.seconds(2))
        bench.crash()
        bench.isTaking = true
        try bench.start()
        bench.run(.seconds(10))
        #expect(bench.bodies.count == 2_000)
    }

    @Test func anOrderlyStopRepeatsNothing() throws {
        let bench = SpoolBench { $0.batchSize = 10 }
        bench.capacity = 50
        bench.put("a", (0..<2_000).map { "\($0)" }.joined(separator: "\n"))
        try bench.start()
        bench.run(.milliseconds(700))
        bench.isTaking = false
        // Nobody takes what the channel has: it is not safe, and is read again.
        try bench.stop()
        bench.isTaking = true
        try bench.start()
        bench.run(.seconds(10))
        #expect(bench.bodies == (0..<2_000).map { "\($0)" })
    }
}
