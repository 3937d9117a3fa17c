import TailraceCore

extension TaildirSource {
    /// Reads one block and submits its lines; the number of bytes that it cost.
    func read(_ file: TailedFile) -> Int {
        file.isInReadQueue = false
        guard !file.isDropped, case .reading = file.phase else { return 0 }
        inHand = file
        defer { inHand = nil }
        do throws(TailraceError) {
            guard let handle = try opened(file) else { return 0 }
            let found = try handle.information()
            // Given up because it was quiet; meanwhile it is not.
            if found.size != file.seenSize { file.isFinal = false }
            (file.seenSize, file.seenModified, file.links) = (found.size, found.modified, found.links)
            if found.size < file.place.offset {
                startAgain(file, .shorter)
                return 0
            }
            if file.blocksInARow == 0, try !startIsUnchanged(file, handle) {
                startAgain(file, .rewritten)
                return 0
            }
            switch try reader.read(file, handle, size: found.size) {
            case .rewritten:
                startAgain(file, .rewritten)
                return 0
            case .nothing(let isMore):
                goOn(file, isMore: isMore)
                return BlockReader.blockBytes / 4
            case .block(let block):
                file.lastActivity = environment.loop.now
                tell(cuts: block.cuts, in: file)
                submit(block, of: file)
                goOn(file, isMore: block.isMore)
                return block.buffer.count
            }
        } catch {
            failed(file, error)
            return 0
        }
    }

    /// The end of what was read is compared with each read; its start only when a file begins to be read again.
    private func startIsUnchanged(_ file: TailedFile, _ handle: any ReadableFile) throws(TailraceError) -> Bool {
        guard file.place.offset > Int64(FilePlace.evidenceBytes) else { return true }
        return try handle.bytes(at: 0, FilePlace.evidenceBytes).withUnsafeBytes { FilePlace.hash($0) } == file.place.head
    }

    private func goOn(_ file: TailedFile, isMore: Bool) {
        guard isMore else {
            if file.isFinal { drop(file) }
            return
        }
        file.blocksInARow += 1
        if file.blocksInARow < configuration.maxBatchCount {
            file.isInReadQueue = true
            current = file
        } else {
            enqueueRead(file)
        }
    }

    private func tell(cuts: Int, in file: TailedFile) {
        guard cuts > 0 else { return }
        cutLines.add(cuts)
        if !file.cutTold {
            environment.log(
                .warning,
                "\(file.path) has lines longer than \(configuration.maxLineBytes) bytes (maxLineBytes); they are cut into several "
                    + "events, the first before offset \(file.place.offset + Int64(configuration.maxLineBytes)); told once per file"
            )
        }
        file.cutTold = true
    }

    /// Once a second: files whose changes nobody tells, files that go, descriptors that nobody needs.
    func tick(_ now: Instant) {
        for directory in directories { directory.tick(now) }
        expireOrphans(now)
        let idle = Duration.milliseconds(configuration.idleTimeoutMilliseconds)
        for file in leaving { finishIfQuiet(file, now, idle) }
        for file in order {
            if let retryAt = file.retryAt, retryAt <= now { enqueueLook(file) }
            if case .held = file.phase { enqueueLook(file) }
            if !file.hasName || file.isReachedByLink || !file.directory.isWatched, file.retryAt == nil,
                file.handle != nil || file.seenSize < 0
            {
                enqueueLook(file)
            }
            if file.hasName, file.handle != nil, !file.isInReadQueue, now - file.lastActivity >= idle, !file.isReachedByLink {
                close(file)
            }
        }
    }

    /// A file that was deleted or renamed away is read to its end; its writer may have it open for a while.
    private func finishIfQuiet(_ file: TailedFile, _ now: Instant, _ idle: Duration) {
        let wait = file.links == 0 ? min(idle, Self.deletedWait) : idle
        guard !file.isInReadQueue, !file.isInLookQueue, now - file.lastActivity >= wait else { return }
        switch file.phase {
        case .reading where file.handle != nil && file.lag > 0:
            file.isFinal = true
            enqueueRead(file)
        case .held where file.handle != nil:
            file.isFinal = true
            enqueueLook(file)
        default: drop(file)
        }
    }
}
