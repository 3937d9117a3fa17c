import TailraceCore
import Testing

extension SeededRandom {
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
    /// Ascending runs inside of `0..<count`, not empty, not touching.
    mutating func runs(in count: Int) -> [Range<Int>] {
        var result: [Range<Int>] = [], at = below(3)
        while at < count {
            let end = min(count, at + 1 + below(5))
            result.append(at..<end)
            at = end + 1 + below(4)
        }
        return result
    }
}

private func values<T: FixedWidthInteger>(_ runs: [Range<T>]) -> [T] where T.Stride: SignedInteger {
    runs.flatMap { Array($0) }
}

@Suite struct BatchTests {
    /// `count` events with drawn bodies, some with headers of their own.
    private func batch(_ count: Int, _ random: inout SeededRandom) -> EventBatch {
        var builder = EventBatchBuilder(shared: [Header("host", "h")])
        let hasHeaders = random.below(2) == 0
        for number in 0..<count {
            let body = Array("\(number):".utf8) + [UInt8](repeating: 120, count: random.below(20))
            builder.append(body, headers: hasHeaders && random.below(3) == 0 ? [Header("n", "\(number)")] : [])
        }
        let mark = SourceMark(key: SourcePositionKey(source: "s", key: "f"), position: SourcePosition(bytes: [1]))
        return builder.finish(positions: [mark]).numbered(StreamID(value: 9), from: 1000)
    }
    private func bodies(_ batch: EventBatch) -> [String] {
        var result: [String] = []
        batch.forEach { index, event in
            #expect(batch[index].body == event.body)
            result.append(event.body.text)
        }
        return result
    }

    @Test(arguments: 0..<200 as Range<UInt64>) func pickIsIndexing(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let runs: [Range<UInt64>] = random.runs(in: 60).map { UInt64($0.lowerBound + 5)..<UInt64($0.upperBound + 5) }
        let all = values(runs), wanted = random.runs(in: all.count)
        let picked = pick(wanted, of: runs)
        #expect(values(picked) == values(wanted).map { all[$0] })
        #expect(picked.allSatisfy { !$0.isEmpty })
        #expect(zip(picked, picked.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound }, "runs that touch are one")
        #expect(pick([Range<Int>](), of: runs).isEmpty)
    }

    @Test(arguments: 0..<100 as Range<UInt64>) func keepingKeepsEventsNumbersSpanAndPositions(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var batch = batch(1 + random.below(40), &random), expected = bodies(batch), numbers = values(batch.identity!.sequences)
        for _ in 0..<3 {
            let wanted = random.runs(in: batch.count), span = batch.identity!.span
            batch = batch.keeping(wanted)
            expected = values(wanted).map { expected[$0] }
            numbers = values(wanted).map { numbers[$0] }
            #expect(bodies(batch) == expected && batch.count == expected.count)
            #expect(values(batch.identity!.sequences) == numbers && batch.identity!.span == span)
            #expect(batch.identity!.dropped == span.count - numbers.count)
            #expect(batch.positions.count == 1)
            if batch.count == 0 { return }
        }
    }

    /// "Pieces that follow each other cover the span without a hole; the last has the positions."
    @Test(arguments: 0..<100 as Range<UInt64>) func partsCoverTheSpan(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let whole = batch(1 + random.below(40), &random)
        let batch = whole.keeping(random.runs(in: whole.count))
        guard batch.count > 0 else { return }
        var next = batch.identity!.span.lowerBound, start = 0, all: [String] = []
        while start < batch.count {
            let end = min(batch.count, start + 1 + random.below(8)), part = batch.part(start..<end)
            #expect(part.identity!.span.lowerBound == next)
            next = part.identity!.span.upperBound
            #expect(values(part.identity!.sequences) == values(pick([start..<end], of: batch.identity!.sequences)))
            #expect(values(part.identity!.sequences).allSatisfy { part.identity!.span.contains($0) })
            #expect(part.positions.count == (end == batch.count ? 1 : 0))
            all += bodies(part)
            start = end
        }
        #expect(next == batch.identity!.span.upperBound && all == bodies(batch))
    }

