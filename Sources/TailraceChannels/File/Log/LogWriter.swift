import TailraceCore

/// A put that was committed and is not answered: it waits for its write, and for its sync.
final class PendingPut {
    /// What of it was not in the log already.
    let batch: EventBatch
    let meta: RecordMeta
    let time: WallTime
    var answers: [Completion]

    init(_ batch: EventBatch, _ meta: RecordMeta, _ time: WallTime, _ answer: @escaping Completion) {
        (self.batch, self.meta, self.time, answers) = (batch, meta, time, [answer])
    }
}

/// A record that was written, and where.
struct WrittenRecord {
    let put: PendingPut
    let frame: RecordFrame
    let offset: Int
}

/// Writes groups of records, one group at a time; what comes meanwhile is the next group. After a failure the segment is never
/// written again, everything that waits fails, and nothing is taken until a new segment is open.
final class LogWriter {
    /// An open segment.
    private struct Open {
        let info: SegmentInfo
        let file: any File
        let seed: UInt32
        /// Where the next group begins; 0: not even the prologue is there.
        var offset = 0
        var isSynced = true
        /// Records of the current sync group.
        var index: UInt32 = 0
    }
    private let configuration: FileChannelConfiguration
    private let environment: Environment
    private let disks: [any Disk]
    private let spares: SpareSegments
    private let channel: UInt64
    private weak var owner: (any LogWriterOwner)?

    private var waiting: [PendingPut] = []
    private var writing: [PendingPut] = []
    private var writer = RecordWriter()
    private var current: Open?
    private var ahead: Open?
    /// The last segment with a good record.
    private var previous: (segment: UInt64, end: Int, number: UInt64)?
    private(set) var end: LogEnd
    private var nextSegment: UInt64
    private var isBusy = false, isOpening = false, isClosing = false
    private var retry: TimerID?
    private var syncTimer: TimerID?
    private var failures = 0
    /// Numbers that a failed write used.
    private var spoiled: UInt64 = 0
    private var closed: ((Bool) -> Void)?
    /// Why nothing can be put now.
    private(set) var refusal: TailraceError?
    let syncs: Counter, syncTime: Counter, writeFailures: Counter

    init(
        _ configuration: FileChannelConfiguration, _ environment: Environment, _ disks: [any Disk], _ spares: SpareSegments,
        channel: UInt64, end: LogEnd, previous: (segment: UInt64, end: Int, number: UInt64)?, nextSegment: UInt64,
        _ owner: any LogWriterOwner
    ) {
        (self.configuration, self.environment, self.disks, self.channel) = (configuration, environment, disks, channel)
        self.spares = spares
        (self.end, self.previous, self.nextSegment, self.owner) = (end, previous, nextSegment, owner)
        syncs = environment.counter("syncs_total")
        syncTime = environment.counter("sync_microseconds_total")
        writeFailures = environment.counter("write_failures_total")
    }

    /// Puts whose records are not safe yet, in order.
    var unsafe: [PendingPut] { writing + waiting }
    var segment: (number: UInt64, end: Int)? { current.map { ($0.info.number, $0.offset) } }

    func start() { open() }

    func commit(_ put: PendingPut) {
        waiting.append(put)
        pump()
    }

    // MARK: Groups

    private func pump() {
        guard !isBusy else { return }
        if waiting.isEmpty { return finishClosing() }
        guard var open = current else { return self.open() }
        if open.offset > 0, !fits(waiting[0], open) { return roll() }
        let isFirst = open.offset == 0, start = open.offset
        var after = end
        if isFirst {
            writer.append(prologue(open.info.number))
            after.passed(writer.append(owner!.snapshot(), frame(.head, nil, after, open.index), seed: open.seed))
            open.index += 1
        }
        var records: [WrittenRecord] = [], count = 0, failed: [(PendingPut, TailraceError)] = []
        while count < waiting.count, writer.count == 0 || isFirst && records.isEmpty || fits(waiting[count], open) {
            let put = waiting[count], offset = start + writer.count
            count += 1
            do throws(TailraceError) {
                let frame = try writer.append(
                    put.batch, put.meta, frame(.batch, put, after, open.index), seed: open.seed)
                after.passed(frame)
                open.index += 1
                records.append(WrittenRecord(put: put, frame: frame, offset: offset))
            } catch { failed.append((put, error)) }
        }
        writing = Array(waiting[..<count])
        waiting.removeFirst(count)
        write(open, after, records, failed)
    }
    private func fits(_ put: PendingPut, _ open: Open) -> Bool {
        open.offset + writer.count + put.batch.size.bytes + 4 * RecordFrame.byteCount + put.batch.count * 2
            <= configuration.maxFileSize
    }
    private func frame(_ kind: RecordKind, _ put: PendingPut?, _ at: LogEnd, _ index: UInt32) -> RecordFrame {
        RecordFrame(
            kind: kind, number: at.number, group: at.group, index: index, batch: put?.batch, eventsBefore: at.events,
            bytesBefore: at.bytes, time: put?.time ?? environment.loop.wallTime)
    }
    private func prologue(_ segment: UInt64) -> SegmentPrologue {
        SegmentPrologue(
            channel: channel, segment: segment, previousSegment: previous?.segment ?? 0,
            previousEnd: UInt64(previous?.end ?? 0), previousNumber: previous?.number ?? 0, firstNumber: end.number,
            eventsBefore: end.events, bytesBefore: end.bytes, created: environment.loop.wallTime)
    }

