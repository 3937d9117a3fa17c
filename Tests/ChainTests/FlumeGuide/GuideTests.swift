import TailraceConfiguration
import TailraceCore
import Testing

/// A site starts on its own file: what Flume's user guide shows is taken, or refused by name with what to use instead.
@Suite struct GuideTests {
    @Test(arguments: GuideExample.sources) func sources(_ example: GuideExample) { check(example) }
    @Test(arguments: GuideExample.channels) func channels(_ example: GuideExample) { check(example) }
    @Test(arguments: GuideExample.sinks) func sinks(_ example: GuideExample) { check(example) }
    @Test(arguments: GuideExample.interceptors) func interceptors(_ example: GuideExample) { check(example) }
    @Test(arguments: GuideExample.agents) func agents(_ example: GuideExample) { check(example) }

    @Test(arguments: GuideExample.oldKeys) func oldKeys(_ example: GuideExample) { check(example) }

    private func check(_ example: GuideExample) {
        let loaded = example.loaded
        let errors = loaded.problems.filter { $0.severity == .error }
        let told = errors.map { "\($0.key): \($0.message) | \($0.fix ?? "")" }
        switch example.outcome {
        case .starts:
            #expect(told == [])
            #expect(loaded.agents.map(\.name) == ["a1"])
        case .refused(let key, let because, let instead):
            #expect(errors.map(\.key) == [key])
            for error in errors {
                #expect(error.message.contains(because), "\(told)")
                #expect(error.fix?.contains(instead) == true, "\(told)")
            }
            #expect(loaded.agents.isEmpty)
        }
    }
}
