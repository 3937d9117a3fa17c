import TailraceCore

/// The oldest records that are not wholly delivered, in the order of the log: what is taken, what was given back, and how far
/// the log is delivered without a gap. Pure.
struct DeliveryLine {
    /// A record in memory. Its batch is let go of when it is delivered.
    final class Record {
        let number: UInt64
        /// Where it begins, and where the next one does.
        let position: ReadPosition
        let end: ReadPosition
        let time: WallTime
        fileprivate(set) var batch: EventBatch?
        let size: BatchSize
        /// Events before it are taken.
        fileprivate var cursor = 0
        fileprivate var isTaken = false
        /// Delivered events: ascending, apart.
        fileprivate var delivered: [Range<Int>] = []
        fileprivate var isDelivered = false

        init(_ batch: EventBatch?, _ position: ReadPosition, end: ReadPosition, time: WallTime) {
            (self.batch, self.position, self.end, self.time) = (batch, position, end, time)
            number = position.number
            size = batch?.size ?? .zero
            isDelivered = batch == nil
            cursor = min(Int(position.prefix), size.events)
            if cursor > 0 { delivered = [0..<cursor] }
        }
        fileprivate var prefix: Int { delivered.first?.lowerBound == 0 ? delivered[0].upperBound : 0 }
    }
    struct Piece {
        let record: Record
        let events: Range<Int>
        var batch: EventBatch { record.batch!.part(events) }
    }

    private var records: [Record] = []
    private var first = 0
    /// The first that is not wholly taken.
    private var next = 0
    private var givenBack: [Piece] = []
    private var open: [UInt64: Piece] = [:]
    /// Everything before it is delivered.
    private(set) var position: ReadPosition
    /// Bytes of batches that are not taken yet.
    private(set) var waitingBytes = 0
    /// Not delivered, of what is in memory.
    private(set) var size = BatchSize.zero

    init(_ position: ReadPosition) { self.position = position }

    /// The time of the oldest that is not delivered.
    var oldest: WallTime? { first < records.count ? records[first].time : nil }
    var hasOpen: Bool { !open.isEmpty }

    /// The next record of the log; without a batch: nothing to deliver, it only moves the position.
    mutating func append(_ record: Record) {
        records.append(record)
        if record.batch != nil {
            waitingBytes += record.size.bytes
            size += record.size
            size.events -= record.cursor
        }
        if record.isDelivered || (record.size.events > 0 && record.cursor == record.size.events) {
            finish(record)
        }
        skipTaken()
        advance()
    }
    private mutating func finish(_ record: Record) {
        if record.batch != nil { size.bytes -= record.size.bytes }
        if !record.isTaken {
            record.isTaken = true
            if record.batch != nil { waitingBytes -= record.size.bytes }
        }
        record.isDelivered = true
        record.batch = nil
    }

    /// What would be taken.
    var offer: Piece? {
        if let piece = givenBack.first { return piece }
        guard next < records.count else { return nil }
        return Piece(record: records[next], events: records[next].cursor..<records[next].size.events)
    }

    mutating func take(_ id: UInt64, upTo limit: BatchSize) -> EventBatch? {
        guard let piece = offer else { return nil }
        let whole = piece.batch, fitting = whole.prefix(fitting: limit)
        let end = piece.events.lowerBound + fitting.count
        if !givenBack.isEmpty {
            givenBack.removeFirst()
            if end < piece.events.upperBound {
                givenBack.insert(Piece(record: piece.record, events: end..<piece.events.upperBound), at: 0)
            }
        } else {
            piece.record.cursor = end
            if end == piece.record.size.events {
                piece.record.isTaken = true
                waitingBytes -= piece.record.size.bytes
                skipTaken()
            }
        }
        open[id] = Piece(record: piece.record, events: piece.events.lowerBound..<end)
        return whole.part(fitting)
    }
    private mutating func skipTaken() { while next < records.count, records[next].isTaken { next += 1 } }

    enum Settled {
        case unknown
        case back
        /// So many events.
        case delivered(Int)
    }
    mutating func settle(_ id: UInt64, isDelivered: Bool) -> Settled {
        guard let piece = open.removeValue(forKey: id) else { return .unknown }
        guard isDelivered else {
            let index = givenBack.firstIndex {
                ($0.record.number, $0.events.lowerBound) > (piece.record.number, piece.events.lowerBound)
            }
            givenBack.insert(piece, at: index ?? givenBack.count)
            return .back
        }
        let record = piece.record
        size.events -= piece.events.count
        insert(piece.events, into: &record.delivered)
        if record.prefix == record.size.events { finish(record) }
        advance()
        return .delivered(piece.events.count)
    }
    private func insert(_ range: Range<Int>, into runs: inout [Range<Int>]) {
        guard !range.isEmpty else { return }
        let index = runs.firstIndex { $0.lowerBound > range.lowerBound } ?? runs.count
        var low = range.lowerBound, high = range.upperBound, from = index, to = index
        if index > 0, runs[index - 1].upperBound == low { (low, from) = (runs[index - 1].lowerBound, index - 1) }
        if index < runs.count, runs[index].lowerBound == high { (high, to) = (runs[index].upperBound, index + 1) }
        runs.replaceSubrange(from..<to, with: [low..<high])
    }

    private mutating func advance() {
        while first < records.count, records[first].isDelivered {
            position = records[first].end
            first += 1
        }
        if first < records.count {
            position = records[first].position
            position.prefix = UInt32(records[first].prefix)
        }
        guard first >= 64, first * 2 >= records.count else { return }
        records.removeFirst(first)
        next -= first
        first = 0
    }

    /// The log goes on there, without what is between: it is lost.
    mutating func skip(to position: ReadPosition) {
        if first == records.count { self.position = position }
    }
}
