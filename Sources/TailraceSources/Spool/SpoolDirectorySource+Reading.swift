import TailraceCore
import TailraceSerializers

extension SpoolDirectorySource {
    /// Makes it the current file, or sets it aside.
    func open(_ item: SpoolQueue.Item) {
        do throws(TailraceError) {
            let handle = try environment.files.open(item.path), found: FileInformation, file: SpooledFile
            do throws(TailraceError) {
                found = try handle.information()
                file = try begun(item, found, handle)
                let place = DeserializerPlace(offset: file.entry.place.offset, skip: found.size == 0 ? 0 : file.entry.skip)
                file.deserializer = try deserializer.makeDeserializer(configuration.input, at: place, environment)
            } catch {
                handle.close()
                throw error
            }
            file.handle = handle
            standing[item.path] = .inWork(file)
            current = file
        } catch {
            if error.code == "file.missing" {
                standing[item.path] = nil
                return drop(item.file)
            }
            setAside(item.directory, item.name, error, isRetried: true, item.file)
        }
    }

    /// Behind what was read of this file, if what was read is still in it.
    private func begun(
        _ item: SpoolQueue.Item, _ found: FileInformation, _ handle: any ReadableFile
    ) throws(TailraceError) -> SpooledFile {
        if let file = item.file {
            if file.found.identity == found.identity, try handle.place(at: file.entry.place.offset) == file.entry.place {
                file.found = found
                (file.entry.size, file.entry.modified) = (found.size, found.modified)
                if file.entry.place.offset == 0, found.size > 0 { file.entry.skip = 0 }
                return file
            }
            environment.log(.info, "\(item.path) has other content than before: it is read from its start")
            drop(file)
        }
        var headers: [Header] = []
        if configuration.fileHeader { headers.append(Header(configuration.fileHeaderKey, item.path)) }
        if configuration.basenameHeader { headers.append(Header(configuration.basenameHeaderKey, item.name)) }
        if let entry = book.claim(found) {
            if try handle.place(at: entry.place.offset) == entry.place {
                return SpooledFile(item.directory, item.name, headers, found, entry)
            }
            book.forget(entry.incarnation)
        }
        return SpooledFile(item.directory, item.name, headers, found, book.begin(found, path: item.path))
    }

    /// One block or one batch of the current file; the number of bytes that it cost.
    func read() -> Int {
        guard let file = current, let handle = file.handle, let deserializer = file.deserializer else { return 0 }
        do throws(TailraceError) {
            if file.found.size == 0 {
                try check(file, handle)
                if file.entry.skip == 0 {
                    file.entry.skip = 1
                    submit(EventBatch(.empty, [BodyRange(start: 0, end: 0)]), of: file)
                }
                isRead(file)
                return 1
            }
            var cost = 1
            if file.block.count < deserializer.wanted, !file.isBlockLast { cost += try readBlock(file, handle, deserializer) }
            let before = deserializer.place, start = deserializer.offset
            let batch = try deserializer.next(
                file.block, isEnd: file.isBlockLast,
                upTo: BatchSize(events: configuration.batchEvents, bytes: Limits.batchBytes))
            advance(file, by: deserializer.offset - start)
            if batch.count > 0 {
                try move(file, to: deserializer.place, handle)
                submit(batch, of: file)
            } else if deserializer.place == before, deserializer.offset == start {
                if !file.isBlockLast, file.block.count < deserializer.wanted { return cost }
                guard file.isBlockLast, file.block.isEmpty else { throw stuck(file, deserializer) }
                isRead(file)
            }
            return cost + batch.size.bytes
        } catch {
            // What the deserializer refuses stays so; a read may work the next time.
            let isOfContent = error.code.hasPrefix("deserializer.") || error.code.hasPrefix("spooldir.")
            setAside(file.directory, file.name, error, isRetried: !isOfContent, file)
            return 1
        }
    }
    private func stuck(_ file: SpooledFile, _ deserializer: any EventDeserializer) -> TailraceError {
        TailraceError(
            code: "spooldir.incomplete",
            message: "\(file.path) ends in the middle of an event, at offset \(deserializer.offset) of \(file.found.size)",
            fix: "write the file again, whole")
    }

    /// From where the deserializer is: as much as it wants to see.
    private func readBlock(
        _ file: SpooledFile, _ handle: any ReadableFile, _ deserializer: any EventDeserializer
    ) throws(TailraceError) -> Int {
        let rest = max(0, file.found.size - deserializer.offset)
        let wanted = Int(min(rest, Int64(max(deserializer.wanted, Self.blockBytes))))
        var builder = BufferBuilder(capacity: wanted)
        try handle.fill(&builder, upTo: wanted, at: deserializer.offset)
        try check(file, handle)
        guard builder.count == wanted else { throw changed(file, size: deserializer.offset + Int64(builder.count)) }
        (file.block, file.isBlockLast) = (builder.finish(), Int64(wanted) == rest)
        return wanted
    }
    private func advance(_ file: SpooledFile, by bytes: Int64) {
        guard bytes > 0 else { return }
        if bytes <= file.block.count {
            file.block = file.block[file.block.startIndex + Int(bytes)..<file.block.endIndex]
        } else {
            (file.block, file.isBlockLast) = (Bytes(), deserializerIsAtEnd(file))
        }
    }
    private func deserializerIsAtEnd(_ file: SpooledFile) -> Bool { (file.deserializer?.offset ?? 0) >= file.found.size }

    private func move(
        _ file: SpooledFile, to place: DeserializerPlace, _ handle: any ReadableFile
    ) throws(TailraceError) {
        guard let evidence = try handle.place(at: place.offset) else { throw changed(file, size: place.offset) }
        (file.entry.place, file.entry.skip) = (evidence, place.skip)
    }

    private func check(_ file: SpooledFile, _ handle: any ReadableFile) throws(TailraceError) {
        let now = try handle.information()
        if !file.isUnchanged(now) { throw changed(file, size: now.size) }
    }
    func changed(_ file: SpooledFile, size: Int64) -> TailraceError {
        TailraceError(
            code: "spooldir.changed",
            message: "\(file.path) was changed while it was read (\(file.found.size) bytes, now \(size)); "
                + "it was read up to offset \(file.entry.place.offset)",
            fix: "write files elsewhere on the same file system and move them in; touch this one to have it read on")
    }

    private func isRead(_ file: SpooledFile) {
        file.close()
        file.isRead = true
        current = nil
        finishing.append(file)
        if file.isSafe { finish(file) }
    }
}
