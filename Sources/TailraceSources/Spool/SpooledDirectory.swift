import TailraceCore

/// One directory of a spool source: tells the source what is in it, and what is new. Bounded work per turn.
final class SpooledDirectory {
    private static let entriesPerTurn = 256
    /// More names than these that wait are a scan.
    private static let pendingLimit = 4_096
    /// A scan although nothing was told, for file systems that tell nothing.
    private static let safety: Duration = .seconds(60)
    /// Where there is no watch.
    private static let unwatched: Duration = .seconds(2)
    private static let retryInterval: Duration = .seconds(1)

    let path: String
    /// Relative to the spool directory, with a slash at its end; empty for itself.
    let relative: String
    private unowned let source: SpoolDirectorySource
    private var watch: (any Cancellable)?
    private var identity: FileIdentity?
    private var scan: (any DirectoryScan)?
    private var wantsScan = false
    private var pending: [String] = []
    private var pendingSet: Set<String> = []
    private var isProcessing = false
    private var isStopped = false
    private var nextScan = Instant(nanoseconds: .max)
    private var isWatchProblemTold = false
    /// It was scanned once, or is not there.
    private(set) var isKnown = false
    private(set) var problem: TailraceError?

    init(_ path: String, relative: String, _ source: SpoolDirectorySource) {
        (self.path, self.relative, self.source) = (path, relative, source)
    }
    private var loop: any EventLoop { source.environment.loop }

    func fullPath(_ name: String) -> String { path == "/" ? "/\(name)" : "\(path)/\(name)" }

    /// Watches, then scans: so nothing falls between the two.
    func begin() {
        guard !isStopped else { return }
        do throws(TailraceError) {
            let found = try source.environment.files.information(path)
            guard found.kind == .directory else {
                throw TailraceError(code: "spooldir.directory", message: "\(path) is not a directory any more")
            }
            if watch == nil || identity != found.identity { startWatch() }
            identity = found.identity
            if problem != nil { source.environment.log(.info, "\(path) is there again") }
            problem = nil
            requestScan()
        } catch { isMissing(error) }
    }
    private func startWatch() {
        watch?.cancel()
        watch = nil
        do throws(TailraceError) {
            watch = try source.environment.files.watch(path) { [weak self] in self?.changed($0) }
            isWatchProblemTold = false
        } catch {
            if !isWatchProblemTold {
                source.environment.log(
                    .warning, "\(path) cannot be watched, it is scanned every \(Self.unwatched.text) instead: \(error)")
            }
            isWatchProblemTold = true
        }
    }
    private func isMissing(_ error: TailraceError) {
        watch?.cancel()
        (watch, scan, identity, isKnown) = (nil, nil, nil, true)
        if !relative.isEmpty, error.code == "file.missing" {
            isStopped = true
            return source.isGone(self)
        }
        if problem == nil {
            source.environment.log(.warning, "\(path) cannot be read, it is tried again every second: \(error)")
        }
        problem = error
        nextScan = loop.now + Self.retryInterval
        source.isScanned()
    }
    func stop() {
        isStopped = true
        watch?.cancel()
        (watch, scan) = (nil, nil)
    }

    /// The path may lead to another directory by now, which a watch does not know.
    func tick(_ now: Instant) {
        if now >= nextScan, scan == nil { begin() }
    }

    // MARK: Changes

    private func changed(_ names: [String]?) {
        guard !isStopped else { return }
        guard let names else {
            source.rescans.add(1)
            return requestScan()
        }
        for name in names { note(name) }
    }
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
        guard !isProcessing, !pending.isEmpty else { return }
        isProcessing = true
        loop.enqueue { [weak self] in
            guard let self else { return }
            isProcessing = false
            guard !isStopped else { return }
            let turn = Array(pending.prefix(Self.entriesPerTurn))
            pending.removeFirst(turn.count)
            for name in turn {
                pendingSet.remove(name)
                source.noted(name, in: self)
            }
            processSoon()
        }
    }

    // MARK: Scanning

    func requestScan() {
        wantsScan = true
        startScan()
    }
    private func startScan() {
        guard wantsScan, scan == nil, !isStopped else { return }
        wantsScan = false
        nextScan = loop.now + (watch == nil ? Self.unwatched : Self.safety)
        do throws(TailraceError) {
            scan = try source.environment.files.scan(path)
            loop.enqueue { [weak self] in self?.scanOn() }
        } catch { isMissing(error) }
    }
    private func scanOn() {
        guard let scan, !isStopped else { return }
        do throws(TailraceError) {
            let some = try scan.next(Self.entriesPerTurn)
            guard some.isEmpty else {
                for entry in some { source.listed(entry, in: self) }
                return loop.enqueue { [weak self] in self?.scanOn() }
            }
            self.scan = nil
            isKnown = true
            source.isScanned()
            startScan()
        } catch { isMissing(error) }
    }
}
