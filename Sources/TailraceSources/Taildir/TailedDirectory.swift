import TailraceCore
import TailracePatterns

/// One directory of a source: what its names lead to, told by the kernel, and by scans where the kernel could not tell.
/// Scans and changes are worked off in turns of bounded length, one after the other.
final class TailedDirectory {
    private static let entriesPerTurn = 256
    /// More names than these that wait are a scan.
    private static let pendingLimit = 4_096
    /// A scan although nothing was told: for mapped writes and file systems that tell nothing. Soon after the start, then
    /// twice as long from time to time up to the last.
    private static let safety = Backoff(first: pollInterval, limit: .seconds(60))
    /// Where there is no watch.
    static let pollInterval: Duration = .seconds(2)
    private static let retryInterval: Duration = .seconds(1)
    private static let identityInterval: Duration = .seconds(5)

    let path: String
    let groups: [FileGroup]
    /// Names that match, and where they lead.
    private(set) var names: [String: FileIdentity] = [:]
    private unowned let source: TaildirSource
    private var watch: (any Cancellable)?
    private var identity: FileIdentity?
    private var scan: (any DirectoryScan)?
    private var listing: [FileInformation] = []
    private var wantsScan = false
    private var pending: [String] = []
    private var pendingSet: Set<String> = []
    private var isProcessing = false
    private var nextScan = Instant(nanoseconds: .max)
    private var nextCheck = Instant(nanoseconds: .max)
    private var isStopped = false
    /// It was scanned once, or is not there.
    private(set) var isKnown = false
    /// Not there, or not readable.
    private(set) var problem: TailraceError?
    private var watchProblemTold = false
    /// Changes were found that the watch had not told in seconds: a network file system.
    private var isWatchDeaf = false
    private var scans = 0

    init(_ path: String, _ groups: [FileGroup], _ source: TaildirSource) {
        (self.path, self.groups, self.source) = (path, groups, source)
    }

    var isWatched: Bool { watch != nil && !isWatchDeaf }
    private var loop: any EventLoop { source.environment.loop }

    func fullPath(_ name: String) -> String { path == "/" ? "/\(name)" : "\(path)/\(name)" }
    func group(_ name: String) -> FileGroup? { groups.first { $0.pattern.matches(name) } }
    /// The entry's name, if `path` is one of this directory.
    func name(of path: String) -> String? {
        guard let slash = path.lastIndex(of: "/") else { return nil }
        let name = String(path[path.index(after: slash)...])
        return fullPath(name) == path ? name : nil
    }

    // MARK: Watching

    /// Watches and scans; where it is missing, tries again.
    func begin() {
        do throws(TailraceError) {
            let found = try source.environment.files.information(path)
            guard found.kind == .directory else {
                throw TailraceError(
                    code: "taildir.directory", message: "\(path) is not a directory",
                    fix: "correct filegroups.\(groups[0].name)")
            }
            identity = found.identity
            startWatch()
            if problem != nil { source.environment.log(.info, "\(path) is there now") }
            problem = nil
            requestScan()
        } catch {
            isMissing(error)
        }
        nextCheck = loop.now + (problem == nil ? Self.identityInterval : Self.retryInterval)
    }

    private func startWatch() {
        watch?.cancel()
        watch = nil
        do throws(TailraceError) {
            watch = try source.environment.files.watch(path) { [weak self] in self?.changed($0) }
            (watchProblemTold, isWatchDeaf) = (false, false)
        } catch {
            if !watchProblemTold {
                source.environment.log(
                    .warning, "\(path) cannot be watched, it is scanned every \(Self.pollInterval.text) instead: \(error)")
            }
            watchProblemTold = true
        }
    }

    private func isMissing(_ error: TailraceError) {
        if problem == nil {
            source.environment.log(
                .warning,
                "directory \(path) of file group \(groups[0].name) cannot be read, it is tried again every second: \(error)")
        }
        problem = error
        watch?.cancel()
        (watch, scan, identity, listing) = (nil, nil, nil, [])
        finishScan()
    }

    func stop() {
        isStopped = true
        watch?.cancel()
        (watch, scan) = (nil, nil)
    }

    func tick(_ now: Instant) {
        if now >= nextCheck {
            nextCheck = now + (problem == nil ? Self.identityInterval : Self.retryInterval)
            checkIdentity()
        }
        if now >= nextScan, scan == nil { requestScan() }
    }

    /// The path may lead to another directory by now, which the watch does not know.
    private func checkIdentity() {
        guard problem == nil else { return begin() }
        do throws(TailraceError) {
            guard try source.environment.files.information(path).identity != identity else {
                if watch == nil { startWatch() }
                return
            }
            source.environment.log(.info, "\(path) is another directory now")
            begin()
        } catch {
            isMissing(error)
        }
    }

    private func changed(_ names: [String]?) {
        guard !isStopped else { return }
        guard let names else {
            source.environment.log(.info, "changes in \(path) were lost, it is scanned again")
            source.rescans.add(1)
            return requestScan()
        }
        for name in names { note(name) }
    }

