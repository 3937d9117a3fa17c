package import TailraceCore
import TailracePatterns
import TailraceSerializers

/// Flume's `spooldir`: makes events of files that are moved into a directory, one file after the other.
///
/// The position of a file rides with its batches, and is known by inode, size and time of the file. When all of a file is
/// safe, it is renamed, deleted or marked, and only when that survives a crash is its position forgotten: whenever the agent
/// dies, a file is either found with the position at which to go on (perhaps its end), or is finished. What is wrong with one
/// file sets that one aside, and never holds the others up.
package final class SpoolDirectorySource: DeclaredSource {
    static let bytesPerTurn = 1 << 20, filesPerTurn = 64, blockBytes = 256 << 10
    /// Files that were read and wait for their answers, or to be renamed.
    static let finishingLimit = 64
    /// Names that are remembered; the rest is found by a scan later.
    static let namesLimit = 100_000
    static let directoriesLimit = 10_000
    static let tickInterval: Duration = .seconds(1), asideInterval: Duration = .seconds(30)

    enum Standing {
        /// Perhaps a copy under way.
        case settling
        case queued
        case inWork(SpooledFile)
        case aside(AsideFile)
    }
    struct Settling {
        var directory: SpooledDirectory
        var name: String
        var size: Int64
        var modified: WallTime
        var due: Instant
        var file: SpooledFile?
    }

    package let name: String
    let configuration: SpoolDirectorySourceConfiguration
    let deserializer: any DeserializerConfiguration
    let output: SourceOutput
    let environment: Environment
    let book: SpoolBook
    let include: Pattern, ignore: Pattern
    var random: SeededRandom
    var directories: [String: SpooledDirectory] = [:]
    /// By path.
    var standing: [String: Standing] = [:]
    /// In the order of `due`.
    var settling: [Settling] = []
    var settleTimer: TimerID?
    var queue = SpoolQueue()
    var current: SpooledFile?
    var finishing: [SpooledFile] = []
    var asides: [AsideFile] = []
    var asideCount = 0
    /// What was told of a path that is or was set aside: once, until it changes.
    var told: [String: String] = [:]
    /// The directory in which a file was finished last: its thread is kept for the next one.
    var lastDisk: (any Disk)?
    /// More names than are remembered.
    var hasMore = false
    var isRunning = false
    /// What is there at the start is listed before the first file is read, so that the order is right.
    var isSurveying = true
    private var isScheduled = false
    private var unanswered = 0
    var operations = 0
    private var started: Completion?
    private var isStopping = false
    private var stopped: (() -> Void)?
    private var stopTimer: TimerID?
    private var tickTimer: TimerID?

    let rescans: Counter, failedFiles: Counter, finishedFiles: Counter

    package init(
        _ configuration: SpoolDirectorySourceConfiguration, _ output: SourceOutput, _ environment: Environment
    ) throws(TailraceError) {
        (name, self.configuration, self.output, self.environment) = (environment.component, configuration, output, environment)
        do throws(TailraceError) {
            if let problem = configuration.problems().first(where: { $0.severity == .error }) {
                throw TailraceError(code: problem.code, message: "\(problem.key): \(problem.message)", fix: problem.fix)
            }
            include = try Pattern(configuration.includePattern, .whole)
            ignore = try Pattern(configuration.ignorePattern, .whole)
            deserializer = try configuration.deserializerConfiguration()
        } catch { throw error.named(environment.component) }
        book = SpoolBook(output, environment)
        random = environment.random.split("order")
        rescans = environment.counter("lost_changes_total")
        failedFiles = environment.counter("failed_files_total")
        finishedFiles = environment.counter("finished_files_total")
        environment.gauge("waiting_files") { [weak self] in (self?.queue.count ?? 0) + (self?.settling.count ?? 0) }
        environment.gauge("unfinished_files") { [weak self] in self?.finishing.count ?? 0 }
        environment.gauge("files_set_aside") { [weak self] in self?.asideCount ?? 0 }
    }

    package var health: Health {
        if started != nil { return .starting }
        let problem = directories.values.lazy.compactMap(\.problem).first ?? book.problem
        if let problem { return .degraded(problem) }
        let aside = asideCount > 0 ? asides.last { isAside($0) } : nil
        return aside.map { .degraded($0.error) } ?? .ok
    }

    // MARK: Start and stop

    /// `done`: the directories were listed; nothing is read before.
    package func start(_ done: @escaping Completion) {
        checkPlaces { [self] result in
            guard !isStopping else { return done(.failure(.stopped)) }
            do throws(TailraceError) {
                try result.get()
                try book.load()
            } catch { return done(.failure(error.named(name))) }
            (started, isRunning) = (done, true)
            add(configuration.spoolPath, relative: "")
            scheduleTick()
        }
    }

    /// The directory is there, and what is finished can be renamed, deleted or marked: better told now than after the first file.
    private func checkPlaces(_ done: @escaping Completion) {
        do throws(TailraceError) {
            let path = configuration.spoolPath
            let found = Result { () throws(TailraceError) in try environment.files.information(path) }
            guard case .success(let found) = found, found.kind == .directory else {
                let reason = if case .failure(let error) = found { error.message } else { "it is a file" }
                throw TailraceError(
                    code: "spooldir.directory", message: "spoolDir \(path) is no directory that can be read: \(reason)",
                    fix: "make it (mkdir -p \(path)) and give it to the agent's user, or correct spoolDir")
            }
            let marks = configuration.trackingPolicy == .trackerDirectory
            let disk = try environment.files.disk(marks ? configuration.trackerPath : path)
            let probe = ".tailrace-probe"
            disk.open(probe, preallocating: 0) { [self] result in
                switch result {
                case .success(let file):
                    file.close()
                    disk.remove(probe) { [self] in done($0.mapError(notWritable)) }
                case .failure(let error): done(.failure(notWritable(error)))
                }
            }
        } catch {
            let error = error
            environment.loop.enqueue { done(.failure(error)) }
        }
    }
    private func notWritable(_ error: TailraceError) -> TailraceError {
        let marks = configuration.trackingPolicy == .trackerDirectory
        let path = marks ? configuration.trackerPath : configuration.spoolPath
        return TailraceError(
            code: "spooldir.not-writable", message: "files in \(path) cannot be made and removed: \(error.message)",
            fix: "give the agent's user the right to write there"
                + (marks ? "" : ", or set trackingPolicy = tracker_dir and a trackerDir elsewhere"))
    }

    /// Reads no more. What is answered until shortly before `deadline` is finished, and its position is written.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        (isRunning, isStopping) = (false, true)
        for directory in directories.values { directory.stop() }
        for timer in [tickTimer, settleTimer].compactMap({ $0 }) { environment.loop.cancel(timer) }
        current?.close()
        stopped = done
        let last = max(environment.loop.now, deadline + .seconds(-1))
        stopTimer = environment.loop.schedule(at: last) { [weak self] in self?.finishStop() }
        environment.loop.enqueue { [weak self] in self?.finishStopIfIdle() }
    }
    func finishStopIfIdle() { if stopped != nil, unanswered == 0, operations == 0 { finishStop() } }
    private func finishStop() {
        guard let stopped else { return }
        self.stopped = nil
        if let stopTimer { environment.loop.cancel(stopTimer) }
        if let started {
            self.started = nil
            started(.failure(.stopped))
        }
        book.flush(stopped)
    }

    // MARK: Turns

    package func outputHasRoom() { wake() }

    func wake() {
        guard !isScheduled, isRunning, !isSurveying else { return }
        isScheduled = true
        environment.loop.enqueue { [weak self] in
            guard let self else { return }
            isScheduled = false
            if isRunning { turn() }
        }
    }

    private func turn() {
        var bytes = 0, files = 0
        while bytes < Self.bytesPerTurn, files < Self.filesPerTurn, finishing.count < Self.finishingLimit, output.openSlots > 0
        {
            if current == nil {
                guard let next = queue.popFirst() else { break }
                files += 1
                open(next)
            } else {
                bytes += read()
            }
        }
        if queue.isEmpty, hasMore {
            hasMore = false
            for directory in directories.values { directory.requestScan() }
        }
        // A full output, and a file that is finished, wake it.
        if bytes >= Self.bytesPerTurn || files >= Self.filesPerTurn { wake() }
    }

    func submit(_ batch: EventBatch, of file: SpooledFile) {
        let entry = file.entry, storage = batch.storage
        let whole = EventBatch.Storage(
            storage.buffer, storage.bodies, shared: storage.sharedHeaders + file.headers, eventHeaders: storage.eventHeaders)
        file.unanswered += 1
        unanswered += 1
        output.submit(EventBatch(whole, batch.runs, nil, [book.mark(entry)])) { [weak self] in self?.answered(file, entry, $0) }
    }
    private func answered(_ file: SpooledFile, _ entry: SpoolEntry, _ result: Result<Void, TailraceError>) {
        file.unanswered -= 1
        unanswered -= 1
        switch result {
        case .success: book.isSafe(entry)
        case .failure: file.isAbandoned = true
        }
        if file.isSafe, finishing.contains(where: { $0 === file }) { finish(file) }
        finishStopIfIdle()
    }

    func isScanned() {
        guard isSurveying, directories.values.allSatisfy(\.isKnown) else { return }
        isSurveying = false
        if directories.values.allSatisfy({ $0.problem == nil }) { book.forgetUnseen() }
        if let started {
            self.started = nil
            environment.loop.enqueue { started(.success(())) }
        }
        wake()
    }

    private func scheduleTick() {
        tickTimer = environment.loop.schedule(at: environment.loop.now + Self.tickInterval) { [weak self] in
            guard let self, isRunning else { return }
            for path in directories.keys.sorted() { directories[path]?.tick(environment.loop.now) }
            checkAsides(environment.loop.now)
            scheduleTick()
        }
    }
}
