import TailraceCore

// Rotation by copying: the copy has what was not read of the original when that was truncated, and all else twice.
extension TaildirSource {
    func orphaned(_ track: FileTrack, _ file: TailedFile) {
        if orphans.count >= Self.orphanLimit { expire(orphans.removeFirst()) }
        orphans.append(
            Orphan(
                track: track, group: file.group, directory: file.directory, expires: environment.loop.now + Self.orphanLife))
        for other in order { if case .held = other.phase { enqueueLook(other) } }
        file.directory.requestScan()
    }
    private func expire(_ orphan: Orphan) { if !orphan.track.isOwned { book.discard(orphan.track) } }
    /// Not while a file waits, for an error or in a queue, that may be the copy.
    func expireOrphans(_ now: Instant) {
        guard orphans.contains(where: { $0.expires <= now }) else { return }
        let undecided = order.filter(\.isUndecided)
        orphans.removeAll { orphan in
            guard orphan.expires <= now, !undecided.contains(where: { $0.directory === orphan.directory }) else { return false }
            expire(orphan)
            return true
        }
    }

    /// Whether a file that was never read is a file of its own. If it is the copy of one that was truncated, it takes over
    /// its position first. False: perhaps it is a copy of one that is going to be truncated; ask again.
    func classify(_ file: TailedFile, _ handle: any ReadableFile, _ size: Int64) throws(TailraceError) -> Bool {
        let start = try handle.bytes(at: 0, FilePlace.evidenceCount(size))
        if try adopt(file, handle, start, size) { return true }
        for other in similar(to: file, start) {
            // Renamed in this moment: the directory will tell.
            guard let original = try opened(other) else { return false }
            guard try isIntact(other, original) else {
                startAgain(other, .rewritten)
                if try adopt(file, handle, start, size) { return true }
                continue
            }
            // The same bytes at its end, or where the original's reader is?
            let place = min(size, other.place.offset), length = Int64(FilePlace.evidenceCount(place))
            let mine = try handle.bytes(at: place - length, Int(length))
            if try original.bytes(at: place - length, Int(length)) == mine { return false }
        }
        return true
    }

    /// Files that begin alike, the last active first: what is rotated is written to. Bounded, for all may have one heading.
    private func similar(to file: TailedFile, _ start: Bytes) -> ArraySlice<TailedFile> {
        let similar = order.filter { other in
            // In the order of the cost: there may be thousands.
            guard other.place.offset > 0, other !== file, other.directory === file.directory else { return false }
            let count = min(start.count, other.firstBytes.count)
            return count > 0 && start.prefix(count) == other.firstBytes.prefix(count)
        }
        return similar.sorted { $0.lastActivity > $1.lastActivity }.prefix(Self.similarLimit)
    }

    private func isIntact(_ file: TailedFile, _ handle: any ReadableFile) throws(TailraceError) -> Bool {
        let size = try handle.information().size
        guard size >= file.place.offset else { return false }
        return FileDecision.check(file.place, size: size, found: try handle.place(at: file.place.offset)) == .goOn
    }

    private func adopt(
        _ file: TailedFile, _ handle: any ReadableFile, _ start: Bytes, _ size: Int64
    ) throws(TailraceError) -> Bool {
        for index in orphans.indices.reversed() {
            let orphan = orphans[index]
            guard orphan.track.identity != file.identity,
                try isCopy(handle, start, size, of: orphan.track.read)
            else { continue }
            orphans.remove(at: index)
            take(orphan.track, file, start)
            return true
        }
        // At the start also of files that are gone altogether, if there is much evidence: moved to another file system.
        guard isSurveying else { return false }
        for track in book.orphans where track.read.offset >= Int64(FilePlace.evidenceBytes) {
            guard try isCopy(handle, start, size, of: track.read) else { continue }
            take(track, file, start)
            return true
        }
        return false
    }
    private func take(_ track: FileTrack, _ file: TailedFile, _ start: Bytes) {
        environment.log(.info, "\(file.path) is a copy of \(track.path): it is read from offset \(track.read.offset) on")
        book.move(track, to: file.identity, path: file.path)
        use(track, for: file)
        file.firstBytes = start.prefix(track.read.evidenceCount)
    }

    private func isCopy(
        _ handle: any ReadableFile, _ start: Bytes, _ size: Int64, of place: FilePlace
    ) throws(TailraceError) -> Bool {
        guard size >= place.offset, start.count >= place.evidenceCount else { return false }
        guard start.prefix(place.evidenceCount).withUnsafeBytes({ FilePlace.hash($0) }) == place.head else { return false }
        return try handle.place(at: place.offset) == place
    }

    /// Copies whose names do not match: only the rest of what was not read is of interest.
    func findCopies(_ others: [FileInformation], _ directory: TailedDirectory) {
        for orphan in orphans where orphan.directory === directory {
            let candidates = others.reversed().filter { $0.size > orphan.track.read.offset && files[$0.identity] == nil }
            for entry in candidates.prefix(Self.orphanLimit) where entry.identity != orphan.track.identity {
                do throws(TailraceError) {
                    let handle = try environment.files.open(directory.fullPath(entry.name))
                    defer { handle.close() }
                    let size = try handle.information().size
                    guard
                        try isCopy(handle, try handle.bytes(at: 0, FilePlace.evidenceCount(size)), size, of: orphan.track.read)
                    else { continue }
                } catch {
                    environment.log(.debug, "\(directory.fullPath(entry.name)): \(error)")
                    continue
                }
                orphans.removeAll { $0.track === orphan.track }
                book.move(orphan.track, to: entry.identity, path: orphan.track.path)
                followOutside(orphan.track, directory.fullPath(entry.name), directory)
                break
            }
        }
    }
}
