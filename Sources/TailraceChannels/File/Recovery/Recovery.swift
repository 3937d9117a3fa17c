import TailraceCore
import TailraceWire

/// Opens a channel's directories: finds the log's end, what it remembers, and where reading goes on. It reads the last segment
/// and the prologues of the others, whatever their size.
///
/// What it accepts of a log that was not closed in order is written once more, as it is, and synced: after a failed sync the
/// kernel may show what is not on the disk.
final class Recovery {
    typealias Done = (Result<Recovered, TailraceError>) -> Void

    private struct Segment {
        var info: SegmentInfo
        var size: Int
        var prologue: SegmentPrologue?
        var isEmpty = false
    }
    private let environment: Environment
    private let stateDisk: any Disk
    private let disks: [any Disk]
    private let done: Done
    private var random: SeededRandom
    private var segments: [Segment] = []
    private var useless: [SegmentInfo] = []
    private var spares: [SegmentInfo] = []
    private var highestSegment: UInt64 = 0
    private var state: (slot: StateSlot, index: Int)?
    private var stateFile: (any File)?
    private var identity = FileIdentity(device: 0, inode: 0)
    /// In place: the file is still the same one.
    private var wasRestored = false
    private var channel: UInt64 = 0
    private var notes: [(LogLevel, String)] = []
    private var needsNewStreams = false
    private var memory = ChannelMemory()
    private var summary = SegmentSummary()
    private var mostGroup: UInt64 = 0, mostNumber: UInt64 = 0

    init(_ environment: Environment, _ stateDisk: any Disk, _ disks: [any Disk], _ done: @escaping Done) {
        (self.environment, self.stateDisk, self.disks, self.done) = (environment, stateDisk, disks, done)
        random = environment.random.split("channel \(environment.loop.wallTime.milliseconds) \(environment.loop.now)")
    }

    func start() {
        do throws(TailraceError) {
            try list()
            try readPrologues()
        } catch { return finish(.failure(error)) }
        stateDisk.open(FileFormat.stateName, preallocating: Int64(2 * StateSlot.stride)) { [self] result in
            switch result {
            case .failure(let error): finish(.failure(error))
            case .success(let file):
                stateFile = file
                file.read(at: 0, count: 2 * StateSlot.stride) { [self] result in readState(result) }
            }
        }
    }
    private func finish(_ result: Result<Recovered, TailraceError>) {
        if case .failure = result { stateFile?.close() }
        done(result)
    }
    private func path(_ info: SegmentInfo) -> String {
        disks[info.disk].directory + "/" + FileFormat.name(ofSegment: info.number)
    }

    // MARK: What is there

    private func list() throws(TailraceError) {
        for (index, disk) in disks.enumerated() {
            let scan = try environment.files.scan(disk.directory)
            while true {
                let entries = try scan.next(256)
                if entries.isEmpty { break }
                for entry in entries {
                    if FileFormat.isFlumes(entry.name) {
                        throw .channelForeign(disk.directory + "/" + entry.name, "a data file of Flume's own file channel")
                    }
                    if let number = FileFormat.spare(named: entry.name), entry.kind == .file {
                        spares.append(SegmentInfo(number: number, disk: index))
                    }
                    guard let number = FileFormat.segment(named: entry.name), entry.kind == .file else { continue }
                    segments.append(Segment(info: SegmentInfo(number: number, disk: index), size: Int(entry.size)))
                }
            }
        }
        segments.sort { $0.info.number < $1.info.number }
        for (first, second) in zip(segments, segments.dropFirst()) where first.info.number == second.info.number {
            throw .channelTwice(first.info.number, [path(first.info), path(second.info)])
        }
        highestSegment = segments.last?.info.number ?? 0
    }

