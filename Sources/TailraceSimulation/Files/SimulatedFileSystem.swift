package import TailraceCore

/// The files of a host as one process of it sees them.
package final class SimulatedFileSystem: FileSystem {
    let files: HostFiles
    let loop: SimulatedLoop
    let timeline: Timeline
    private(set) var random: SeededRandom
    private var threads: [String: DiskThread] = [:]
    private var watches: [Watch] = []
    private var open: [Int: OpenFile] = [:]
    private var locks: Set<UInt64> = []
    private var nextNumber = 0

    init(_ files: HostFiles, _ loop: SimulatedLoop, _ random: SeededRandom) {
        (self.files, self.loop, self.timeline, self.random) = (files, loop, files.tree.timeline, random)
    }
    private var tree: FileTree { files.tree }

    func check(_ operation: FileOperation, _ path: String, _ probability: Double) throws(TailraceError) {
        try files.check(operation, path, probability, &random)
    }
    func isShort() -> Bool { random.chance(timeline.faults.shortRead) }

    package func open(_ path: String) throws(TailraceError) -> any ReadableFile {
        try check(.open, path, timeline.faults.openError)
        let inode = try tree.inode(path, "open")
        guard inode.kind == .file else { throw FileErrors.kind("open", path, "not a regular file") }
        return SimulatedReadableFile(opened(inode, path))
    }
    func opened(_ inode: Inode, _ path: String) -> OpenFile {
        let file = OpenFile(nextNumber, inode, path, self)
        nextNumber += 1
        inode.opens += 1
        open[file.number] = file
        return file
    }
    func closed(_ file: OpenFile) {
        guard open.removeValue(forKey: file.number) != nil else { return }
        file.inode.opens -= 1
        tree.release(file.inode)
    }

    package func information(_ path: String) throws(TailraceError) -> FileInformation {
        let place = try tree.place(path)
        guard let inode = place.inode else { throw FileErrors.missing("look at", path) }
        return inode.information(place.name)
    }

    package func scan(_ directory: String) throws(TailraceError) -> any DirectoryScan {
        let inode = try tree.inode(directory, "scan")
        guard inode.kind == .directory else { throw FileErrors.kind("scan", directory, "Not a directory") }
        return SimulatedScan(inode, inode.entries.names.shuffled(using: &random))
    }

    package func watch(_ directory: String, _ changed: @escaping ([String]?) -> Void) throws(TailraceError) -> any Cancellable {
        let inode = try tree.inode(directory, "watch")
        guard inode.kind == .directory else { throw FileErrors.kind("watch", directory, "Not a directory") }
        let watch = Watch(inode, tree, loop, random.split("watch \(nextNumber)"), changed)
        nextNumber += 1
        tree.add(watch)
        watches.append(watch)
        return watch
    }

    package func disk(_ directory: String) throws(TailraceError) -> any Disk {
        let inode = try tree.makeDirectory(directory)
        let thread = threads[directory] ?? DiskThread(timeline, loop, random.split("disk " + directory))
        threads[directory] = thread
        return SimulatedDisk(directory, inode, thread, self)
    }

    func lock(_ directory: Inode, _ path: String) throws(TailraceError) {
        try check(.lock, path, 0)
        guard !files.lockedByOthers.contains(path), locks.insert(directory.number).inserted else {
            throw FileErrors.locked(path)
        }
    }
    func unlock(_ directory: Inode) { locks.remove(directory.number) }

    /// The process is gone: what its disk threads were doing is done or not, its descriptors are closed.
    func end() {
        for directory in threads.keys.sorted() { threads[directory]!.end() }
        for watch in watches { watch.cancel() }
        for number in open.keys.sorted() { closed(open[number]!) }
        (threads, watches, locks) = ([:], [], [])
    }
}

/// A descriptor.
final class OpenFile {
    let number: Int
    let inode: Inode
    let path: String
    let system: SimulatedFileSystem
    private(set) var isClosed = false

    init(_ number: Int, _ inode: Inode, _ path: String, _ system: SimulatedFileSystem) {
        (self.number, self.inode, self.path, self.system) = (number, inode, path, system)
    }
    var name: String { String(path.split(separator: "/").last ?? "/") }

    func information() throws(TailraceError) -> FileInformation {
        guard !isClosed else { throw FileErrors.closed("look at", path) }
        return inode.information(name)
    }
    func read(at offset: Int64, into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> Int {
        guard !isClosed else { throw FileErrors.closed("read", path) }
        try system.check(.read, path, system.timeline.faults.readError)
        let count = max(0, min(space.count, inode.content.count - Int(offset)))
        inode.content.bytes.withUnsafeBytes {
            space.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[min(Int(offset), $0.count)...].prefix(count)))
        }
        return count
    }
    func close() {
        guard !isClosed else { return }
        isClosed = true
        system.closed(self)
    }
}

final class SimulatedReadableFile: ReadableFile {
    private let file: OpenFile
    init(_ file: OpenFile) { self.file = file }
    deinit { file.close() }

    func information() throws(TailraceError) -> FileInformation { try file.information() }
    func read(at offset: Int64, into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> Int {
        let isShort = space.count > 1 && file.system.isShort()
        let part = isShort ? UnsafeMutableRawBufferPointer(rebasing: space[..<(1 + space.count / 3)]) : space
        return try file.read(at: offset, into: part)
    }
    func close() { file.close() }
}

/// The names that were there when it began; what is gone by the time it is asked for is left out.
final class SimulatedScan: DirectoryScan {
    private let directory: Inode
    private var names: ArraySlice<String>

    init(_ directory: Inode, _ names: [String]) { (self.directory, self.names) = (directory, names[...]) }

    func next(_ limit: Int) throws(TailraceError) -> [FileInformation] {
        var result: [FileInformation] = []
        while result.count < limit, let name = names.popFirst() {
            if let inode = directory.entries[name] { result.append(inode.information(name)) }
        }
        return result
    }
}
