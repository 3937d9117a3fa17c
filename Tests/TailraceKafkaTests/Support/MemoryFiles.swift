import TailraceCore

/// Directories whose files live in memory; a write or sync can be made to fail.
final class MemoryFiles: FileSystem {
    let loop: any EventLoop
    private var disks: [String: MemoryDisk] = [:]
    var failure: TailraceError?

    init(_ loop: any EventLoop) { self.loop = loop }

    private static let missing = TailraceError(code: "file.missing", message: "not there")
    func open(_ path: String) throws(TailraceError) -> any ReadableFile { throw Self.missing }
    func information(_ path: String) throws(TailraceError) -> FileInformation { throw Self.missing }
    func scan(_ directory: String) throws(TailraceError) -> any DirectoryScan { throw Self.missing }
    func watch(_ directory: String, _ changed: @escaping ([String]?) -> Void) throws(TailraceError) -> any Cancellable {
        throw Self.missing
    }
    func disk(_ directory: String) throws(TailraceError) -> any Disk { memoryDisk(directory) }

    func memoryDisk(_ directory: String) -> MemoryDisk {
        if let disk = disks[directory] { return disk }
        let disk = MemoryDisk(self, directory)
        disks[directory] = disk
        return disk
    }
}

final class MemoryDisk: Disk {
    let directory: String
    private let files: MemoryFiles
    var contents: [String: MemoryFile] = [:]

    init(_ files: MemoryFiles, _ directory: String) { (self.files, self.directory) = (files, directory) }

    fileprivate func answer(_ done: @escaping Completion) {
        let error = files.failure
        files.loop.enqueue { done(error.map { .failure($0) } ?? .success(())) }
    }
    func lock() throws(TailraceError) -> any DirectoryLock { throw TailraceError(code: "disk.locked", message: "not here") }
    func freeBytes() throws(TailraceError) -> Int64 { .max }
    func open(_ name: String, preallocating size: Int64, _ done: @escaping (Result<any File, TailraceError>) -> Void) {
        let file = contents[name] ?? MemoryFile(self, name)
        contents[name] = file
        files.loop.enqueue { done(.success(file)) }
    }
    func rename(_ from: String, to: String, _ done: @escaping Completion) { answer(done) }
    func remove(_ name: String, _ done: @escaping Completion) { answer(done) }
    func sync(_ done: @escaping Completion) { answer(done) }
    func replace(_ name: String, with content: Bytes, _ done: @escaping Completion) { answer(done) }
}

final class MemoryFile: File {
    private let disk: MemoryDisk
    private let name: String
    var bytes: [UInt8] = []
    private(set) var syncs = 0
    private(set) var isClosed = false

    init(_ disk: MemoryDisk, _ name: String) { (self.disk, self.name) = (disk, name) }

    var lines: [String] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
    func information() throws(TailraceError) -> FileInformation {
        FileInformation(
            name: name, kind: .file, identity: FileIdentity(device: 1, inode: 1), size: Int64(bytes.count),
            modified: WallTime(milliseconds: 0), links: 1)
    }
    func read(at offset: Int64, into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> Int {
        let part = bytes.dropFirst(Int(offset)).prefix(space.count)
        for (index, byte) in part.enumerated() { space[index] = byte }
        return part.count
    }
    func close() { isClosed = true }
    func append(_ pieces: [Bytes], at offset: Int64, sync: Bool, _ done: @escaping Completion) {
        precondition(Int(offset) == bytes.count, "appended at \(offset) of \(bytes.count)")
        for piece in pieces { bytes += Array(piece) }
        if sync { syncs += 1 }
        disk.answer(done)
    }
    func truncate(to size: Int64, _ done: @escaping Completion) { disk.answer(done) }
    func read(at offset: Int64, count: Int, _ done: @escaping (Result<Bytes, TailraceError>) -> Void) {
        done(.success(Bytes(copying: bytes.dropFirst(Int(offset)).prefix(count))))
    }
}