    /// "The most events from `start` on that fit into `limit`, but at least one if there is one."
    @Test(arguments: 0..<100 as Range<UInt64>) func prefixTakesAsManyAsFit(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let whole = batch(1 + random.below(30), &random), batch = whole.keeping(random.runs(in: whole.count))
        let limit = BatchSize(events: 1 + random.below(12), bytes: 1 + random.below(150))
        for start in 0..<batch.count {
            let range = batch.prefix(from: start, fitting: limit)
            #expect(range.lowerBound == start && !range.isEmpty)
            #expect(range.count == 1 || batch.part(range).size.fits(in: limit))
            if range.upperBound < batch.count {
                #expect(!batch.part(start..<range.upperBound + 1).size.fits(in: limit), "one more would have fitted")
            }
        }
        #expect(batch.prefix(fitting: .unlimited) == 0..<batch.count)
        #expect(batch.prefix(from: batch.count, fitting: limit).isEmpty)
    }

    /// "A later hop may drop": what an interceptor leaves out counts as dropped, what it replaces keeps its number.
    @Test func aChangedBatchKeepsNumbersAndPositions() {
        var random = SeededRandom(seed: 1)
        let original = batch(10, &random)
        var builder = EventBatchBuilder(changing: original, shared: [Header("host", "other")])
        for index in [1, 2, 7] { builder.append("new \(index)".utf8, headers: [Header("i", "\(index)")], from: index) }
        let changed = builder.finish()
        #expect(bodies(changed) == ["new 1", "new 2", "new 7"])
        #expect(changed.identity!.sequences == [1001..<1003, 1007..<1008])
        #expect(changed.identity!.span == 1000..<1010 && changed.positions == original.positions)
        #expect(changed[2].headers == [Header("i", "7"), Header("host", "other")])
        let none = EventBatchBuilder(changing: original).finish()
        #expect(none.count == 0 && none.identity!.span == 1000..<1010 && none.positions == original.positions)
    }

    @Test func headersOfTheEventWinOverThoseOfTheBatch() {
        var builder = EventBatchBuilder(shared: [Header("host", "shared"), Header("file", "f")])
        builder.append("plain".utf8)
        builder.append("own".utf8, headers: [Header("host", "mine"), Header("", "empty name"), Header("empty", "")])
        let batch = builder.finish()
        #expect(batch[0].headers == [Header("host", "shared"), Header("file", "f")])
        #expect(batch[0].header("host")?.text == "shared" && batch[0].header("empty") == nil)
        #expect(batch[1].header("host")?.text == "mine" && batch[1].header("file")?.text == "f")
        #expect(batch[1].header("")?.text == "empty name" && batch[1].header("empty")?.text == "")
        #expect(batch[1].headers.map(\.name) == ["host", "", "empty", "file"])
    }

    /// Garbage is recognised, and never read beyond.
    @Test(arguments: 0..<300 as Range<UInt64>) func aHeaderTableOfGarbage(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var builder = BufferBuilder(capacity: 0)
        for _ in 0..<random.below(4) {
            EventHeaderTable.append(
                Header("n\(random.below(9))", String(repeating: "v", count: random.below(300))), to: &builder)
        }
        let good = builder.finish()
        func isWhole(_ bytes: [UInt8]) -> Bool {
            Bytes(copying: bytes).withUnsafeBytes { run in
                EventHeaderTable.walk(run) { name, value in
                    #expect(name.lowerBound >= 0 && name.upperBound <= value.lowerBound && value.upperBound <= run.count)
                    return true
                }
            }
        }
        #expect(isWhole(Array(good)))
        var bytes = Array(good)
        for _ in 0..<1 + random.below(4) where !bytes.isEmpty { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
        _ = isWhole(bytes)
        _ = isWhole((0..<random.below(40)).map { _ in UInt8(random.below(256)) })
        var ends: Set<Int> = [0]
        good.withUnsafeBytes { run in
            _ = EventHeaderTable.walk(run) { _, value in
                ends.insert(value.upperBound)
                return true
            }
        }
        for length in 0...good.count { #expect(isWhole(Array(good.prefix(length))) == ends.contains(length)) }
        #expect(!isWhole([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2]), "a length of many bytes")
        #expect(!isWhole([0x05, 0x61]), "a length beyond the end")
    }
}
