import TailraceCore
import TailraceWire

/// Events of the log that cannot be delivered any more.
struct LogLoss {
    var segment: SegmentInfo
    /// In its file.
    var range: Range<Int>
    /// Record numbers.
    var numbers: Range<UInt64>
    var size: BatchSize
    /// Frames of damaged records, where they could be read.
    var named: [RecordFrame]
}

protocol LogReaderOwner: AnyObject {
    /// The next records of the log; those without a batch only move the position.
    func loaded(_ records: [DeliveryLine.Record])
    func lost(_ loss: LogLoss)
    /// Whether more is wanted in memory than what it has, and so many bytes that it will be given.
    func wantsMore(beyond bytes: Int) -> Bool
    /// The same for what has just been written and is in memory still.
    func keepsInMemory(beyond bytes: Int) -> Bool
}

/// Brings records into memory in the order of the log. While the sinks keep up they come straight from the writer; what did not
/// fit is read by the disk's thread when its turn comes, a bounded chunk at a time.
final class LogReader {
    static let chunk = 1 << 20

    private let environment: Environment
    private let disks: [any Disk]
    private let channel: UInt64
    private weak var owner: (any LogReaderOwner)?
    private let arena = WireArena()
    /// From the one that is read on.
    private var segments: [SegmentInfo]
    /// Of the next record to load.
    private(set) var cursor: ReadPosition
    private var end: LogEnd
    /// All that the log has is loaded.
    private(set) var isCaughtUp = false
    private var file: (any File)?
    private var walker: SegmentWalker?
    private var isBusy = false, hasEnded = false
    private var failures = 0
    private var damage: [RecordFrame] = []
    private var damagedFrom: Int?

    init(
        _ environment: Environment, _ disks: [any Disk], channel: UInt64, segments: [SegmentInfo], from cursor: ReadPosition,
        end: LogEnd, _ owner: any LogReaderOwner
    ) {
        (self.environment, self.disks, self.channel, self.segments) = (environment, disks, channel, segments)
        (self.cursor, self.end, self.owner) = (cursor, end, owner)
    }

    /// New records of the log, in its order.
    func written(_ records: [WrittenRecord], in segment: SegmentInfo, end offset: Int, endNumber: UInt64) {
        if segments.last?.number == segment.number {
            (segments[segments.count - 1].end, segments[segments.count - 1].endNumber) = (offset, endNumber)
        } else {
            var segment = segment
            (segment.end, segment.endNumber) = (offset, endNumber)
            // The first record may be missing (only a close record was written): then the end says the same.
            let first = records.first?.frame
            (segment.eventsBefore, segment.bytesBefore) = (first?.eventsBefore ?? end.events, first?.bytesBefore ?? end.bytes)
            segment.firstNumber = first?.number
            segments.append(segment)
        }
        if let last = records.last { end.passed(last.frame) }
        end.number = endNumber
        guard isCaughtUp, let owner else { return }
        var loaded: [DeliveryLine.Record] = [], bytes = 0
        for (index, record) in records.enumerated() {
            let next = index + 1 < records.count ? records[index + 1].offset : offset
            let position = place(record.frame, record.offset, segment.number)
            guard owner.keepsInMemory(beyond: bytes) else {
                // Enough for now: this one and those behind it are read when their turn comes.
                cursor = position
                isCaughtUp = false
                break
            }
            bytes += record.put.batch.size.bytes
            loaded.append(self.record(record.frame, record.put.batch, position, segment.number, next))
        }
        if isCaughtUp {
            cursor = ReadPosition(
                segment: segment.number, offset: UInt64(offset), number: endNumber, eventsBefore: end.events,
                bytesBefore: end.bytes)
            dropRead(segment.number)
        }
        if !loaded.isEmpty { owner.loaded(loaded) }
        fill()
    }
    private func dropRead(_ number: UInt64) {
        guard let first = segments.first, first.number < number else { return }
        segments.removeAll { $0.number < number }
        closeFile()
    }