    private func write(
        _ open: Open, _ after: LogEnd, _ records: [WrittenRecord], _ failed: [(PendingPut, TailraceError)]
    ) {
        let isSync = configuration.syncMode == .commit, bytes = writer.count, begin = environment.loop.now
        isBusy = true
        spoiled = after.number
        open.file.append(writer.take(), at: Int64(open.offset), sync: isSync) { [self] result in
            isBusy = false
            if isSync { synced(since: begin) }
            switch result {
            case .failure(let error): fail(error, open)
            case .success:
                var open = open
                open.offset += bytes
                open.isSynced = isSync
                end = after
                if isSync { (end.group, open.index) = (end.group + 1, 0) }
                (current, writing, failures) = (open, [], 0)
                previous = (open.info.number, open.offset, end.number)
                owner?.written(records, in: open.info, end: open.offset, endNumber: end.number)
                for record in records { for answer in record.put.answers { answer(.success(())) } }
                for (put, error) in failed {
                    owner?.failed([put])
                    for answer in put.answers { answer(.failure(error)) }
                }
                if !isSync { setSyncTimer() }
                openAhead(open)
                pump()
            }
        }
    }
    private func synced(since begin: Instant) {
        syncs.add(1)
        syncTime.add(Int((environment.loop.now - begin).nanoseconds / 1000))
    }

    /// The segment is given up, with all that waits: nothing may be safe behind what is not.
    private func fail(_ error: TailraceError, _ open: Open) {
        environment.log(
            .error, "\(FileFormat.name(ofSegment: open.info.number)) is not written any more: \(error)")
        writeFailures.add(1)
        end.number = max(end.number, spoiled)
        end.group += 1
        current = nil
        refusal = .channelStopped(error)
        failures += 1
        owner?.abandoned(open.info, open.file, hasGoodRecords: open.offset > 0)
        failAll(.channelStopped(error))
        retryLater()
    }
    private func failAll(_ error: TailraceError) {
        let failed = writing + waiting
        (writing, waiting) = ([], [])
        owner?.failed(failed)
        for put in failed { for answer in put.answers { answer(.failure(error)) } }
        if failed.isEmpty || isClosing { finishClosing() }
    }
    private func retryLater() {
        guard retry == nil, !isClosing else { return }
        let delay = Backoff(first: .milliseconds(100), limit: .seconds(5)).delay(max(1, failures))
        retry = environment.loop.schedule(at: environment.loop.now + delay) { [weak self] in
            self?.retry = nil
            self?.open()
        }
    }

    // MARK: Segments

    private func open() {
        guard !isOpening, !isBusy, retry == nil, current == nil else { return }
        guard !isClosing || !waiting.isEmpty else { return finishClosing() }
        if let ready = ahead {
            (ahead, current) = (nil, ready)
            return opened()
        }
        isOpening = true
        openNext { [self] result in
            isOpening = false
            switch result {
            case .success(let open):
                current = open
                failures = 0
                opened()
            case .failure(let error):
                failures += 1
                if refusal == nil {
                    environment.log(.warning, "no new segment, puts wait: \(error)")
                }
                refusal = .channelStopped(error)
                failAll(.channelStopped(error))
                retryLater()
            }
        }
    }
    private func opened() {
        if refusal != nil {
            refusal = nil
            environment.log(.info, "writes go on in \(FileFormat.name(ofSegment: current!.info.number))")
        }
        owner?.hasRoom()
        pump()
    }

