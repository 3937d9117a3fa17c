import TailraceCore
import Testing

@testable import TailraceTopology

struct RunSetTests {
    /// Against a plain set of numbers: same answers, same runs, same gaps.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func itIsASetOfNumbers(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var runs = RunSet(), model: Set<UInt64> = []
        for _ in 0..<500 {
            let number = UInt64.random(in: 0..<200, using: &random)
            let isNew = runs.insert(number)
            #expect(isNew == model.insert(number).inserted)
        }
        #expect(runs.runs.flatMap { Array($0) } == model.sorted())
        #expect(zip(runs.runs, runs.runs.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
        #expect(runs.count == UInt64(model.count))
        #expect(gaps(of: runs.runs, below: 150).flatMap { Array($0) } == (0..<150).filter { !model.contains($0) })
        #expect(gaps(of: runs.runs, below: 400).flatMap { Array($0) } == (0..<400).filter { !model.contains($0) })
    }

    /// Never more runs than allowed; what was given up is counted, so that no gap is ever lost silently.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func itIsBoundedAndHonest(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var runs = RunSet(limit: 5), model: Set<UInt64> = []
        for _ in 0..<300 {
            let number = UInt64.random(in: 0..<1000, using: &random)
            model.insert(number)
            _ = runs.insert(number)
            #expect(runs.runs.count <= 5)
        }
        let covered = runs.runs.reduce(UInt64(0)) { $0 + UInt64($1.count) }
        #expect(covered == runs.count + runs.forgotten)
        #expect(runs.runs.allSatisfy { model.contains($0.lowerBound) && model.contains($0.upperBound - 1) })
    }

    @Test func numbersInOrderAreOneRun() {
        var runs = RunSet()
        for number in 0..<1000 as Range<UInt64> {
            let isNew = runs.insert(number)
            #expect(isNew)
        }
        #expect(runs.runs == [0..<1000])
        #expect(runs.end == 1000)
    }
}
