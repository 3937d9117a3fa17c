import TailraceCore

// Files whose events are all safe: renamed, deleted or marked, and only then forgotten.
extension SpoolDirectorySource {
    func finish(_ file: SpooledFile) {
        do throws(TailraceError) {
            guard !file.isMoved else { return syncName(file) }
            let now = try environment.files.information(file.path)
            guard now.identity == file.found.identity else { return isGone(file) }
            guard file.isUnchanged(now) else {
                return setAside(file.directory, file.name, changed(file, size: now.size), isRetried: false, file)
            }
            if configuration.trackingPolicy == .trackerDirectory {
                try mark(file)
            } else if configuration.deletePolicy == .immediate {
                let disk = try disk(file.directory.path)
                operations += 1
                disk.remove(file.name) { [self] in moved(file, $0) }
            } else {
                try rename(file)
            }
        } catch {
            if error.code == "file.missing" { return isGone(file) }
            failed(file, error)
        }
    }

    /// The thread of the directory lives as long as somebody has its disk.
    private func disk(_ path: String) throws(TailraceError) -> any Disk {
        if let lastDisk, lastDisk.directory == path { return lastDisk }
        let disk = try environment.files.disk(path)
        lastDisk = disk
        return disk
    }

    private func rename(_ file: SpooledFile) throws(TailraceError) {
        let target = file.name + configuration.fileSuffix, path = file.directory.fullPath(target)
        if information(path) != nil {
            return setAside(
                file.directory, file.name,
                TailraceError(
                    code: "spooldir.name-taken", message: "all events of \(file.path) are safe, but \(path) is there already",
                    fix: "move \(path) away; \(file.name) is not read again"), isRetried: true, file)
        }
        let disk = try disk(file.directory.path)
        operations += 1
        disk.rename(file.name, to: target) { [self] in moved(file, $0) }
    }

    func marker(_ directory: SpooledDirectory, _ name: String) -> String {
        "\(configuration.trackerPath)/\(directory.relative)\(name)\(configuration.fileSuffix)"
    }
    private func markerDirectory(_ file: SpooledFile) -> String {
        let path = "\(configuration.trackerPath)/\(file.directory.relative)"
        return String(path.dropLast())
    }
    private func mark(_ file: SpooledFile) throws(TailraceError) {
        let disk = try disk(markerDirectory(file))
        operations += 1
        disk.open(file.name + configuration.fileSuffix, preallocating: 0) { [self] result in
            if case .success(let marker) = result { marker.close() }
            moved(file, result.map { _ in })
        }
    }

    private func moved(_ file: SpooledFile, _ result: Result<Void, TailraceError>) {
        operations -= 1
        switch result {
        case .success:
            file.isMoved = true
            syncName(file)
        case .failure(let error) where error.code == "file.missing" && configuration.trackingPolicy == .rename: isGone(file)
        case .failure(let error): failed(file, error)
        }
    }
    /// Before the position is forgotten: else a crash could bring the file back without it.
    private func syncName(_ file: SpooledFile) {
        do throws(TailraceError) {
            let marks = configuration.trackingPolicy == .trackerDirectory
            let disk = try disk(marks ? markerDirectory(file) : file.directory.path)
            operations += 1
            disk.sync { [self] result in
                operations -= 1
                if case .failure(let error) = result { return failed(file, error) }
                finishedFiles.add(1)
                end(file)
            }
        } catch { failed(file, error) }
    }

    /// Tried again, and its position is kept until it works: its events are not read twice.
    private func failed(_ file: SpooledFile, _ error: TailraceError) {
        file.failures += 1
        lastDisk = nil
        let delay = Backoff.standard.delay(file.failures)
        if file.failures == 1 {
            failedFiles.add(1)
            environment.log(
                .error, "\(file.path) was read, but cannot be finished; it is tried again until it works: \(error.named(name))")
        }
        environment.loop.schedule(at: environment.loop.now + delay) { [weak self] in
            guard let self, isRunning, finishing.contains(where: { $0 === file }) else { return }
            finish(file)
        }
        finishStopIfIdle()
    }

    /// Somebody else renamed or removed it while it was read: what was read is safe.
    private func isGone(_ file: SpooledFile) {
        failedFiles.add(1)
        let error = TailraceError(
            code: "spooldir.vanished", message: "\(file.path) was taken away while it was read; what it held was delivered",
            fix: "leave files in spoolDir alone until they are finished", component: name)
        environment.log(.error, "\(error)")
        end(file)
    }

    private func end(_ file: SpooledFile) {
        finishing.removeAll { $0 === file }
        (standing[file.path], told[file.path]) = (nil, nil)
        book.forget(file.entry.incarnation)
        if file.isNoted { file.directory.note(file.name) }
        wake()
        finishStopIfIdle()
    }
}
