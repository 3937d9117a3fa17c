import TailraceCore
import TailracePatterns

// Which files there are, and which of them are to be read.
extension SpoolDirectorySource {
    func add(_ path: String, relative: String) {
        guard directories[path] == nil else { return }
        guard directories.count < Self.directoriesLimit else {
            return environment.log(
                .error, "\(path) is not read: there are more than \(Self.directoriesLimit) directories in spoolDir")
        }
        let directory = SpooledDirectory(path, relative: relative, self)
        directories[path] = directory
        directory.begin()
    }
    func isGone(_ directory: SpooledDirectory) {
        directories[directory.path] = nil
        isScanned()
    }

    private func isOpenName(_ name: String) -> Bool { !name.hasPrefix(".") && !ignore.matches(name) }
    private func isWanted(_ name: String) -> Bool {
        !name.hasSuffix(configuration.fileSuffix) && isOpenName(name) && include.matches(name)
    }

    /// Something happened to this name.
    func noted(_ name: String, in directory: SpooledDirectory) {
        if name.hasSuffix(configuration.fileSuffix) {
            // Perhaps the name that a finished file could not get is free now.
            let path = directory.fullPath(String(name.dropLast(configuration.fileSuffix.count)))
            if case .aside(let aside) = standing[path] { reconsider(aside) }
            return
        }
        switch standing[directory.fullPath(name)] {
        case .settling, .queued: return
        case .inWork(let file): file.isNoted = true
        case .aside(let aside): reconsider(aside)
        case nil:
            guard isOpenName(name), let found = information(directory.fullPath(name)) else { return }
            consider(name, found, in: directory)
        }
    }
    /// It is among the entries of the directory.
    func listed(_ entry: FileInformation, in directory: SpooledDirectory) {
        guard isOpenName(entry.name), standing[directory.fullPath(entry.name)] == nil else { return }
        guard entry.kind == .link else { return consider(entry.name, entry, in: directory) }
        guard let found = information(directory.fullPath(entry.name)), found.kind == .file else { return }
        consider(entry.name, found, in: directory)
    }
    func information(_ path: String) -> FileInformation? {
        do throws(TailraceError) {
            return try environment.files.information(path)
        } catch {
            if error.code != "file.missing" { environment.log(.debug, "\(path): \(error)") }
            return nil
        }
    }

    private func consider(_ name: String, _ found: FileInformation, in directory: SpooledDirectory) {
        let path = directory.fullPath(name)
        if found.kind == .directory {
            guard configuration.recursiveDirectorySearch, path != configuration.trackerPath else { return }
            return add(path, relative: "\(directory.relative)\(name)/")
        }
        guard found.kind == .file, isWanted(name) else { return }
        if configuration.trackingPolicy == .trackerDirectory, information(marker(directory, name)) != nil { return }
        consider(name, found, in: directory, nil)
    }

    /// `file`: what was read of it before it was set aside.
    func consider(_ name: String, _ found: FileInformation, in directory: SpooledDirectory, _ file: SpooledFile?) {
        guard standing.count < Self.namesLimit else {
            hasMore = true
            return
        }
        let age = environment.loop.wallTime.milliseconds - found.modified.milliseconds
        if book.knows(found) {
            enqueue(name, found, in: directory, file, isBegun: true)
        } else if age >= Int64(configuration.pollDelayMilliseconds) {
            enqueue(name, found, in: directory, file)
        } else {
            settle(name, found, in: directory, file)
        }
    }

