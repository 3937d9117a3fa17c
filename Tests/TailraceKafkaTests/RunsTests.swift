import TailraceCore
import Testing

@testable import TailraceKafka

struct RunsTests {
    @Test(arguments: 0..<20) func agreesWithASet(seed: UInt64) {
        var random = SeededRandom(seed: seed), runs = Runs<Int>(), model: Set<Int> = []
        for _ in 0..<300 {
            let low = Int.random(in: 0..<60, using: &random), range = low..<low + Int.random(in: 0..<9, using: &random)
            if Bool.random(using: &random) {
                runs.insert(range)
                model.formUnion(range)
            } else {
                runs.remove(range)
                model.subtract(range)
            }
            #expect(runs.ranges.flatMap(Array.init) == model.sorted())
            #expect(zip(runs.ranges, runs.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
            #expect(runs.count == model.count)
            let bounds = low..<low + 12
            #expect(runs.clamped(to: bounds).flatMap(Array.init) == model.filter(bounds.contains).sorted())
        }
    }
    @Test func keepsTheHighest() {
        var runs = Runs([1..<2, 4..<5, 8..<9])
        runs.keepLast(2)
        #expect(runs.ranges == [4..<5, 8..<9])
    }
}