    private func place(_ frame: RecordFrame, _ offset: Int, _ segment: UInt64) -> ReadPosition {
        ReadPosition(
            segment: segment, offset: UInt64(offset), number: frame.number, eventsBefore: frame.eventsBefore,
            bytesBefore: frame.bytesBefore)
    }
    private func record(
        _ frame: RecordFrame, _ batch: EventBatch?, _ position: ReadPosition, _ segment: UInt64, _ next: Int
    ) -> DeliveryLine.Record {
        let end = ReadPosition(
            segment: segment, offset: UInt64(next), number: frame.endNumber, eventsBefore: frame.eventsAfter,
            bytesBefore: frame.bytesAfter)
        // One that has nothing but positions is never taken.
        let isTaken = frame.kind == .batch && !(frame.events == 0 && frame.span.isEmpty)
        return DeliveryLine.Record(isTaken ? batch : nil, position, end: end, time: frame.time)
    }

    func stop() {
        hasEnded = true
        if !isBusy { closeFile() }
    }
    private func closeFile() {
        file?.close()
        (file, walker) = (nil, nil)
    }

    // MARK: Reading back

    /// Reads on if more is wanted and there is some.
    func fill() {
        guard !isCaughtUp, !isBusy, !hasEnded, let owner, owner.wantsMore(beyond: 0) else { return }
        guard let segment = segments.first(where: { $0.number >= cursor.segment }) else {
            isCaughtUp = true
            return
        }
        segments.removeAll { $0.number < segment.number }
        if segment.number > cursor.segment { enter(segment) }
        guard let file else { return open(segment) }
        if var walker {
            if let limit = segment.end { walker.limit = max(limit, walker.at) }
            self.walker = walker
        } else {
            do throws(TailraceError) {
                let size = Int(try file.information().size), limit = segment.end ?? size
                walker = SegmentWalker(
                    channel: channel, segment: segment.number, from: min(Int(cursor.offset), limit), limit: limit)
            } catch { return failed(error) }
        }
        walk(Bytes(), at: Int(cursor.offset), segment)
    }

    /// Leaves what is between out, and says so.
    private func enter(_ segment: SegmentInfo) {
        closeFile()
        let events = segment.eventsBefore ?? cursor.eventsBefore, bytes = segment.bytesBefore ?? cursor.bytesBefore
        if events > cursor.eventsBefore || !damage.isEmpty {
            let offset = Int(cursor.offset)
            report(
                SegmentInfo(number: cursor.segment, disk: Int(cursor.segment % UInt64(disks.count))), offset..<offset,
                to: segment.firstNumber ?? cursor.number, events, bytes)
        }
        cursor = ReadPosition(
            segment: segment.number, offset: UInt64(SegmentPrologue.byteCount), number: segment.firstNumber ?? cursor.number,
            eventsBefore: events, bytesBefore: bytes)
    }

    private func open(_ segment: SegmentInfo) {
        isBusy = true
        disks[segment.disk].open(FileFormat.name(ofSegment: segment.number), preallocating: 0) { [weak self] result in
            guard let self else { return }
            isBusy = false
            switch result {
            case .failure(let error): failed(error)
            case .success(let file):
                if hasEnded { return file.close() }
                self.file = file
                fill()
            }
        }
    }

    private func read(_ range: Range<Int>, _ segment: SegmentInfo) {
        guard let file, let walker else { return }
        isBusy = true
        let count = max(range.count, min(Self.chunk, walker.limit - range.lowerBound))
        file.read(at: Int64(range.lowerBound), count: count) { [weak self] result in
            guard let self else { return }
            isBusy = false
            if hasEnded { return closeFile() }
            switch result {
            case .failure(let error): failed(error)
            case .success(let bytes):
                failures = 0
                // The file is shorter than the log says: what is missing is lost.
                if bytes.count < range.count { self.walker!.limit = range.lowerBound + bytes.count }
                walk(bytes, at: range.lowerBound, segment)
            }
        }
    }
    /// Nothing is given up for an error of a read: it is tried again until somebody mends the disk.
    private func failed(_ error: TailraceError) {
        failures += 1
        if failures == 1 || failures % 20 == 0 {
            environment.log(.error, "the backlog cannot be read, trying again: \(error)")
        }
        closeFile()
        let delay = Backoff.standard.delay(failures)
        isBusy = true
        environment.loop.schedule(at: environment.loop.now + delay) { [weak self] in
            self?.isBusy = false
            self?.fill()
        }
    }

