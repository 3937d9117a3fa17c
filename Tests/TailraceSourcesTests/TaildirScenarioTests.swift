import TailraceCore
import TailraceSimulation
import TailraceSources
import Testing

/// Random writers and rotations over random restarts: whatever happens, each line that could be read arrives exactly once, and
/// the lines of one writer arrive in order where they stand in one file.
struct TaildirScenarioTests {
    private struct Scenario {
        let bench: TaildirBench
        var random: SeededRandom
        var next = 0
        /// Written as a whole line, and in no file that was destroyed before the agent could look.
        var expected: [String] = []
        var got: [String] = []
        /// Of the file that is written now: an unfinished line.
        var unfinished: [String: String] = [:]
        var archive = 0
        /// Files of which the agent cannot know yet: renamed away or truncated now, they would be lost for good.
        var unseen: Set<String> = []

        /// What happened, for a seed that fails.
        var story: String {
            (happened + bench.host.log.lines.map { ($0.time, $0.text) }).sorted { $0.0 < $1.0 }
                .map { "\($0.0.nanoseconds / 1_000_000) ms: \($0.1)" }.joined(separator: "\n")
        }
        private var happened: [(Instant, String)] = []
        mutating func tell(_ text: String) { happened.append((bench.world.now, "> \(text)")) }

        init(_ seed: UInt64) {
            // Rotated files are app.log.1 … (they match) or old.1 … (they do not).
            bench = TaildirBench(seed: seed) { configuration in
                var random = SeededRandom(seed: seed)
                configuration.batchSize = Int.random(in: 1...20, using: &random)
                configuration.idleTimeoutMilliseconds = Bool.random(using: &random) ? 2_000 : 120_000
                configuration.maxOpenFiles = Int.random(in: 2...5, using: &random)
            }
            random = bench.world.random("scenario")
            bench.world.faults.watchOverflow = 0.05
            bench.world.faults.readError = seed.isMultiple(of: 3) ? 0.01 : 0
        }

        mutating func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        /// Lets the agent see what is there, and take it all.
        mutating func settle(_ time: Duration) {
            defer {
                if time >= .milliseconds(50) {
                    unseen = unseen.filter { bench.files.read("/logs/\($0)")?.contains(0x0A) == false }
                }
            }
            let lines = bench.lines(in: time)
            tell("settled \(time.text): \(lines.map { $0.split(separator: " ").prefix(2).last ?? "" }.joined(separator: " "))")
            got += lines
        }

        mutating func write(_ name: String) {
            if bench.files.read("/logs/\(name)")?.contains(0x0A) != true { unseen.insert(name) }
            for _ in 0..<pick(1...6) {
                let line = "\(name) \(next) " + String(repeating: "x", count: pick(0...300))
                next += 1
                let half = line.utf8.count / 2
                let start = unfinished.removeValue(forKey: name) ?? ""
                if pick(0...5) == 0 {
                    // In two pieces, the second with the next write.
                    bench.files.append("/logs/\(name)", start.isEmpty ? String(line.prefix(half)) : start)
                    unfinished[name] = start.isEmpty ? String(line.dropFirst(half)) + "\n" : nil
                    if start.isEmpty { expected.append(line) } else { next -= 1 }
                    return
                }
                tell("\(name) \(next - 1)")
                bench.files.append("/logs/\(name)", start + line + (pick(0...9) == 0 ? "\r\n" : "\n"))
                expected.append(line)
            }
        }
        mutating func finishLine(_ name: String) {
            if let rest = unfinished.removeValue(forKey: name) { bench.files.append("/logs/\(name)", rest) }
        }