    private func settle(_ name: String, _ found: FileInformation, in directory: SpooledDirectory, _ file: SpooledFile?) {
        standing[directory.fullPath(name)] = .settling
        let due = environment.loop.now + .milliseconds(configuration.pollDelayMilliseconds)
        settling.append(
            Settling(
                directory: directory, name: name, size: found.size, modified: found.modified, due: due, file: file))
        scheduleSettling()
    }
    private func scheduleSettling() {
        guard settleTimer == nil, let first = settling.first else { return }
        settleTimer = environment.loop.schedule(at: first.due) { [weak self] in
            guard let self else { return }
            settleTimer = nil
            if isRunning { settleDue() }
        }
    }
    private func settleDue() {
        let now = environment.loop.now
        let due = Array(settling.prefix(256).prefix { $0.due <= now })
        settling.removeFirst(due.count)
        for one in due {
            let path = one.directory.fullPath(one.name)
            standing[path] = nil
            guard let found = information(path), found.kind == .file else {
                drop(one.file)
                continue
            }
            if found.size == one.size, found.modified == one.modified {
                enqueue(one.name, found, in: one.directory, one.file)
            } else {
                settle(one.name, found, in: one.directory, one.file)
            }
        }
        scheduleSettling()
    }

    private func enqueue(
        _ name: String, _ found: FileInformation, in directory: SpooledDirectory, _ file: SpooledFile?, isBegun: Bool = false
    ) {
        let priority: Int64
        switch configuration.consumeOrder {
        // What was begun is finished first.
        case _ where isBegun: priority = .min
        case .oldest: priority = found.modified.milliseconds
        case .youngest: priority = -found.modified.milliseconds
        case .random: priority = Int64.random(in: 0...(.max), using: &random)
        }
        let path = directory.fullPath(name)
        standing[path] = .queued
        queue.insert(SpoolQueue.Item(directory: directory, name: name, priority: priority, path: path, file: file))
        wake()
    }

    /// What was read of a file that is no longer there, or is another one.
    func drop(_ file: SpooledFile?) {
        guard let file else { return }
        file.close()
        book.forget(file.entry.incarnation)
    }

    // MARK: Set aside

    func isAside(_ aside: AsideFile) -> Bool {
        if case .aside(let now) = standing[aside.directory.fullPath(aside.name)] { now === aside } else { false }
    }

    /// An error of one file: told and counted, and the others go on. `isRetried`: it may go away without a change of the file.
    func setAside(
        _ directory: SpooledDirectory, _ name: String, _ error: TailraceError, isRetried: Bool, _ file: SpooledFile? = nil
    ) {
        file?.close()
        if current === file { current = nil }
        finishing.removeAll { $0 === file }
        let path = directory.fullPath(name), error = error.named(self.name)
        if told.updateValue(error.code, forKey: path) != error.code {
            failedFiles.add(1)
            let when = isRetried ? "when it changes, and every \(Self.asideInterval.text)" : "when it changes"
            environment.log(.error, "\(path) is set aside, and tried again \(when): \(error)")
        }
        let aside = AsideFile(
            directory, name, error, information(path), isRetried: isRetried, file, environment.loop.now + Self.asideInterval)
        standing[path] = .aside(aside)
        asides.append(aside)
        asideCount += 1
        wake()
    }

    func checkAsides(_ now: Instant) {
        let due = Array(asides.prefix(256).prefix { $0.checkAt <= now })
        asides.removeFirst(due.count)
        for aside in due where isAside(aside) {
            aside.checkAt = now + Self.asideInterval
            asides.append(aside)
            reconsider(aside)
        }
    }

    private func reconsider(_ aside: AsideFile) {
        let path = aside.directory.fullPath(aside.name)
        guard isAside(aside), isRunning, aside.file?.unanswered ?? 0 == 0 else { return }
        guard let found = information(path), found.kind == .file else {
            leave(aside)
            told[path] = nil
            return drop(aside.file)
        }
        let isUnchanged = aside.isUnchanged(found)
        guard aside.isRetried || !isUnchanged else { return }
        leave(aside)
        if !isUnchanged { told[path] = nil }
        if let file = aside.file, file.isRead, isUnchanged {
            standing[path] = .inWork(file)
            finishing.append(file)
            finish(file)
        } else {
            aside.file?.isRead = false
            consider(aside.name, found, in: aside.directory, aside.file)
        }
    }
    private func leave(_ aside: AsideFile) {
        standing[aside.directory.fullPath(aside.name)] = nil
        asides.removeAll { $0 === aside }
        asideCount -= 1
    }
}
