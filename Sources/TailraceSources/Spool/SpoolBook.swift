import TailraceCore

/// How far each file that was begun is safe. With durable channels the channels remember it; else this does, once a second.
final class SpoolBook {
    private static let interval: Duration = .seconds(1)
    private static let stateFileLimit: Int64 = 64 << 20

    private let output: SourceOutput
    private let environment: Environment
    private let stateName: String
    private let isOwnStateNeeded: Bool
    private var random: SeededRandom
    /// Of files that are begun and not finished, by incarnation.
    private var entries: [UInt64: SpoolEntry] = [:]
    /// Of former processes, and not yet found again; by inode.
    private var former: [UInt64: [UInt64]] = [:]
    private var seen: Set<UInt64> = []
    private var disk: (any Disk)?
    private var isDirty = false
    private var isWriting = false
    private var timer: TimerID?
    private var whenWritten: [() -> Void] = []
    private(set) var problem: TailraceError?

    init(_ output: SourceOutput, _ environment: Environment) {
        (self.output, self.environment, random) = (output, environment, environment.random.split("incarnations"))
        stateName = "\(environment.component.split(separator: "/").joined(separator: "_")).spooldir"
        isOwnStateNeeded = output.channels.isEmpty || !output.channels.allSatisfy(\.isDurable)
    }

    // MARK: Start

    /// What channels and state file say is safe; of two for one file, the one that is further.
    func load() throws(TailraceError) {
        for (key, position) in output.positions {
            guard let entry = SpoolEntry(key: key.key, position: position) else {
                environment.log(.error, "a channel has a position \"\(key.key)\" that is not one of this source: passed over")
                continue
            }
            entries[entry.incarnation] = entry
        }
        let path = "\(environment.stateDirectory)/\(stateName)"
        if let content = try content(of: path) {
            do throws(TailraceError) {
                for entry in try SpoolStateFile.decode(content) {
                    if let known = entries[entry.incarnation], known.position >= entry.position { continue }
                    entries[entry.incarnation] = entry
                }
            } catch {
                environment.log(.error, "\(path): \(error)")
            }
        }
        if isOwnStateNeeded { disk = try environment.files.disk(environment.stateDirectory) }
        for entry in entries.values.sorted(by: { $0.incarnation < $1.incarnation }) {
            former[entry.inode, default: []].append(entry.incarnation)
        }
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
                code: "spooldir.state-size", message: "\(path) has \(size) bytes; at most \(Self.stateFileLimit) are read",
                fix: "move the file away: it is not a state file")
        }
        return try file.bytes(at: 0, Int(size))
    }

    /// Whether this very file was begun by a former process.
    func knows(_ found: FileInformation) -> Bool {
        let of = (former[found.identity.inode] ?? []).filter { entries[$0]?.isOf(found) == true }
        seen.formUnion(of)
        return !of.isEmpty
    }
    /// Where to go on; nobody else gets it again.
    func claim(_ found: FileInformation) -> SpoolEntry? {
        let all = (former[found.identity.inode] ?? []).compactMap { entries[$0] }.filter { $0.isOf(found) }
        guard let furthest = all.max(by: { $0.position < $1.position }) else { return nil }
        former[found.identity.inode]?.removeAll { $0 == furthest.incarnation }
        return furthest
    }
    /// Files that are gone, finished or changed since: everything that is there has been looked at.
    func forgetUnseen() {
        for incarnation in former.values.joined().filter({ !seen.contains($0) }) { forget(incarnation) }
    }

    // MARK: Files

    func begin(_ found: FileInformation, path: String) -> SpoolEntry {
        // A seed that is given draws the same numbers at each start.
        var incarnation = random.next()
        while entries[incarnation] != nil { incarnation = random.next() }
        let entry = SpoolEntry(
            incarnation: incarnation, inode: found.identity.inode, size: found.size, modified: found.modified, path: path)
        entries[incarnation] = entry
        return entry
    }
    func mark(_ entry: SpoolEntry) -> SourceMark { SourceMark(key: key(entry), position: entry.position) }
    private func key(_ entry: SpoolEntry) -> SourcePositionKey {
        SourcePositionKey(source: environment.component, key: entry.key)
    }

    func isSafe(_ entry: SpoolEntry) {
        guard entries[entry.incarnation] != nil else { return }
        entries[entry.incarnation] = entry
        changed()
    }
    func forget(_ incarnation: UInt64) {
        guard let entry = entries.removeValue(forKey: incarnation) else { return }
        former[entry.inode]?.removeAll { $0 == incarnation }
        if former[entry.inode]?.isEmpty == true { former[entry.inode] = nil }
        seen.remove(incarnation)
        for channel in output.channels { channel.forget(key(entry)) }
        changed()
    }

    // MARK: Writing

    private func changed() {
        isDirty = true
        guard disk != nil, timer == nil, !isWriting else { return }
        timer = environment.loop.schedule(at: environment.loop.now + Self.interval) { [weak self] in
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
        guard isDirty, let disk else {
            let waiting = whenWritten
            whenWritten = []
            for done in waiting { environment.loop.enqueue(done) }
            return
        }
        (isDirty, isWriting) = (false, true)
        let begun = entries.values.filter { $0.place.offset > 0 || $0.skip > 0 }.sorted { $0.incarnation < $1.incarnation }
        disk.replace(stateName, with: SpoolStateFile.encode(begun)) { [self] result in
            isWriting = false
            switch result {
            case .success:
                if problem != nil { environment.log(.info, "positions are written again") }
                problem = nil
            case .failure(let error):
                if problem == nil {
                    environment.log(.warning, "positions cannot be written; a crash now would repeat events: \(error)")
                }
                (problem, isDirty) = (error, whenWritten.isEmpty)
            }
            if !whenWritten.isEmpty { write() } else if isDirty { changed() }
        }
    }
}
