import Glibc
import Testing

@Suite struct CrashModelTests {
    /// `TAILRACE_CRASH_SEEDS`: 10000 in CI, a million by hand, in a release build.
    static let seeds = getenv("TAILRACE_CRASH_SEEDS").flatMap { Int(String(cString: $0)) } ?? 500
    static let chunks = 20

    @Test(arguments: 0..<chunks) func nothingThatWasAnsweredIsLost(chunk: Int) {
        var failures = 0
        for seed in stride(from: chunk, to: Self.seeds, by: Self.chunks) where failures < 3 {
            let model = CrashModel(seed: UInt64(seed))
            do { try model.run() } catch {
                failures += 1
                Issue.record("seed \(seed): \(error)\n\(model.trace)")
            }
        }
    }
}
