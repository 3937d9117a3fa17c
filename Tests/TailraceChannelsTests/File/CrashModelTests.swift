import Glibc
import Testing

@Suite struct CrashModelTests {
    /// `TAILRACE_CRASH_SEEDS`: 10000 in CI, a million by hand, in a release build.
    static let seeds = getenv("TAILRACE_CRASH_SEEDS").flatMap { Int(String(cString: $0)) } ?? 500
    static let chunks = 20

    @Test(arguments: 0..<chunks) func nothingThatWasAnsweredIsLost(chunk: Int) {
        var failures = 0
        for seed in stride(from: chunk, to: Self.seeds, by: Self.chunks) where failures < 3 {
            if !passes(CrashModel(seed: UInt64(seed)), seed) { failures += 1 }
        }
    }
    @Test(arguments: 0..<chunks) func norByASpillableChannel(chunk: Int) {
        var failures = 0
        for seed in stride(from: chunk, to: Self.seeds, by: Self.chunks) where failures < 3 {
            if !passes(CrashModel(seed: UInt64(seed), isSpillable: true), seed) { failures += 1 }
        }
    }
    private func passes(_ model: CrashModel, _ seed: Int) -> Bool {
        do {
            try model.run()
            return true
        } catch {
            Issue.record("seed \(seed): \(error)\n\(model.trace)")
            return false
        }
    }
}