    private func walk(_ window: Bytes, at start: Int, _ segment: SegmentInfo) {
        var loaded: [DeliveryLine.Record] = []
        var needs: Range<Int>?, isAtEnd = false
        while needs == nil, !isAtEnd {
            let step = window.withUnsafeBytes { walker!.next($0, from: start) }
            switch step {
            case .needs(let range): needs = range
            case .end: isAtEnd = true
            case .damaged(let range, let frame):
                damagedFrom = damagedFrom ?? range.lowerBound
                if let frame { damage.append(frame) }
            case .record(let frame, let offset, _):
                if frame.number < cursor.number { continue }
                if damagedFrom != nil || frame.eventsBefore > cursor.eventsBefore {
                    report(
                        segment, (damagedFrom ?? offset)..<offset, to: frame.number, frame.eventsBefore, frame.bytesBefore)
                }
                var position = place(frame, offset, segment.number)
                if cursor.number == frame.number { position.prefix = cursor.prefix }
                let record = window[window.startIndex + offset - start..<window.startIndex + walker!.at - start]
                if let entry = decode(frame, record, position, segment) { loaded.append(entry) }
            }
        }
        if !loaded.isEmpty { owner?.loaded(loaded) }
        if let needs {
            if owner?.wantsMore(beyond: 0) == true { read(needs, segment) } else { pause() }
        } else {
            finish()
        }
    }
    /// Goes on at the cursor; damage in front of it is found again.
    private func pause() { (walker, damage, damagedFrom) = (nil, [], nil) }

    private func decode(
        _ frame: RecordFrame, _ record: Bytes, _ position: ReadPosition, _ segment: SegmentInfo
    ) -> DeliveryLine.Record? {
        let next = Int(position.offset) + frame.recordLength
        var batch: EventBatch?
        if frame.kind == .batch {
            do throws(TailraceError) { batch = try RecordReader.batch(frame, record, arena).batch } catch {
                environment.log(.error, "\(FileFormat.name(ofSegment: segment.number)): \(error)")
                damage.append(frame)
                damagedFrom = damagedFrom ?? Int(position.offset)
                return nil
            }
        }
        let entry = self.record(frame, batch, position, segment.number, next)
        cursor = entry.end
        return entry
    }

    private func report(_ segment: SegmentInfo, _ range: Range<Int>, to number: UInt64, _ events: UInt64, _ bytes: UInt64) {
        let size = BatchSize(
            events: Int(max(events, cursor.eventsBefore) - cursor.eventsBefore),
            bytes: Int(max(bytes, cursor.bytesBefore) - cursor.bytesBefore))
        owner?.lost(
            LogLoss(
                segment: segment, range: range, numbers: cursor.number..<max(number, cursor.number), size: size, named: damage))
        (damage, damagedFrom) = ([], nil)
        (cursor.number, cursor.eventsBefore, cursor.bytesBefore) = (max(number, cursor.number), events, bytes)
        cursor.prefix = 0
    }

    private func finish() {
        // Not as it was when the read began: more may have been written.
        let segment = segments[0], at = walker!.at, limit = walker!.limit
        if segments.count > 1 {
            let next = segments[1]
            let isShort = segment.endNumber.map { cursor.number < $0 } ?? (damagedFrom != nil)
            if isShort || (next.eventsBefore ?? 0) > cursor.eventsBefore {
                report(
                    segment, (damagedFrom ?? at)..<max(limit, damagedFrom ?? at), to: segment.endNumber ?? cursor.number,
                    next.eventsBefore ?? cursor.eventsBefore, next.bytesBefore ?? cursor.bytesBefore)
            }
            (damage, damagedFrom) = ([], nil)
            segments.removeFirst()
            closeFile()
            enter(next)
            return fill()
        }
        if cursor.number < end.number || cursor.eventsBefore < end.events {
            // More was written meanwhile, or it is lost.
            guard segment.end.map({ at >= $0 || limit >= $0 }) ?? true else { return fill() }
            report(segment, (damagedFrom ?? at)..<max(limit, damagedFrom ?? at), to: end.number, end.events, end.bytes)
        }
        (damage, damagedFrom) = ([], nil)
        cursor = ReadPosition(
            segment: segment.number, offset: UInt64(segment.end ?? limit), number: end.number, eventsBefore: end.events,
            bytesBefore: end.bytes)
        isCaughtUp = true
        closeFile()
    }
}
