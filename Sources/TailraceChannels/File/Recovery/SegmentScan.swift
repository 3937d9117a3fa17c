import TailraceCore
import TailraceWire

/// What the records of one segment say about where it ends: of the last sync group an undamaged prefix counts, and all of what
/// was before it. Pure.
struct SegmentSummary: Equatable {
    /// The last group that anything is there of; nil: no record at all.
    private(set) var group: UInt64?
    /// Where the records of that group begin, and where its undamaged prefix ends.
    private(set) var groupStart = 0
    private(set) var end = SegmentPrologue.byteCount
    /// Behind the last record that counts.
    private(set) var log = LogEnd()
    private var isBroken = false
    /// The last record that counts is a close record.
    private(set) var isClosed = false
    /// Records of the last group behind its prefix: they were never acknowledged.
    private(set) var torn = 0
    private(set) var hasHead = false
    /// Something before the last group is missing.
    private(set) var hasDamage = false
    /// Behind every record that is there.
    private(set) var highest: UInt64 = 0

    private var lastEnd = SegmentPrologue.byteCount
    private var expected: UInt64?
    private let firstNumber: UInt64?

    /// `prologue`: nil if it is damaged.
    init(_ prologue: SegmentPrologue? = nil) {
        firstNumber = prologue?.firstNumber
        guard let prologue else { return }
        (log.number, log.events, log.bytes) = (prologue.firstNumber, prologue.eventsBefore, prologue.bytesBefore)
    }

    /// A record in the order of the file. `isWhole`: else only its frame is right.
    mutating func found(_ frame: RecordFrame, at offset: Int, isWhole: Bool) {
        highest = max(highest, frame.endNumber)
        if group == nil || frame.group > group! {
            // That all before this group was synced is sure now.
            if isBroken || torn > 0 { hasDamage = true }
            let first = frame.number - UInt64(frame.index)
            if let expected, expected < first { hasDamage = true }
            // The first that is found: is it of the first group, which has the head?
            if expected == nil, firstNumber.map({ first > $0 }) ?? (frame.index == 0 && frame.kind != .head) {
                hasDamage = true
            }
            (group, isBroken, torn, isClosed) = (frame.group, false, 0, false)
            if frame.index > 0 || !isWhole {
                // Its first record is not there: nothing of it counts.
                (groupStart, isBroken) = (lastEnd, true)
                end = lastEnd
                log.number = first
                if isWhole { torn += 1 }
                return
            }
            (groupStart, end) = (offset, offset)
            (log.number, log.events, log.bytes) = (frame.number, frame.eventsBefore, frame.bytesBefore)
        }
        guard isWhole, !isBroken, frame.number == log.number, offset == end else {
            isBroken = true
            if isWhole { torn += 1 }
            return
        }
        (end, lastEnd) = (offset + frame.recordLength, offset + frame.recordLength)
        log.passed(frame)
        expected = frame.endNumber
        isClosed = frame.kind == .close
        if frame.kind == .head { hasHead = true }
    }
}

/// Reads one segment with the disk's thread, a bounded chunk at a time, and hands on what it finds.
final class SegmentScan {
    enum Found {
        /// Its bytes are valid within the call.
        case record(RecordFrame, at: Int, Bytes)
        case damaged(Range<Int>, RecordFrame?)
    }
    private let file: any File
    private var walker: SegmentWalker
    private let visit: (Found) -> Void
    private let done: Completion

    init(
        _ file: any File, channel: UInt64, segment: UInt64, limit: Int, _ visit: @escaping (Found) -> Void,
        _ done: @escaping Completion
    ) {
        (self.file, self.visit, self.done) = (file, visit, done)
        walker = SegmentWalker(channel: channel, segment: segment, limit: limit)
    }

    func start() { walk(Bytes(), at: 0) }

    private func walk(_ window: Bytes, at start: Int) {
        while true {
            let step = window.withUnsafeBytes { walker.next($0, from: start) }
            switch step {
            case .record(let frame, let offset, _):
                let first = window.startIndex + offset - start
                visit(.record(frame, at: offset, window[first..<first + frame.recordLength]))
            case .damaged(let range, let frame): visit(.damaged(range, frame))
            case .end: return done(.success(()))
            case .needs(let range): return read(range)
            }
        }
    }
    private func read(_ range: Range<Int>) {
        let count = max(range.count, min(LogReader.chunk, walker.limit - range.lowerBound))
        file.read(at: Int64(range.lowerBound), count: count) { [self] result in
            switch result {
            case .failure(let error): done(.failure(error))
            case .success(let bytes):
                // Shorter than it was a moment ago, or than its directory says.
                if bytes.count < range.count { walker.limit = range.lowerBound + bytes.count }
                walk(bytes, at: range.lowerBound)
            }
        }
    }
}
