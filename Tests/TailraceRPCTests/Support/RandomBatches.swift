import TailraceCore

/// Batches as they can come from any source, filter and channel of ours.
struct RandomBatches {
    var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    mutating func chance(_ percent: Int) -> Bool { number(1...100) <= percent }

    mutating func header() -> Header {
        let texts = ["", "host", "a b", "ümläut", "x=\u{0}y", String(repeating: "v", count: number(0...300))]
        return Header(texts[number(0...5)], texts[number(0...5)])
    }

    mutating func batch(maximumEvents: Int = 60) -> EventBatch {
        let count = number(0...maximumEvents), gapStyle = number(0...3)
        var buffer = BufferBuilder(capacity: 64), bodies: [BodyRange] = []
        buffer.append((0..<number(0...5)).map { _ in UInt8(7) })
        for index in 0..<count {
            if index > 0 {
                let gap = [0, 1, number(0...3), number(0...200)][gapStyle]
                buffer.append((0..<gap).map { _ in UInt8(10) })
            }
            let start = UInt32(buffer.count), length = chance(5) ? number(0...40_000) : number(0...200)
            for _ in 0..<length { buffer.append(UInt8(truncatingIfNeeded: chance(80) ? 97 : number(0...255))) }
            bodies.append(BodyRange(start: start, end: UInt32(buffer.count)))
        }
        let shared = (0..<(chance(50) ? number(0...4) : 0)).map { _ in header() }
        let table = chance(40) ? headerTable(count) : nil
        var batch = EventBatch(buffer.finishBuffer(), bodies, shared: shared, eventHeaders: table)
        batch = batch.numbered(StreamID(value: random.next()), from: random.next() >> UInt64(number(2...60)))
        if chance(40) { batch = filtered(batch) }
        if chance(20), batch.count > 2 {
            let low = number(0...batch.count - 2)
            batch = batch.part(low..<number(low + 1...batch.count))
        }
        return batch
    }

    private mutating func headerTable(_ count: Int) -> EventHeaderTable {
        var bytes = BufferBuilder(capacity: 64), ranges: [BodyRange] = []
        for _ in 0..<count {
            if chance(30) {
                ranges.append(BodyRange(start: UInt32(bytes.count), end: UInt32(bytes.count)))
                continue
            }
            let start = UInt32(bytes.count)
            for _ in 0..<number(0...3) { EventHeaderTable.append(header(), to: &bytes) }
            ranges.append(BodyRange(start: start, end: UInt32(bytes.count)))
        }
        return EventHeaderTable(bytes: bytes.finish(), ranges: ranges)
    }

    private mutating func filtered(_ batch: EventBatch) -> EventBatch {
        var kept: [Range<Int>] = []
        for index in 0..<batch.count where chance(60) {
            if let last = kept.last, last.upperBound == index {
                kept[kept.count - 1] = last.lowerBound..<index + 1
            } else {
                kept.append(index..<index + 1)
            }
        }
        return batch.keeping(kept)
    }
}

/// What must survive the way: identity, bodies, headers of each event.
struct BatchContent: Equatable {
    var identity: BatchIdentity?
    var events: [EventContent] = []
    struct EventContent: Equatable {
        var body: [UInt8]
        var headers: [Header]
    }
    init(_ batch: EventBatch) {
        identity = batch.identity
        batch.forEach { _, event in events.append(EventContent(body: Array(event.body), headers: event.headers)) }
    }
}
