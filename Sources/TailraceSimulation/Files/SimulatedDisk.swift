import TailraceCore

/// One directory to write in. Names and bytes that were not synced may be gone after a loss of power.
final class SimulatedDisk: Disk {
    let directory: String
    private let inode: Inode
    private let thread: DiskThread
    private let system: SimulatedFileSystem
    private var tree: FileTree { system.files.tree }
    private var faults: FaultPlan { system.timeline.faults }

    init(_ directory: String, _ inode: Inode, _ thread: DiskThread, _ system: SimulatedFileSystem) {
        (self.directory, self.inode, self.thread, self.system) = (directory, inode, thread, system)
    }
    private func path(_ name: String) -> String { directory + "/" + name }
    private func place(_ name: String) -> FileTree.Place {
        FileTree.Place(directory: inode, name: name, inode: inode.entries[name])
    }

    func lock() throws(TailraceError) -> any DirectoryLock {
        try system.lock(inode, directory)
        return SimulatedLock(inode, system)
    }
    func freeBytes() throws(TailraceError) -> Int64 { Int64(tree.free) }

    func open(_ name: String, preallocating size: Int64, _ done: @escaping (Result<any File, TailraceError>) -> Void) {
        var opened: SimulatedFile?
        let step = DiskThread.Step(thread.operationTime) { [self] () throws(TailraceError) in
            try system.check(.open, path(name), faults.openError)
            opened = try make(name, Int(size))
        }
        thread.run([step]) { result in
            switch result {
            case .success: done(.success(opened!))
            case .failure(let error): done(.failure(error))
            }
        }
    }
    private func make(_ name: String, _ size: Int) throws(TailraceError) -> SimulatedFile {
        let file = inode.entries[name] ?? tree.make(.file)
        guard file.kind == .file else { throw FileErrors.kind("open", path(name), "not a regular file") }
        let growth = max(0, size - file.content.count)
        guard growth <= tree.free else {
            tree.release(file)
            throw FileErrors.full("preallocate", path(name))
        }
        if inode.entries[name] == nil { tree.add(file, to: place(name), durable: false) }
        if growth > 0 { file.content.resize(to: size) }
        return SimulatedFile(system.opened(file, path(name)), inode, thread)
    }

    func rename(_ from: String, to: String, _ done: @escaping Completion) {
        thread.run([renaming(from, to)], done)
    }
    private func renaming(_ from: String, _ to: String) -> DiskThread.Step {
        DiskThread.Step(thread.operationTime) { [self] () throws(TailraceError) in
            try system.check(.rename, path(from), faults.renameError)
            guard inode.entries[from] != nil else { throw FileErrors.missing("rename", path(from)) }
            tree.rename(from, to: to, in: inode)
        }
    }
    func remove(_ name: String, _ done: @escaping Completion) {
        let step = DiskThread.Step(thread.operationTime) { [self] () throws(TailraceError) in
            try system.check(.remove, path(name), faults.removeError)
            guard inode.entries[name] != nil else { throw FileErrors.missing("remove", path(name)) }
            tree.remove(place(name), durable: false)
        }
        thread.run([step], done)
    }
    func sync(_ done: @escaping Completion) { thread.run([syncing()], done) }
    private func syncing() -> DiskThread.Step {
        DiskThread.Step(thread.syncTime) { [self] () throws(TailraceError) in
            try system.check(.syncDirectory, directory, faults.syncError)
            if !thread.draw({ $0.chance(faults.syncLie) }) { tree.sync(inode) }
        }
    }

    func replace(_ name: String, with content: Bytes, _ done: @escaping Completion) {
        let temporary = name + ".tmp"
        var file: SimulatedFile?
        let write = DiskThread.Step(thread.operationTime) { [self] () throws(TailraceError) in
            try system.check(.open, path(temporary), faults.openError)
            file = try make(temporary, 0)
            try file!.resize(0)
            try file!.write([content], 0)
        }
        let sync = DiskThread.Step(thread.syncTime) { () throws(TailraceError) in try file!.syncNow() }
        thread.run([write, sync, renaming(temporary, name), syncing()]) { result in
            file?.close()
            done(result)
        }
    }
}

