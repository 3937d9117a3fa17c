import TailraceCore

/// All that is remembered of files: loads it at the start, writes it down when it changed, and keeps what is not in use for
/// files that come back.
final class PositionBook {
    /// Kept for files that are gone for now (a volume that is not mounted, a file renamed away); beyond it the oldest goes.
    private static let keptLimit = 4_096
    private static let stateFileLimit: Int64 = 256 << 20

    private let environment: Environment
    private let output: SourceOutput
    private let interval: Duration
    private let positionPath: String
    private let stateName: String
    private var random: SeededRandom
    private var tracks: [UInt64: FileTrack] = [:]
    /// Incarnations by inode, owned or not, in the order in which they were made.
    private var byInode: [UInt64: [UInt64]] = [:]
    private var kept: [UInt64] = []
    private var flume: [UInt64: [FlumePosition]] = [:]
    private var stateDisk: (any Disk)?
    private var flumeDisk: (any Disk)?
    private var timer: TimerID?
    private var isDirty = false
    private var isWriting = false
    private var isClosed = false
    private var whenWritten: [() -> Void] = []
    /// Of our own state: the agent would repeat events after a crash.
    private(set) var problem: TailraceError?
    private var flumeProblem: TailraceError?
    private let writes: Counter

    init(_ configuration: TaildirSourceConfiguration, _ output: SourceOutput, _ environment: Environment) {
        (self.environment, self.output, random) = (environment, output, environment.random)
        interval = .milliseconds(configuration.writePosIntervalMilliseconds)
        positionPath = configuration.positionPath(home: environment.homeDirectory)
        stateName = "\(environment.component.split(separator: "/").joined(separator: "_")).taildir"
        writes = environment.counter("position_writes_total")
    }

    // MARK: Start

    /// Throws when the state cannot be read or no file can be written beside it: going on would repeat all lines.
    func load() throws(TailraceError) {
        stateDisk = try environment.files.disk(environment.stateDirectory)
        var entries: [UInt64: TaildirEntry] = [:], isFirstStart = true
        let path = "\(environment.stateDirectory)/\(stateName)"
        if let content = try content(of: path) {
            do throws(TailraceError) {
                for entry in try TaildirStateFile.decode(content) { entries[entry.incarnation] = entry }
                isFirstStart = false
            } catch {
                environment.log(.error, "\(path): \(error)")
            }
        }
        for (key, position) in output.positions {
            isFirstStart = false
            guard let stored = TaildirEntry(key: key.key, position: position) else {
                environment.log(.error, "a channel has a position \"\(key.key)\" that is not one of this source: passed over")
                continue
            }
            if let own = entries[stored.incarnation], own.place.offset >= stored.place.offset { continue }
            entries[stored.incarnation] = stored
        }
        for entry in entries.values.sorted(by: { ($0.path, $0.incarnation) < ($1.path, $1.incarnation) }) {
            insert(FileTrack(entry))
            kept.append(entry.incarnation)
        }
        if isFirstStart { loadFlumePositions() }
    }

    private func content(of path: String) throws(TailraceError) -> Bytes? {
        let file: any ReadableFile
        do throws(TailraceError) {
            file = try environment.files.open(path)
        } catch {
            if error.code == "file.missing" { return nil }
            throw error
        }
        defer { file.close() }
        let size = try file.information().size
        guard size <= Self.stateFileLimit else {
            throw TailraceError(
                code: "taildir.state-size", message: "\(path) has \(size) bytes; at most \(Self.stateFileLimit) are read",
                fix: "move the file away: it is not a position file")
        }
        return try file.bytes(at: 0, Int(size))
    }

    private func loadFlumePositions() {
        do throws(TailraceError) {
            guard let content = try content(of: positionPath) else { return }
            let (positions, problems) = FlumePositionFile.decode(content)
            for problem in problems { environment.log(.error, "position file \(positionPath): \(problem)") }
            for position in positions { flume[position.inode, default: []].append(position) }
            environment.log(.info, "first start: \(positions.count) positions taken over from Flume's \(positionPath)")
        } catch {
            environment.log(.error, "position file \(positionPath) cannot be read, files are read from their start: \(error)")
        }
    }

    // MARK: Tracks

    /// What is remembered under this inode number and in nobody's use.
    func candidates(_ inode: UInt64) -> [FileTrack] {
        (byInode[inode] ?? []).compactMap { tracks[$0] }.filter { !$0.isOwned && !$0.isGone }
    }
    /// Whether there may be something of this inode to go on with.
    func knows(_ inode: UInt64) -> Bool {
        flume[inode] != nil || candidates(inode).contains { !$0.isFinished && $0.read.offset > 0 }
    }
    /// What is kept and belongs to no file.
    var orphans: [FileTrack] { kept.compactMap { tracks[$0] }.filter { !$0.isOwned && !$0.isGone && !$0.isFinished } }

    /// At the first start: Flume's entry for this inode, the one of this path first. It is given once.
    func flumePosition(_ inode: UInt64, path: String) -> FlumePosition? {
        guard let found = flume.removeValue(forKey: inode) else { return nil }
        return found.first { $0.path == path } ?? found.first
    }