    /// Its name survives a crash before anything in it is answered.
    private func openNext(_ done: @escaping (Result<Open, TailraceError>) -> Void) {
        let number = nextSegment, index = Int(number % UInt64(disks.count))
        nextSegment += 1
        spares.use(for: SegmentInfo(number: number, disk: index)) { [self] in openNext(number, index, done) }
    }
    private func openNext(_ number: UInt64, _ index: Int, _ done: @escaping (Result<Open, TailraceError>) -> Void) {
        let disk = disks[index]
        disk.open(FileFormat.name(ofSegment: number), preallocating: Int64(configuration.maxFileSize)) { [self] result in
            switch result {
            case .failure(let error):
                // Made, but without room: it must not stay.
                owner?.useless(SegmentInfo(number: number, disk: index))
                done(.failure(error))
            case .success(let file):
                disk.sync { [self] result in
                    if case .failure(let error) = result {
                        file.close()
                        owner?.useless(SegmentInfo(number: number, disk: index))
                        return done(.failure(error))
                    }
                    let seed = RecordFrame.seed(channel: channel, segment: number)
                    done(.success(Open(info: SegmentInfo(number: number, disk: index), file: file, seed: seed)))
                }
            }
        }
    }
    /// The next one is opened while this one is written, so that nobody waits for it.
    private func openAhead(_ open: Open) {
        guard ahead == nil, !isOpening, !isClosing, open.offset > configuration.maxFileSize / 2 else { return }
        isOpening = true
        openNext { [self] result in
            isOpening = false
            switch result {
            case .success(let next): ahead = next
            case .failure(let error): environment.log(.debug, "no segment ahead: \(error)")
            }
            if isClosing { return finishClosing() }
            pump()
        }
    }

    /// What was written in another mode than `commit` is synced before the log goes on elsewhere.
    private func roll() {
        guard var open = current else { return }
        guard !open.isSynced else {
            current = nil
            open.file.close()
            return self.open()
        }
        sync(&open) { [self] in pump() }
    }
    private func sync(_ open: inout Open, _ then: @escaping () -> Void) {
        isBusy = true
        let begin = environment.loop.now, segment = open
        segment.file.append([], at: Int64(segment.offset), sync: true) { [self] result in
            isBusy = false
            synced(since: begin)
            switch result {
            case .failure(let error): fail(error, segment)
            case .success:
                current?.isSynced = true
                current?.index = 0
                end.group += 1
            }
            then()
        }
    }
    private func setSyncTimer() {
        guard configuration.syncMode == .interval, syncTimer == nil else { return }
        let time = environment.loop.now + .milliseconds(configuration.syncIntervalMilliseconds)
        syncTimer = environment.loop.schedule(at: time) { [weak self] in
            guard let self else { return }
            syncTimer = nil
            guard !isBusy else { return setSyncTimer() }
            guard var open = current, !open.isSynced else { return }
            sync(&open) { [weak self] in self?.pump() }
        }
    }

    // MARK: Stop

    /// Writes what waits, then a close record. `done`: whether the log is closed in order.
    func close(_ done: @escaping (Bool) -> Void) {
        (closed, isClosing) = (done, true)
        if let retry { environment.loop.cancel(retry) }
        retry = nil
        pump()
    }
    private func finishClosing() {
        guard isClosing, !isBusy, !isOpening, waiting.isEmpty, let done = closed else { return }
        closed = nil
        if let ahead {
            ahead.file.close()
            owner?.useless(ahead.info)
        }
        ahead = nil
        guard let open = current else {
            return environment.loop.enqueue { done(true) }
        }
        current = nil
        guard open.offset > 0 else {
            open.file.close()
            owner?.useless(open.info)
            return environment.loop.enqueue { done(true) }
        }
        // Its own group, so that it proves that all before it was synced.
        guard open.isSynced else {
            open.file.append([], at: Int64(open.offset), sync: true) { [self] result in
                if case .failure(let error) = result {
                    environment.log(.error, "the last events may not be on the disk: \(error)")
                    return done(false)
                }
                end.group += 1
                writeClose(open, index: 0, done)
            }
            return
        }
        writeClose(open, index: 0, done)
    }
    private func writeClose(_ open: Open, index: UInt32, _ done: @escaping (Bool) -> Void) {
        var after = end
        after.passed(writer.append(owner!.snapshot(), frame(.close, nil, after, index), seed: open.seed))
        let bytes = writer.count
        open.file.append(writer.take(), at: Int64(open.offset), sync: true) { [self] result in
            if case .failure(let error) = result {
                environment.log(.warning, "no close record: \(error)")
                return done(false)
            }
            end = after
            owner?.written([], in: open.info, end: open.offset + bytes, endNumber: after.number)
            owner?.closed(open.info, open.file, end: open.offset + bytes)
            done(true)
        }
    }
}

/// What the log's writer tells, each in a turn of its own, before the puts are answered.
protocol LogWriterOwner: AnyObject {
    /// Without what is not safe yet.
    func snapshot() -> ChannelMemory
    /// As safe as the sync mode says.
    func written(_ records: [WrittenRecord], in segment: SegmentInfo, end: Int, endNumber: UInt64)
    /// Never were the channel's.
    func failed(_ puts: [PendingPut])
    func hasRoom()
    /// The last one, at an orderly stop.
    func closed(_ segment: SegmentInfo, _ file: any File, end: Int)
    func abandoned(_ segment: SegmentInfo, _ file: any File, hasGoodRecords: Bool)
    /// A file without a good record.
    func useless(_ segment: SegmentInfo)
}
