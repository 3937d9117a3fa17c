import TailraceCore

// Looking at a file: is it the one that is remembered, is there something to read.
extension TaildirSource {
    func enqueueLook(_ file: TailedFile) {
        guard !file.isInLookQueue, !file.isDropped else { return }
        file.isInLookQueue = true
        if case .found = file.phase, book.knows(file.identity.inode) {
            claims.append(file)
        } else {
            looks.append(file)
        }
        wake()
    }
    func enqueueRead(_ file: TailedFile) {
        guard !file.isInReadQueue, !file.isDropped else { return }
        file.isInReadQueue = true
        file.blocksInARow = 0
        reads.append(file)
        wake()
    }

    func look(_ file: TailedFile) {
        file.isInLookQueue = false
        guard !file.isDropped else { return }
        inHand = file
        defer { inHand = nil }
        do throws(TailraceError) {
            guard let handle = try opened(file) else { return }
            let found = try handle.information()
            file.links = found.links
            try look(file, handle, found)
            (file.retryAt, file.errorTold) = (nil, nil)
        } catch {
            failed(file, error)
        }
    }

    private func look(_ file: TailedFile, _ handle: any ReadableFile, _ found: FileInformation) throws(TailraceError) {
        let now = environment.loop.now
        let isChanged = file.isChanged || found.size != file.seenSize || found.modified != file.seenModified
        if found.size != file.seenSize || found.modified != file.seenModified { file.lastActivity = now }
        (file.seenSize, file.seenModified, file.isChanged) = (found.size, found.modified, false)
        switch file.phase {
        case .found(let skip):
            try claimOrBegin(file, handle, found, skip: skip)
        case .held(let since, let size):
            let quietSince = size == found.size ? since : now
            if now - quietSince >= Self.copyWait || file.isFinal {
                file.phase = .reading
            } else if try classify(file, handle, found.size) {
                file.phase = .reading
            } else {
                file.phase = .held(since: quietSince, size: found.size)
            }
        case .reading:
            guard isChanged else { break }
            if found.size <= max(file.place.offset, file.scannedTo) {
                let place = found.size < file.place.offset ? nil : try handle.place(at: file.place.offset)
                let decision = FileDecision.check(file.place, size: found.size, found: place)
                if decision != .goOn { return startAgain(file, decision) }
                file.scannedTo = min(file.scannedTo, found.size)
            }
        }
        guard case .reading = file.phase else { return }
        if found.size > max(file.place.offset, file.scannedTo) { enqueueRead(file) }
    }

    /// The first look at a file.
    private func claimOrBegin(
        _ file: TailedFile, _ handle: any ReadableFile, _ found: FileInformation, skip: Bool
    ) throws(TailraceError) {
        let candidates = book.candidates(file.identity.inode)
        if let track = try claim(found, file.path, handle) {
            use(track, for: file)
            guard file.place.offset > 0 else { return try beginOwn(file, handle, found.size) }
            file.firstBytes = try handle.bytes(at: 0, file.place.evidenceCount)
            file.phase = .reading
            // What the inode held before it was truncated, if that was not settled when the agent was stopped.
            for other in candidates where other !== track {
                let place = other.read.offset <= found.size ? try handle.place(at: other.read.offset) : nil
                if place == other.read { book.discard(other) } else { orphaned(other, file) }
            }
            return
        }
        if let entry = book.flumePosition(file.identity.inode, path: file.path) {
            return try begin(file, handle, found.size, entry)
        }
        // Of what was remembered nothing is in this file any more.
        for track in candidates where track.read.offset > 0 { orphaned(track, file) }
        if skip, candidates.isEmpty {
            if found.size > 0 {
                try begin(file, handle, at: lastLineEnd(handle, found.size))
                environment.log(.info, "\(file.path) is read from its end: offset \(file.place.offset) of \(found.size)")
            }
            file.phase = .reading
            return
        }
        try beginOwn(file, handle, found.size)
    }
    /// At its start, unless it is a copy.
    private func beginOwn(_ file: TailedFile, _ handle: any ReadableFile, _ size: Int64) throws(TailraceError) {
        file.phase = .found(skip: false)
        guard size > 0 else { return }
        let isOwn = try classify(file, handle, size)
        file.phase = isOwn ? .reading : .held(since: environment.loop.now, size: size)
    }

    /// What is remembered of this very file, if anything is.
    func claim(_ found: FileInformation, _ path: String, _ handle: any ReadableFile) throws(TailraceError) -> FileTrack? {
        let candidates = book.candidates(found.identity.inode)
        guard !candidates.isEmpty else { return nil }
        let index = try FileDecision.choose(
            candidates.map(\.entry), identity: found.identity, path: path, size: found.size
        ) { offset throws(TailraceError) in try handle.place(at: offset) }
        guard let index else { return nil }
        let track = candidates[index]
        // Its device number may be another one than before the reboot.
        track.identity = found.identity
        return track
    }