    /// Something about this name changed.
    func note(_ name: String) {
        guard !isStopped, pendingSet.insert(name).inserted else { return }
        pending.append(name)
        if pending.count > Self.pendingLimit {
            (pending, pendingSet) = ([], [])
            return requestScan()
        }
        processSoon()
    }

    private func processSoon() {
        guard !isProcessing, scan == nil, !pending.isEmpty else { return }
        isProcessing = true
        loop.enqueue { [weak self] in
            guard let self else { return }
            isProcessing = false
            process()
        }
    }

    private func process() {
        guard !isStopped, scan == nil else { return }  // the scan's end comes back to it
        let turn = Array(pending.prefix(Self.entriesPerTurn))
        pending.removeFirst(turn.count)
        for name in turn { pendingSet.remove(name) }
        var others: [String] = []
        for name in turn { if group(name) != nil { refresh(name) } else { others.append(name) } }
        // A file that lost its name may have got one of these, which matter to nobody else.
        if !others.isEmpty, source.hasNamelessFiles {
            for name in others {
                if let found = information(name), found.kind == .file { source.found(outside: name, found, in: self) }
            }
        }
        processSoon()
    }

    private func information(_ name: String) -> FileInformation? {
        do throws(TailraceError) {
            return try source.environment.files.information(fullPath(name))
        } catch {
            if error.code != "file.missing" { source.environment.log(.debug, "\(fullPath(name)): \(error)") }
            return nil
        }
    }

    private func refresh(_ name: String) {
        guard let found = information(name), found.kind == .file else { return detach(name) }
        let isNew = names[name] != found.identity
        attach(name, found, isTold: true)
        // A link cannot be told from a file here; the scan can, and soon.
        if isNew { nextScan = min(nextScan, loop.now + .seconds(5)) }
    }

    /// `isTold`: something happened to it, though size and time may be as before.
    private func attach(_ name: String, _ found: FileInformation, isTold: Bool) {
        if !isTold, isWatched, isKnown, found.kind == .file, source.isNews(found) { noteSilence(name, found) }
        if let old = names[name], old != found.identity { detach(name) }
        names[name] = found.identity
        source.found(name, found, isTold: isTold, in: self)
    }
    /// A file that changed in the last seconds may be told any moment.
    private func noteSilence(_ name: String, _ found: FileInformation) {
        guard found.links == 1, loop.wallTime.milliseconds - found.modified.milliseconds > Self.pollInterval.milliseconds * 2
        else { return }
        isWatchDeaf = true
        nextScan = min(nextScan, loop.now + Self.pollInterval)
        source.environment.log(
            .info,
            "nobody told that \(fullPath(name)) changed (a network file system?): \(path) is scanned every "
                + "\(Self.pollInterval.text) from now on")
    }
    private func detach(_ name: String) {
        guard let identity = names.removeValue(forKey: name) else { return }
        source.lost(name, identity, in: self)
    }

    // MARK: Scanning

    func requestScan() {
        wantsScan = true
        startScan()
    }

    private func startScan() {
        guard wantsScan, scan == nil, !isStopped, problem == nil else { return }
        wantsScan = false
        scans += 1
        nextScan = loop.now + (isWatched ? Self.safety.delay(scans) : Self.pollInterval)
        do throws(TailraceError) {
            scan = try source.environment.files.scan(path)
            listing = []
            loop.enqueue { [weak self] in self?.scanOn() }
        } catch {
            isMissing(error)
        }
    }

    private func scanOn() {
        guard let scan, !isStopped else { return }
        do throws(TailraceError) {
            let some = try scan.next(Self.entriesPerTurn)
            guard some.isEmpty else {
                for entry in some where entry.kind == .file || entry.kind == .link { take(entry) }
                return loop.enqueue { [weak self] in self?.scanOn() }
            }
            self.scan = nil
            finishScan()
        } catch {
            isMissing(error)
        }
    }

    /// Keeps what matters: names that match, files that are known, and all regular files while copies are looked for.
    private func take(_ entry: FileInformation) {
        guard entry.kind == .link else { return listing.append(entry) }
        guard group(entry.name) != nil, var found = information(entry.name), found.kind == .file else { return }
        (found.name, found.kind) = (entry.name, .link)
        listing.append(found)
    }

    private func finishScan() {
        // Files in the order of their last change: the oldest is read first.
        let sorted = listing.sorted { ($0.modified.milliseconds, $0.name) < ($1.modified.milliseconds, $1.name) }
        listing = []
        let seen = Set(sorted.map(\.name))
        for name in names.keys.filter({ !seen.contains($0) }).sorted() { detach(name) }
        var others: [FileInformation] = []
        for entry in sorted {
            if group(entry.name) != nil {
                attach(entry.name, entry, isTold: false)
            } else {
                detach(entry.name)
                others.append(entry)
            }
        }
        isKnown = true
        source.scanned(self, others: others)
        startScan()
        processSoon()
    }
}