final class SimulatedLock: DirectoryLock {
    private let directory: Inode
    private let system: SimulatedFileSystem
    private var isHeld = true
    init(_ directory: Inode, _ system: SimulatedFileSystem) { (self.directory, self.system) = (directory, system) }
    deinit { release() }
    func release() {
        guard isHeld else { return }
        isHeld = false
        system.unlock(directory)
    }
}

/// A file that an agent writes. What it writes is read at once by everybody, and is durable after a sync.
final class SimulatedFile: File {
    private let file: OpenFile
    private let directory: Inode
    private let thread: DiskThread
    private var system: SimulatedFileSystem { file.system }
    private var faults: FaultPlan { system.timeline.faults }

    init(_ file: OpenFile, _ directory: Inode, _ thread: DiskThread) {
        (self.file, self.directory, self.thread) = (file, directory, thread)
    }
    deinit { file.close() }

    func information() throws(TailraceError) -> FileInformation { try file.information() }
    func read(at offset: Int64, into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> Int {
        try file.read(at: offset, into: space)
    }
    func close() { file.close() }

    func append(_ pieces: [Bytes], at offset: Int64, sync: Bool, _ done: @escaping Completion) {
        let count = pieces.reduce(0) { $0 + $1.count }
        system.timeline.note("append", file.path, Int(offset), count)
        var steps = [
            DiskThread.Step(thread.operationTime) { [self] () throws(TailraceError) in try write(pieces, Int(offset)) }
        ]
        if sync { steps.append(DiskThread.Step(thread.syncTime) { [self] () throws(TailraceError) in try syncNow() }) }
        thread.run(steps, done)
    }

    /// A write that fails may have written a part.
    func write(_ pieces: [Bytes], _ offset: Int) throws(TailraceError) {
        let count = pieces.reduce(0) { $0 + $1.count }
        do throws(TailraceError) {
            try system.check(.write, file.path, faults.writeError)
        } catch {
            put(pieces, offset, thread.draw { $0.below(count + 1) })
            throw error
        }
        let growth = max(0, offset + count - file.inode.content.count), free = system.files.tree.free
        put(pieces, offset, min(count, count - growth + free))
        if growth > free { throw FileErrors.full("write", file.path) }
    }
    private func put(_ pieces: [Bytes], _ offset: Int, _ limit: Int) {
        var at = offset
        for piece in pieces {
            let part = piece.prefix(max(0, offset + limit - at))
            guard !part.isEmpty else { continue }
            file.inode.content.write(part, at: at)
            at += part.count
        }
        touched()
    }
    private func touched() {
        file.inode.modified = system.files.tree.wallTime
        system.files.tree.changed(directory, file.name)
    }
    func syncNow() throws(TailraceError) {
        do throws(TailraceError) {
            try system.check(.sync, file.path, faults.syncError)
            if !thread.draw({ $0.chance(faults.syncLie) }) { file.inode.content.sync() }
        } catch {
            thread.draw { file.inode.content.failSync(&$0) }
            throw error
        }
    }
    func resize(_ size: Int) throws(TailraceError) {
        try system.check(.truncate, file.path, faults.writeError)
        guard size != file.inode.content.count else { return }
        guard size - file.inode.content.count <= system.files.tree.free else { throw FileErrors.full("resize", file.path) }
        file.inode.content.resize(to: size)
        touched()
    }
    func truncate(to size: Int64, _ done: @escaping Completion) {
        thread.run([DiskThread.Step(thread.operationTime) { [self] () throws(TailraceError) in try resize(Int(size)) }], done)
    }

    func read(at offset: Int64, count: Int, _ done: @escaping (Result<Bytes, TailraceError>) -> Void) {
        // By another thread: it does not wait for the writes.
        system.timeline.after(thread.operationTime) { [self] in
            let result: Result<Bytes, TailraceError>
            do throws(TailraceError) {
                var builder = BufferBuilder(capacity: count)
                builder.reserve(count)
                let read = try file.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: builder.spare.prefix(count)))
                builder.filled(read)
                result = .success(builder.finish())
            } catch { result = .failure(error) }
            system.loop.enqueue { done(result) }
        }
    }
}
