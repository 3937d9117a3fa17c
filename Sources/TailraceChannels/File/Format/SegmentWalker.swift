import TailraceCore
import TailraceWire

/// Walks over the records of one segment in whatever windows of it the caller has read, and finds its way again behind damage.
/// It reads nothing itself, and remembers no bytes.
struct SegmentWalker {
    enum Step: Equatable {
        /// Payload and one frame are right. `isIntact`: both frames are, and the padding.
        case record(RecordFrame, at: Int, isIntact: Bool)
        /// What stands in the range is lost. With the frame, if there is one that names it.
        case damaged(Range<Int>, RecordFrame?)
        /// Read more: the window must have all of this range.
        case needs(Range<Int>)
        /// No record follows.
        case end(Int)
    }
    private let seed: UInt32
    /// Where the next record is expected.
    private(set) var at: Int
    /// Nothing at or behind it belongs to the log.
    var limit: Int
    /// Where the search for a frame goes on; nil: none is under way.
    private var search: Int?
    /// Of the record at ``at``, whose payload was not in the window.
    private var known: (frame: RecordFrame, isFromBack: Bool)?

    init(channel: UInt64, segment: UInt64, from at: Int = SegmentPrologue.byteCount, limit: Int) {
        seed = RecordFrame.seed(channel: channel, segment: segment)
        (self.at, self.limit) = (at, limit)
    }

    /// `window`: the segment's bytes from `start` on.
    mutating func next(_ window: UnsafeRawBufferPointer, from start: Int) -> Step {
        while true {
            if let (frame, isFromBack) = known { return whole(frame, isFromBack: isFromBack, window, start) }
            if let from = search {
                if let step = look(from, window, start) { return step }
                continue
            }
            let head = at..<at + RecordFrame.byteCount
            guard head.upperBound <= limit else { return .end(at) }
            guard has(head, window, start) else { return .needs(head) }
            let bytes = UnsafeRawBufferPointer(rebasing: window[(at - start)...])
            if let frame = RecordFrame(bytes, mark: RecordFrame.frontMark, seed: seed) {
                return whole(frame, isFromBack: false, window, start)
            }
            search = at + FileFormat.alignment
        }
    }
    private func has(_ range: Range<Int>, _ window: UnsafeRawBufferPointer, _ start: Int) -> Bool {
        range.lowerBound >= start && range.upperBound <= start + window.count
    }

    private mutating func whole(
        _ frame: RecordFrame, isFromBack: Bool, _ window: UnsafeRawBufferPointer, _ start: Int
    ) -> Step {
        let record = at..<at + frame.recordLength
        guard record.upperBound <= limit else {
            (known, at) = (nil, limit)
            return .damaged(record.lowerBound..<limit, frame)
        }
        guard has(record, window, start) else {
            known = (frame, isFromBack)
            return .needs(record)
        }
        (known, at) = (nil, record.upperBound)
        let payload = record.lowerBound + RecordFrame.byteCount - start, end = payload + frame.payloadLength
        guard crc32c(UnsafeRawBufferPointer(rebasing: window[payload..<end])) == frame.payloadChecksum else {
            return .damaged(record, frame)
        }
        let back = record.upperBound - RecordFrame.byteCount - start
        let isIntact =
            !isFromBack && window[end..<back].allSatisfy { $0 == 0 }
            && RecordFrame(UnsafeRawBufferPointer(rebasing: window[back...]), mark: RecordFrame.backMark, seed: seed) == frame
        return .record(frame, at: record.lowerBound, isIntact: isIntact)
    }
    /// The next place that a frame begins at. nil: look at what was found.
    private mutating func look(_ from: Int, _ window: UnsafeRawBufferPointer, _ start: Int) -> Step? {
        var place = from
        while place + RecordFrame.byteCount <= limit {
            guard has(place..<place + RecordFrame.byteCount, window, start) else {
                search = place
                return .needs(place..<min(limit, place + RecordFrame.byteCount))
            }
            let mark = UInt32(littleEndian: window.loadUnaligned(fromByteOffset: place - start, as: UInt32.self))
            if mark == RecordFrame.frontMark || mark == RecordFrame.backMark {
                let bytes = UnsafeRawBufferPointer(rebasing: window[(place - start)...])
                if let frame = RecordFrame(bytes, mark: mark, seed: seed) {
                    let first = mark == RecordFrame.frontMark ? place : place + RecordFrame.byteCount - frame.recordLength
                    if first >= at {
                        search = nil
                        if mark == RecordFrame.backMark { known = (frame, true) }
                        guard first > at else { return nil }
                        defer { at = first }
                        return .damaged(at..<first, nil)
                    }
                }
            }
            place += FileFormat.alignment
        }
        search = place
        return .end(at)
    }
}
