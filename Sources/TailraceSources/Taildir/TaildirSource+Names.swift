import TailraceCore

// What the directories tell: names that lead to files, and names that do not any more.
extension TaildirSource {
    var hasNamelessFiles: Bool { leaving.contains { $0.outsidePath == nil } }

    /// A name that matches leads to this file. `isTold`: something was written to it, or it was made or renamed.
    func found(_ name: String, _ found: FileInformation, isTold: Bool, in directory: TailedDirectory) {
        guard let group = directory.group(name) else { return }
        let path = directory.fullPath(name), known = files[found.identity]
        let file = known ?? follow(found.identity, path, group, directory)
        if !file.paths.contains(path) {
            let old = file.hasName ? nil : file.track.path
            file.add(path)
            leaving.removeAll { $0 === file }
            file.track.isFinished = false
            if known != nil, let old, old != path { environment.log(.info, "\(old) is \(path) now") }
            named(file)
        }
        if found.kind == .link || found.links > 1 { file.isReachedByLink = true }
        if isTold || known == nil || found.size != file.seenSize || found.modified != file.seenModified {
            file.isChanged = file.isChanged || isTold
            enqueueLook(file)
        }
    }

    /// Whether a file is new, or has changed since it was looked at.
    func isNews(_ found: FileInformation) -> Bool {
        guard let file = files[found.identity] else { return true }
        guard file.retryAt == nil, !file.isInLookQueue else { return false }
        return file.seenSize != found.size || file.seenModified != found.modified
    }

    /// The first name in order is the one that is reported, and its group gives the headers.
    private func named(_ file: TailedFile) {
        file.track.path = file.path
        for directory in directories {
            if let name = directory.name(of: file.path), let group = directory.group(name) { file.group = group }
        }
        file.headers = file.group.headers
        if configuration.fileHeader {
            file.headers.removeAll { $0.name == configuration.fileHeaderKey }
            file.headers.append(Header(configuration.fileHeaderKey, file.path))
        }
        book.changed()
    }

    func follow(
        _ identity: FileIdentity, _ path: String, _ group: FileGroup, _ directory: TailedDirectory, _ track: FileTrack? = nil
    ) -> TailedFile {
        let phase = track == nil ? TailedFile.Phase.found(skip: configuration.skipToEnd && isSurveying) : .reading
        let file = TailedFile(
            identity, directory, group, track ?? book.make(identity, path: path), phase, environment.loop.now)
        files[identity] = file
        order.append(file)
        return file
    }

    func lost(_ name: String, _ identity: FileIdentity, in directory: TailedDirectory) {
        guard let file = files[identity] else { return }
        file.remove(directory.fullPath(name))
        guard !file.hasName else { return named(file) }
        file.lastActivity = environment.loop.now
        leaving.append(file)
        // Without a descriptor only its new name leads to it.
        if file.handle == nil { directory.requestScan() }
        enqueueLook(file)
    }

    /// A file without a name that matches has this one.
    func found(outside name: String, _ found: FileInformation, in directory: TailedDirectory) {
        guard let file = files[found.identity], !file.hasName else { return }
        let path = directory.fullPath(name)
        if file.outsidePath != path {
            environment.log(.info, "\(file.track.path) is \(path) now, which does not match: it is read to its end")
        }
        file.outsidePath = path
        enqueueLook(file)
    }

    /// `others`: regular files whose names do not match, oldest change first.
    func scanned(_ directory: TailedDirectory, others: [FileInformation]) {
        for entry in others {
            if files[entry.identity] != nil {
                found(outside: entry.name, entry, in: directory)
            } else if book.knows(entry.identity.inode) {
                followRenamed(entry, directory)
            }
        }
        for file in leaving where file.directory === directory && file.outsidePath == nil && file.handle == nil { drop(file) }
        findCopies(others, directory)
        wake()
    }

    /// Renamed away while nobody looked: its rest is read.
    private func followRenamed(_ entry: FileInformation, _ directory: TailedDirectory) {
        let path = directory.fullPath(entry.name)
        do throws(TailraceError) {
            let handle = try environment.files.open(path)
            defer { handle.close() }
            let found = try handle.information()
            guard found.identity == entry.identity else { return }
            var track = try claim(found, path, handle)
            if track == nil { track = try claimFromFlume(found, path, handle) }
            if let track, track.read.offset < found.size { followOutside(track, path, directory) }
        } catch {
            environment.log(.warning, "\(path) has the inode of a file that was followed, and cannot be read: \(error)")
        }
    }

    /// Goes on with `track` in a file whose name does not match.
    func followOutside(_ track: FileTrack, _ path: String, _ directory: TailedDirectory) {
        let group = directory.name(of: track.path).flatMap { directory.group($0) } ?? directory.groups[0]
        book.own(track)
        let file = follow(track.identity, path, group, directory, track)
        file.headers = group.headers
        if configuration.fileHeader { file.headers.append(Header(configuration.fileHeaderKey, path)) }
        environment.log(.info, "\(track.path) is \(path) now, which does not match: it is read to its end")
        file.outsidePath = path
        leaving.append(file)
        enqueueLook(file)
    }

    /// Takes no more interest in a file: it is gone for good, and was read to its end.
    func drop(_ file: TailedFile) {
        close(file)
        file.isDropped = true
        files[file.identity] = nil
        order.removeAll { $0 === file }
        leaving.removeAll { $0 === file }
        if file.links == 0 || file.place.offset == 0 {
            book.discard(file.track)
        } else {
            file.track.isFinished = file.outsidePath != nil
            book.disown(file.track)
        }
    }
}