    func make(_ identity: FileIdentity, path: String) -> FileTrack {
        // A seed that is given draws the same numbers at each start.
        var incarnation = random.next()
        while tracks[incarnation] != nil { incarnation = random.next() }
        let track = FileTrack(TaildirEntry(identity: identity, incarnation: incarnation, place: .start, path: path))
        track.isOwned = true
        insert(track)
        return track
    }
    private func insert(_ track: FileTrack) {
        tracks[track.incarnation] = track
        byInode[track.identity.inode, default: []].append(track.incarnation)
    }
    private func removeFromIndex(_ track: FileTrack) {
        byInode[track.identity.inode]?.removeAll { $0 == track.incarnation }
        if byInode[track.identity.inode]?.isEmpty == true { byInode[track.identity.inode] = nil }
    }

    func own(_ track: FileTrack) {
        track.isOwned = true
        kept.removeAll { $0 == track.incarnation }
    }
    /// A copy has the same content: it goes on for the original.
    func move(_ track: FileTrack, to identity: FileIdentity, path: String) {
        removeFromIndex(track)
        (track.identity, track.path) = (identity, path)
        byInode[identity.inode, default: []].append(track.incarnation)
        own(track)
        changed()
    }
    /// Its file is gone for now: it is kept for its return.
    func disown(_ track: FileTrack) {
        track.isOwned = false
        kept.append(track.incarnation)
        if kept.count > Self.keptLimit, let oldest = tracks[kept.removeFirst()] { discard(oldest) }
        changed()
    }
    /// It will never be used again.
    func discard(_ track: FileTrack) {
        (track.isOwned, track.isGone) = (false, true)
        kept.removeAll { $0 == track.incarnation }
        if track.unanswered == 0 { forget(track) }
        changed()
    }
    private func forget(_ track: FileTrack) {
        removeFromIndex(track)
        tracks[track.incarnation] = nil
        for channel in output.channels { channel.forget(positionKey(track)) }
    }

    func positionKey(_ track: FileTrack) -> SourcePositionKey {
        SourcePositionKey(source: environment.component, key: track.key)
    }
    func mark(_ track: FileTrack, at place: FilePlace) -> SourceMark {
        var entry = track.entry
        entry.place = place
        return SourceMark(key: positionKey(track), position: entry.position)
    }

    func answered(_ track: FileTrack, _ place: FilePlace, _ result: Result<Void, TailraceError>) {
        track.answered(place, result)
        if track.isGone, track.unanswered == 0 { forget(track) }
        changed()
    }
    var unanswered: Int { tracks.values.reduce(0) { $0 + $1.unanswered } }

    // MARK: Writing

    func changed() {
        isDirty = true
        guard timer == nil, !isWriting else { return }
        timer = environment.loop.schedule(at: environment.loop.now + interval) { [weak self] in
            self?.timer = nil
            self?.write()
        }
    }

    /// Writes what changed, now; `done` once it is there, or could not be written.
    func flush(_ done: @escaping () -> Void) {
        if let timer { environment.loop.cancel(timer) }
        timer = nil
        whenWritten.append(done)
        if !isWriting { write() }
    }

    private func write() {
        guard isDirty, let stateDisk else {
            let waiting = whenWritten
            whenWritten = []
            for done in waiting { environment.loop.enqueue(done) }
            return
        }
        (isDirty, isWriting) = (false, true)
        let all = tracks.values.filter { !$0.isGone }.sorted { ($0.path, $0.incarnation) < ($1.path, $1.incarnation) }
        stateDisk.replace(stateName, with: TaildirStateFile.encode(all.map(\.safeEntry))) { result in
            self.writes.add(1)
            self.note(result, \.problem, "its positions cannot be written; a crash now would repeat events")
            self.writeFlumePositions(all)
        }
    }

    private func writeFlumePositions(_ all: [FileTrack]) {
        let visible = all.filter { $0.isOwned && !$0.isGone }.map {
            FlumePosition(inode: $0.identity.inode, offset: $0.safe.offset, path: $0.path)
        }
        do throws(TailraceError) {
            let slash = positionPath.lastIndex(of: "/") ?? positionPath.startIndex
            let directory = slash == positionPath.startIndex ? "/" : String(positionPath[..<slash])
            if flumeDisk == nil { flumeDisk = try environment.files.disk(directory) }
            let name = positionPath.contains("/") ? String(positionPath[positionPath.index(after: slash)...]) : positionPath
            flumeDisk?.replace(name, with: FlumePositionFile.encode(visible)) { self.written($0) }
        } catch {
            let error = error
            environment.loop.enqueue { self.written(.failure(error)) }
        }
    }
    private func written(_ result: Result<Void, TailraceError>) {
        note(result, \.flumeProblem, "the copy of its positions in Flume's form, \(positionPath), cannot be written")
        isWriting = false
        if !whenWritten.isEmpty { write() } else if isDirty { changed() }
    }

    /// One log line per change.
    private func note(
        _ result: Result<Void, TailraceError>, _ known: ReferenceWritableKeyPath<PositionBook, TailraceError?>, _ text: String
    ) {
        switch result {
        case .success:
            if self[keyPath: known] != nil { environment.log(.info, "positions are written again") }
            self[keyPath: known] = nil
        case .failure(let error):
            if self[keyPath: known] == nil { environment.log(.warning, "\(text): \(error)") }
            self[keyPath: known] = error
            isDirty = true
        }
    }
}