    private func readPrologues() throws(TailraceError) {
        for index in segments.indices {
            let path = path(segments[index].info), file = try environment.files.open(path)
            defer { file.close() }
            var bytes = [UInt8](repeating: 0, count: SegmentPrologue.byteCount), filled = 0
            while filled < bytes.count {
                let count = try read(file, at: filled, &bytes)
                if count == 0 { break }
                filled += count
            }
            switch bytes.withUnsafeBytes({ SegmentPrologue.read($0) }) {
            case .valid(let prologue) where prologue.segment == segments[index].info.number:
                segments[index].prologue = prologue
                segments[index].info.firstNumber = prologue.firstNumber
                segments[index].info.eventsBefore = prologue.eventsBefore
                segments[index].info.bytesBefore = prologue.bytesBefore
            case .valid(let prologue):
                throw .channelForeign(path, "segment \(prologue.segment) of a channel under another name")
            case .newer(let version): throw .channelNewer(path, version)
            case .empty: segments[index].isEmpty = true
            case .invalid: break
            }
        }
    }

    private func read(_ file: any ReadableFile, at offset: Int, _ bytes: inout [UInt8]) throws(TailraceError) -> Int {
        let result = bytes.withUnsafeMutableBytes { space -> Result<Int, TailraceError> in
            let rest = UnsafeMutableRawBufferPointer(rebasing: space[offset...])
            do throws(TailraceError) { return .success(try file.read(at: Int64(offset), into: rest)) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func readState(_ result: Result<Bytes, TailraceError>) {
        do throws(TailraceError) {
            let bytes = try result.get()
            let information = try stateFile!.information()
            identity = information.identity
            var isDamaged = false
            for index in 0..<2 {
                let start = bytes.startIndex + min(bytes.count, index * StateSlot.stride)
                let part = bytes[start..<min(bytes.endIndex, start + StateSlot.byteCount)]
                switch part.withUnsafeBytes({ StateSlot.read($0) }) {
                case .valid(let slot):
                    if state == nil || slot.generation > state!.slot.generation { state = (slot, index) }
                case .newer(let version):
                    throw .channelNewer(stateDisk.directory + "/" + FileFormat.stateName, version)
                case .empty: break
                case .invalid: isDamaged = true
                }
            }
            if isDamaged {
                notes.append((.warning, "a slot of the state file is damaged; the other one, or the log itself, is used"))
            }
            if let state, state.slot.isOlder(than: information) { wasRestored = true }
            try decideChannel()
        } catch { return finish(.failure(error)) }
        findEnd()
    }

    private func decideChannel() throws(TailraceError) {
        let known = segments.compactMap { $0.prologue?.channel }
        if let state, known.isEmpty || known.contains(state.slot.channel) {
            channel = state.slot.channel
            if state.slot.file != identity || wasRestored {
                notes.append((.warning, "the state directory was copied or restored: streams that begin here begin anew"))
                needsNewStreams = true
            }
        } else if let first = known.first {
            channel = first
            needsNewStreams = true
            notes.append((.warning, "the read position is lost: reading begins at the first segment, events may come twice"))
            state = nil
        } else {
            channel = random.next()
            if segments.contains(where: { !$0.isEmpty }) {
                let path = path(segments.first { !$0.isEmpty }!.info)
                throw .channelForeign(path, "no segment of this format, or damaged at its begin, and there is no state to tell")
            }
        }
        for segment in segments where segment.prologue.map({ $0.channel != channel }) ?? false {
            throw .channelForeign(path(segment.info), "a segment of another channel")
        }
    }

    // MARK: The end of the log

    /// From the last segment back: the first one that has a record is the last of the log.
    private func findEnd() {
        guard let last = segments.last else { return complete(nil) }
        scan(last, { _ in }) { [self] result in
            switch result {
            case .failure(let error): finish(.failure(error))
            case .success(let summary):
                guard summary.group != nil, summary.end > SegmentPrologue.byteCount || summary.hasDamage else {
                    mostNumber = max(mostNumber, summary.highest)
                    mostGroup = max(mostGroup, summary.group ?? 0)
                    segments.removeLast()
                    useless.append(last.info)
                    return findEnd()
                }
                self.summary = summary
                segments[segments.count - 1].info.end = summary.end
                segments[segments.count - 1].info.endNumber = summary.log.number
                linkSegments()
                remember(from: segments.count - 1)
            }
        }
    }
    private func scan(
        _ segment: Segment, _ visit: @escaping (SegmentScan.Found) -> Void,
        _ done: @escaping (Result<SegmentSummary, TailraceError>) -> Void
    ) {
        disks[segment.info.disk].open(FileFormat.name(ofSegment: segment.info.number), preallocating: 0) { [self] result in
            switch result {
            case .failure(let error): done(.failure(error))
            case .success(let file):
                var summary = SegmentSummary(segment.prologue)
                let scan = SegmentScan(
                    file, channel: channel, segment: segment.info.number, limit: segment.info.end ?? segment.size
                ) { found in
                    switch found {
                    case .record(let frame, let offset, _): summary.found(frame, at: offset, isWhole: true)
                    case .damaged(let range, let frame):
                        if let frame { summary.found(frame, at: range.lowerBound, isWhole: false) }
                    }
                    visit(found)
                } _: { result in
                    file.close()
                    done(result.map { summary })
                }
                scan.start()
            }
        }
    }

    /// Each segment says where the one before it ended. Those that none names were given up after their first write.
    private func linkSegments() {
        var index = segments.count - 1
        while index > 0 {
            if let prologue = segments[index].prologue {
                while index > 0, segments[index - 1].info.number > prologue.previousSegment {
                    useless.append(segments.remove(at: index - 1).info)
                    index -= 1
                }
                if index > 0, segments[index - 1].info.number == prologue.previousSegment {
                    segments[index - 1].info.end = Int(prologue.previousEnd)
                    segments[index - 1].info.endNumber = prologue.previousNumber
                }
            }
            index -= 1
        }
    }

    // MARK: What it remembers

    /// From the last segment whose head can be read. In a log without damage that is the last one.
    private func remember(from index: Int) {
        memory = ChannelMemory()
        var hasSnapshot = false, hasDamage = false
        let segment = segments[index]
        scan(segment) { [self] found in
            switch found {
            case .damaged: hasDamage = true
            case .record(let frame, _, let bytes):
                do throws(TailraceError) {
                    switch frame.kind {
                    case .head, .close:
                        memory = try RecordReader.memory(frame, bytes)
                        (hasSnapshot, hasDamage) = (true, false)
                    case .batch: try apply(frame, bytes)
                    }
                } catch {
                    hasDamage = true
                    notes.append((.error, "\(FileFormat.name(ofSegment: segment.info.number)): \(error)"))
                }
            }
        } _: { [self] result in
            if case .failure(let error) = result { return finish(.failure(error)) }
            if hasSnapshot || index == 0 {
                if hasDamage || !hasSnapshot { needsNewStreams = true }
                return goOn(from: index + 1)
            }
            needsNewStreams = true
            remember(from: index - 1)
        }
    }
    /// The segments behind that one, whose heads are damaged.
    private func goOn(from index: Int) {
        guard index < segments.count else { return secure() }
        scan(segments[index]) { [self] found in
            guard case .record(let frame, _, let bytes) = found else { return }
            do throws(TailraceError) {
                if frame.kind == .batch { try apply(frame, bytes) } else { memory = try RecordReader.memory(frame, bytes) }
            } catch { notes.append((.error, "\(FileFormat.name(ofSegment: segments[index].info.number)): \(error)")) }
        } _: { [self] result in
            if case .failure(let error) = result { return finish(.failure(error)) }
            goOn(from: index + 1)
        }
    }
    private let arena = WireArena()
    private func apply(_ frame: RecordFrame, _ bytes: Bytes) throws(TailraceError) {
        let (batch, meta) = try RecordReader.batch(frame, bytes, arena)
        if let identity = batch.identity { memory.apply(identity, meta, at: frame.time) }
    }

    // MARK: What was accepted stays

    private func secure() {
        if summary.torn > 0 {
            notes.append(
                (.info, "\(summary.torn) records of the last write were not whole; they were never answered as safe"))
        }
        guard !summary.isClosed else { return complete(segments.last) }
        let info = segments.last!.info, disk = disks[info.disk]
        disk.open(FileFormat.name(ofSegment: info.number), preallocating: 0) { [self] result in
            switch result {
            case .failure(let error): finish(.failure(error))
            case .success(let file):
                // A first group has the prologue in its write.
                let start = summary.groupStart == SegmentPrologue.byteCount ? 0 : summary.groupStart
                rewrite(file, start..<summary.end) { [self] result in
                    if case .failure(let error) = result {
                        file.close()
                        return finish(.failure(error))
                    }
                    file.truncate(to: Int64(summary.end)) { [self] result in
                        file.close()
                        if case .failure(let error) = result { return finish(.failure(error)) }
                        disk.sync { [self] result in
                            if case .failure(let error) = result { return finish(.failure(error)) }
                            complete(segments.last)
                        }
                    }
                }
            }
        }
    }
    private func rewrite(_ file: any File, _ range: Range<Int>, _ done: @escaping Completion) {
        let count = min(range.count, 4 * LogReader.chunk)
        guard count > 0 else { return file.append([], at: Int64(range.lowerBound), sync: true, done) }
        file.read(at: Int64(range.lowerBound), count: count) { [self] result in
            switch result {
            case .failure(let error): done(.failure(error))
            case .success(let bytes):
                guard !bytes.isEmpty else {
                    return file.append([], at: Int64(range.lowerBound), sync: true, done)
                }
                let isLast = bytes.count == range.count
                file.append([bytes], at: Int64(range.lowerBound), sync: isLast) { [self] result in
                    if case .failure = result { return done(result) }
                    if isLast { return done(.success(())) }
                    rewrite(file, range.lowerBound + bytes.count..<range.upperBound, done)
                }
            }
        }
    }

    // MARK: Together

    private func complete(_ last: Segment?) {
        var end = last == nil ? LogEnd() : summary.log
        let stored = state?.slot
        if let stored, stored.endNumber > end.number {
            if last != nil || stored.position.number < stored.endNumber {
                notes.append(
                    (.error, "records \(end.number) to \(stored.endNumber - 1) are missing at the end of the log"))
            }
            needsNewStreams = true
        }
        let good = end.number
        end.number = max(good, stored?.endNumber ?? 1, stored?.position.number ?? 1, mostNumber, summary.highest)
        end.group = max(summary.group ?? 0, mostGroup) + 1
        let first = segments.first?.info
        var position =
            stored?.position
            ?? ReadPosition(
                segment: first?.number ?? 0, offset: UInt64(SegmentPrologue.byteCount), number: first?.firstNumber ?? 1,
                eventsBefore: first?.eventsBefore ?? 0, bytesBefore: first?.bytesBefore ?? 0)
        end.events = max(end.events, position.eventsBefore)
        end.bytes = max(end.bytes, position.bytesBefore)
        if stored == nil, first != nil, first?.eventsBefore == nil {
            // The first prologue is damaged, too: what it held is counted when its first record is read.
            (position.number, position.eventsBefore, position.bytesBefore) = (1, 0, 0)
        }
        var slot =
            stored
            ?? StateSlot(channel: channel, generation: 0, position: position, endNumber: good, file: identity)
        (slot.generation, slot.position, slot.endNumber, slot.file) = (slot.generation + 1, position, good, identity)
        slot.written = environment.loop.wallTime
        let index = state.map { 1 - $0.index } ?? 0
        stateFile!.append([slot.encoded()], at: Int64(index * StateSlot.stride), sync: true) { [self] result in
            if case .failure(let error) = result { return finish(.failure(error)) }
            stateDisk.sync { [self] result in
                if case .failure(let error) = result { return finish(.failure(error)) }
                let wanted = segments.filter { $0.info.number >= position.segment }.map(\.info)
                finish(
                    .success(
                        Recovered(
                            channel: channel, memory: memory, segments: wanted, kept: segments.map(\.info), useless: useless,
                            spares: spares,
                            position: position, end: end,
                            previous: last.map { ($0.info.number, summary.end, summary.log.number) },
                            nextSegment: max(highestSegment, position.segment) + 1, stateFile: stateFile!, slot: slot,
                            slotIndex: 1 - index, needsNewStreams: needsNewStreams, notes: notes)))
            }
        }
    }
}
