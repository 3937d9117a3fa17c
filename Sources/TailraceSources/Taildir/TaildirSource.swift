package import TailraceCore

/// Flume's `taildir`: follows the files whose names match, and makes each line an event.
///
/// A file is known by device and inode, and by what stood in it (``FilePlace``); its names may change. So a rotation by
/// renaming, also while the agent is down, goes on where it was; a truncated file is read from its start again, and a copy
/// that was made of it before takes over what was not read. What is renamed away or deleted is read to its end by its open
/// descriptor. A line without line end waits until it is finished; only a file that is gone for good gives it up as it is.
///
/// Positions follow the answers of the channels: what was not answered is read again after a crash. With durable channels
/// they ride in the batches; Tailrace's own state file has them too, and a copy in Flume's form for going back.
package final class TaildirSource: DeclaredSource {
    /// Work of one turn.
    static let looksPerTurn = 64, bytesPerTurn = 1 << 20
    /// How long a file that equals the beginning of another one is not read: a rotation truncates the original right after
    /// it has copied it.
    static let copyWait: Duration = .seconds(2)
    /// How long the content of a truncated file is looked for in copies.
    static let orphanLife: Duration = .seconds(10)
    static let orphanLimit = 64
    /// Files that one new file is compared with.
    static let similarLimit = 16
    /// A deleted file is closed when it was quiet for so long.
    static let deletedWait: Duration = .seconds(5)
    static let tickInterval: Duration = .seconds(1), retryInterval: Duration = .seconds(5)

    package let name: String
    let configuration: TaildirSourceConfiguration
    let output: SourceOutput
    let environment: Environment
    let book: PositionBook
    let reader: BlockReader
    var directories: [TailedDirectory] = []
    var files: [FileIdentity: TailedFile] = [:]
    /// The same, in the order in which they were found.
    var order: [TailedFile] = []
    /// Those without a name that matches.
    var leaving: [TailedFile] = []
    /// What was read of files whose content is no longer there.
    var orphans: [Orphan] = []
    /// Files of which something is remembered are looked at before the others, which may be copies of them.
    var claims = FileQueue(), looks = FileQueue(), reads = FileQueue()
    /// It goes on being read before the others have their turn.
    var current: TailedFile?
    var openFiles = FileQueue(), openCount = 0
    /// Is being looked at or read: its descriptor stays.
    var inHand: TailedFile?
    /// The files that are there at the start are looked at before the first line is read.
    var isSurveying = true
    private var isScheduled = false
    private var isRunning = false
    private var started: Completion?
    private var stopped: (() -> Void)?
    private var tickTimer: TimerID?
    private var stopTimer: TimerID?

    let rescans: Counter, cutLines: Counter, restarts: Counter

    /// Content that was read up to a place, and then was no longer in its file: a copy may have it.
    struct Orphan {
        var track: FileTrack
        var group: FileGroup
        var directory: TailedDirectory
        var expires: Instant
    }

    package init(
        _ configuration: TaildirSourceConfiguration, _ output: SourceOutput, _ environment: Environment
    ) throws(TailraceError) {
        (name, self.configuration, self.output) = (environment.component, configuration, output)
        self.environment = environment
        book = PositionBook(configuration, output, environment)
        reader = BlockReader(configuration)
        rescans = environment.counter("lost_changes_total")
        cutLines = environment.counter("cut_lines_total")
        restarts = environment.counter("truncated_files_total")
        var groups: [FileGroup] = []
        for name in configuration.fileGroups {
            guard let path = configuration.paths[name] else {
                throw TailraceError(
                    code: "configuration.missing-key", message: "file group \(name) has no path",
                    fix: "set filegroups.\(name)", component: environment.component)
            }
            groups.append(try FileGroup(name: name, path: path, headers: configuration.headers[name] ?? []))
        }
        for group in groups where !directories.contains(where: { $0.path == group.directory }) {
            directories.append(
                TailedDirectory(group.directory, groups.filter { $0.directory == group.directory }, self))
        }
        environment.gauge("files") { [weak self] in self?.order.count ?? 0 }
        environment.gauge("open_files") { [weak self] in self?.openCount ?? 0 }
        environment.gauge("lag_bytes") { [weak self] in self?.order.reduce(0) { $0 + Int($1.lag) } ?? 0 }
    }

    package var health: Health {
        if started != nil || (isSurveying && stopped == nil) { return .starting }
        if let problem = book.problem ?? directories.lazy.compactMap(\.problem).first { return .degraded(problem) }
        return .ok
    }

    // MARK: Start and stop

    /// `done`: the directories were scanned and the files looked at; nothing is read before.
    package func start(_ done: @escaping Completion) {
        do throws(TailraceError) {
            try book.load()
        } catch {
            let error = error.named(name)
            return environment.loop.enqueue { done(.failure(error)) }
        }
        (started, isRunning) = (done, true)
        for directory in directories { directory.begin() }
        scheduleTick()
        wake()
    }

    /// Reads no more; waits for the answers of what it submitted until shortly before `deadline`, then writes the positions.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        isRunning = false
        for directory in directories { directory.stop() }
        if let tickTimer { environment.loop.cancel(tickTimer) }
        for file in order { close(file) }
        stopped = done
        let last = max(environment.loop.now, deadline + .seconds(-1))
        stopTimer = environment.loop.schedule(at: last) { [weak self] in self?.finishStop() }
        environment.loop.enqueue { [weak self] in self?.finishStopIfAnswered() }
    }
    private func finishStopIfAnswered() { if book.unanswered == 0 { finishStop() } }
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

    package func outputHasRoom() { wake() }

    // MARK: Turns

    func wake() {
        guard !isScheduled, isRunning else { return }
        isScheduled = true
        environment.loop.enqueue { [weak self] in
            guard let self else { return }
            isScheduled = false
            if isRunning { turn() }
        }
    }

    private func turn() {
        guard !isSurveying || directories.allSatisfy(\.isKnown) else { return }
        for _ in 0..<Self.looksPerTurn {
            guard let file = claims.popFirst() ?? looks.popFirst() else { break }
            look(file)
        }
        if claims.isEmpty, looks.isEmpty, isSurveying { endSurvey() }
        var bytes = 0
        while !isSurveying, bytes < Self.bytesPerTurn, current != nil || !reads.isEmpty, output.openSlots > 0 {
            guard let file = current ?? reads.popFirst() else { break }
            current = nil
            bytes += read(file)
        }
        // A full output wakes it when there is room.
        if !claims.isEmpty || !looks.isEmpty || bytes >= Self.bytesPerTurn { wake() }
    }

    private func endSurvey() {
        isSurveying = false
        // The oldest first; of equals the one that was followed before.
        reads.sort {
            let begun = ($0.place.offset > 0 ? 0 : 1, $1.place.offset > 0 ? 0 : 1)
            return ($0.seenModified.milliseconds, begun.0, $0.path) < ($1.seenModified.milliseconds, begun.1, $1.path)
        }
        environment.log(.info, "follows \(order.count) files in \(directories.map(\.path).joined(separator: ", "))")
        if let started {
            self.started = nil
            environment.loop.enqueue { started(.success(())) }
        }
    }

    private func scheduleTick() {
        tickTimer = environment.loop.schedule(at: environment.loop.now + Self.tickInterval) { [weak self] in
            guard let self, isRunning else { return }
            tick(environment.loop.now)
            scheduleTick()
        }
    }

    /// Answers move the safe position.
    func submit(_ block: BlockReader.Block, of file: TailedFile) {
        let track = file.track, place = block.place
        let batch = EventBatch(
            block.buffer, block.bodies, shared: file.headers, eventHeaders: block.offsets,
            positions: [book.mark(track, at: place)])
        track.submitted(place)
        output.submit(batch) { [weak self, book] result in
            book.answered(track, place, result)
            if let self, stopped != nil { finishStopIfAnswered() }
        }
    }
}
