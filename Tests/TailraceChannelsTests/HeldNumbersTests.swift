import TailraceChannels
import TailraceCore
import Testing

@Suite struct HeldNumbersTests {
    private func identity(_ runs: [Range<UInt64>], stream: UInt64 = 1) -> BatchIdentity {
        let span = runs.isEmpty ? 0..<0 : runs.first!.lowerBound..<runs.last!.upperBound
        return BatchIdentity(stream: StreamID(value: stream), span: span, sequences: runs)
    }

    /// Against a set of numbers: what is missing is exactly what was never added, by index.
    @Test(arguments: (0..<200).map { UInt64($0) })
    func missingIsWhatWasNeverAdded(seed: UInt64) {
        var random = SeededRandom(seed: seed), held = HeldNumbers(), model: Set<UInt64> = []
        for _ in 0..<60 {
            var runs: [Range<UInt64>] = [], at = UInt64.random(in: 0..<200, using: &random)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let end = at + UInt64.random(in: 1...20, using: &random)
                runs.append(at..<end)
                at = end + UInt64.random(in: 1...10, using: &random)
            }
            let batch = identity(runs), numbers = runs.flatMap { Array($0) }
            let missing = held.missing(batch, count: numbers.count).flatMap { Array($0) }.map { numbers[$0] }
            #expect(missing == numbers.filter { !model.contains($0) })
            if Bool.random(using: &random) {
                held.add(batch)
                model.formUnion(numbers)
            } else if Int.random(in: 0..<4, using: &random) == 0 {
                held.remove(batch)
                model.subtract(numbers)
            }
        }
    }

    @Test func gapsAreNotHeld() {
        var held = HeldNumbers()
        held.add(identity([0..<10, 20..<30]))
        #expect(held.missing(identity([0..<30]), count: 30) == [10..<20])
    }

    /// At the limit the oldest run is forgotten: a resend of it is stored twice, and that is counted.
    @Test func theOldestRunIsForgottenFirst() {
        var held = HeldNumbers(streamLimit: 10, runLimit: 2)
        for start in [0, 100, 200] as [UInt64] { held.add(identity([start..<start + 10])) }
        #expect(held.runs(of: StreamID(value: 1)) == [100..<110, 200..<210])
        #expect(held.forgotten == 1)
        #expect(held.missing(identity([0..<10]), count: 10) == [0..<10])
    }

    @Test func theStreamThatWasQuietForLongestIsForgottenFirst() {
        var held = HeldNumbers(streamLimit: 10, runLimit: 4)
        for stream in 0..<10 as Range<UInt64> { held.add(identity([0..<5], stream: stream)) }
        held.add(identity([5..<6], stream: 0))
        held.add(identity([0..<5], stream: 99))
        #expect(held.runs(of: StreamID(value: 0)) == [0..<6])
        #expect(held.runs(of: StreamID(value: 1)) == [])
        #expect(held.runs(of: StreamID(value: 99)) == [0..<5])
    }
}