        mutating func rename(_ name: String) {
            guard bench.files.exists("/logs/\(name)") else { return }
            finishLine(name)
            if unseen.contains(name) { settle(.milliseconds(50)) }
            archive += 1
            let other = Bool.random(using: &random) ? "\(name).\(archive)" : "old.\(archive)"
            tell("rename \(name) to \(other)")
            bench.files.rename("/logs/\(name)", to: "/logs/\(other)")
        }
        mutating func copyAndTruncate(_ name: String) {
            guard let content = bench.files.read("/logs/\(name)"), !content.isEmpty else { return }
            // Nothing of it was read while it had no whole line: nothing tells its copy from others.
            if !content.contains(0x0A) { unseen.insert(name) }
            finishLine(name)
            if unseen.contains(name) || bench.world.faults.readError > 0 { settle(.seconds(12)) }
            archive += 1
            let copy = "/logs/\(Bool.random(using: &random) ? "\(name).\(archive)" : "old.\(archive)")"
            tell("copy \(name) to \(copy) and truncate")
            bench.files.write(copy, bench.files.read("/logs/\(name)")!)
            bench.files.truncate("/logs/\(name)", to: 0)
            if Bool.random(using: &random) { write(name) }
        }
        mutating func delete(_ name: String) {
            guard bench.files.exists("/logs/\(name)") else { return }
            finishLine(name)
            settle(.seconds(8))  // what the agent did not see is lost for good
            tell("delete \(name)")
            bench.files.remove("/logs/\(name)")
        }
    }

    private func run(_ seed: UInt64, restarts: Bool) throws {
        var scenario = Scenario(seed)
        try scenario.bench.start()
        for _ in 0..<60 {
            let name = ["app.log", "app.err", "app.x"][scenario.pick(0...2)]
            switch scenario.pick(0...13) {
            case 0...6: scenario.write(name)
            case 7: scenario.rename(name)
            case 8: scenario.copyAndTruncate(name)
            case 9: scenario.delete(name)
            case 10 where restarts:
                scenario.tell("restart")
                if Bool.random(using: &scenario.random) {
                    scenario.bench.stop()
                } else {
                    // The positions are on the disk by then, so that nothing comes twice.
                    scenario.settle(.seconds(15))
                    scenario.bench.crash()
                }
                for _ in 0..<scenario.pick(0...3) { scenario.write(name) }
                if !scenario.unseen.contains(name), Bool.random(using: &scenario.random) { scenario.rename(name) }
                scenario.bench.world.faults.readError = 0
                scenario.tell("start")
                try scenario.bench.start()
            default: scenario.settle(.milliseconds(Int64(scenario.pick(1...3_000))))
            }
            // Rotations that follow each other within an instant destroy what nobody could have read.
            if scenario.pick(0...1) == 0 { scenario.settle(.milliseconds(Int64(scenario.pick(1...200)))) }
        }
        for name in ["app.log", "app.err", "app.x"] { scenario.finishLine(name) }
        scenario.bench.world.faults = .calm
        scenario.settle(.seconds(130))
        // "app.log 17" for short.
        func short(_ lines: [String]) -> [String] { lines.map { $0.split(separator: " ").prefix(2).joined(separator: " ") } }
        let expected = short(scenario.expected), got = short(scenario.got)
        let missing = Set(expected).subtracting(got).sorted(),
            others = Set(scenario.got).subtracting(scenario.expected).sorted()
        let twice = Dictionary(grouping: got) { $0 }.filter { $1.count > 1 }.keys.sorted()
        #expect(missing == [], "seed \(seed)\n\(scenario.story)")
        #expect(twice == [], "seed \(seed)\n\(scenario.story)")
        #expect(others == [], "seed \(seed)")
    }

    @Test(arguments: 0..<40) func eachLineArrivesOnce(_ seed: UInt64) throws { try run(seed, restarts: false) }
    @Test(arguments: 1000..<1040) func eachLineArrivesOnceOverRestarts(_ seed: UInt64) throws { try run(seed, restarts: true) }

    /// The same seed gives the same turns, batches and files.
    @Test func aSeedReplays() throws {
        var transcripts: [[String]] = []
        for _ in 0..<2 {
            var scenario = Scenario(7)
            try scenario.bench.start()
            for _ in 0..<20 {
                scenario.write("app.log")
                scenario.settle(.milliseconds(500))
                if scenario.pick(0...3) == 0 { scenario.copyAndTruncate("app.log") }
            }
            transcripts.append(scenario.got + scenario.bench.world.transcript.lines)
        }
        #expect(transcripts[0] == transcripts[1])
    }
}