    /// At the first start: a file that Flume followed, by a name that does not match any more.
    func claimFromFlume(
        _ found: FileInformation, _ path: String, _ handle: any ReadableFile
    ) throws(TailraceError) -> FileTrack? {
        guard let entry = book.flumePosition(found.identity.inode, path: path), entry.offset > 0, entry.offset <= found.size
        else { return nil }
        let before = try handle.bytes(at: entry.offset - 1, 1).first
        let (offset, _) = FileDecision.begin(entry, path: path, size: found.size, before: before)
        guard offset > 0, let place = try handle.place(at: offset) else { return nil }
        let track = book.make(found.identity, path: entry.path)
        track.begin(at: place)
        return track
    }

    func use(_ track: FileTrack, for file: TailedFile) {
        if file.track !== track { book.discard(file.track) }
        book.own(track)
        (file.track, file.scannedTo) = (track, track.read.offset)
        track.isFinished = false
        if file.hasName { track.path = file.path }
    }

    private func begin(
        _ file: TailedFile, _ handle: any ReadableFile, _ size: Int64, _ entry: FlumePosition
    ) throws(TailraceError) {
        let before = entry.offset > 0 && entry.offset <= size ? try handle.bytes(at: entry.offset - 1, 1).first : nil
        let (offset, note) = FileDecision.begin(entry, path: file.path, size: size, before: before)
        if let note { environment.log(.warning, "\(file.path): \(note)") }
        try begin(file, handle, at: offset)
        file.phase = .reading
    }
    private func begin(_ file: TailedFile, _ handle: any ReadableFile, at offset: Int64) throws(TailraceError) {
        guard offset > 0, let place = try handle.place(at: offset) else { return }
        file.track.begin(at: place)
        file.scannedTo = offset
        file.firstBytes = try handle.bytes(at: 0, place.evidenceCount)
        book.changed()
    }
    /// Behind the last line end of the last 64 KiB, so that no line is cut; else the end.
    private func lastLineEnd(_ handle: any ReadableFile, _ size: Int64) throws(TailraceError) -> Int64 {
        let start = max(0, size - 64 << 10), bytes = try handle.bytes(at: start, Int(size - start))
        guard let last = bytes.lastIndex(of: 0x0A) else { return start == 0 ? 0 : size }
        return start + Int64(last - bytes.startIndex) + 1
    }

    /// The file does not hold what was read of it.
    func startAgain(_ file: TailedFile, _ decision: FileDecision) {
        restarts.add(1)
        let what = decision == .shorter ? "is shorter (\(file.seenSize) bytes) than what was read" : "was written anew"
        environment.log(.info, "\(file.path) \(what) (offset \(file.place.offset)): it is read from its start")
        let old = file.track
        file.track = book.make(file.identity, path: file.path)
        (file.firstBytes, file.scannedTo, file.phase) = (Bytes(), 0, .found(skip: false))
        file.isChanged = true
        book.disown(old)
        if old.read.offset > 0 { orphaned(old, file) } else { book.discard(old) }
        enqueueLook(file)
    }

    // MARK: Descriptors

    /// nil: what its name leads to is another file by now, or nothing; the directory looks again.
    func opened(_ file: TailedFile) throws(TailraceError) -> (any ReadableFile)? {
        if let handle = file.handle, !file.needsReopening || !file.hasName { return handle }
        let path = file.path
        do throws(TailraceError) {
            let handle = try environment.files.open(path)
            guard try handle.information().identity == file.identity else {
                handle.close()
                isElsewhere(file, path)
                return file.handle
            }
            close(file)
            (file.handle, file.needsReopening) = (handle, false)
            openCount += 1
            openFiles.append(file)
            if openCount > configuration.maxOpenFiles { closeQuietest(but: file) }
            return handle
        } catch {
            guard error.code == "file.missing" || error.code == "file.kind" else { throw error }
            isElsewhere(file, path)
            return file.handle
        }
    }
    private func isElsewhere(_ file: TailedFile, _ path: String) {
        file.outsidePath = nil
        for directory in directories { if let name = directory.name(of: path) { directory.note(name) } }
        if !file.hasName { file.directory.requestScan() }
    }
    func close(_ file: TailedFile) {
        guard file.handle != nil else { return }
        file.close()
        openCount -= 1
    }
    /// Roughly: the one that was opened first and has nothing to be read, else the one that was opened first. A file without
    /// a name stays: nothing leads to it any more.
    private func closeQuietest(but keep: TailedFile) {
        var passed: [TailedFile] = [], closed: TailedFile?
        for _ in 0..<min(openFiles.count, Self.looksPerTurn) {
            guard closed == nil, let file = openFiles.popFirst() else { break }
            guard file.handle != nil else { continue }
            let isFree = file !== keep && file !== inHand && file.hasName && !file.isInReadQueue
            if isFree { closed = file } else { passed.append(file) }
        }
        closed = closed ?? passed.first { $0 !== keep && $0 !== inHand && $0 !== current && $0.hasName }
        if let closed { close(closed) }
        for file in passed where file.handle != nil { openFiles.append(file) }
    }

    func failed(_ file: TailedFile, _ error: TailraceError) {
        if file.errorTold != error.code {
            environment.log(
                .warning, "\(file.path) cannot be read, it is tried again every \(Self.retryInterval.text): \(error)")
        }
        file.errorTold = error.code
        file.retryAt = environment.loop.now + Self.retryInterval
        // A new descriptor may do (stale network file systems); the old one stays as long as there is no other.
        file.needsReopening = true
    }
}
