import Glibc
import TailraceCore

/// A directory on the machine's disk, and its threads.
final class LocalDisk: Disk {
    let directory: String
    private let threads: DiskThreads

    init(_ directory: String, _ threads: DiskThreads) { (self.directory, self.threads) = (directory, threads) }

    func lock() throws(TailraceError) -> any DirectoryLock { try LocalDirectoryLock(threads.directory) }

    func freeBytes() throws(TailraceError) -> Int64 {
        var status = statvfs()
        guard restarting({ fstatvfs(threads.directory.raw, &status) }) == 0 else {
            throw fileError(errno, "look for free space at \(directory)")
        }
        return Int64(clamping: status.f_bavail).multipliedReportingOverflow(by: Int64(clamping: status.f_frsize)).partialValue
    }

    func open(_ name: String, preallocating size: Int64, _ done: @escaping (Result<any File, TailraceError>) -> Void) {
        threads.write(.open(checked(name), preallocating: size)) { [threads] in
            switch $0 {
            case .opened(let file): done(.success(LocalFile(name, file, threads)))
            case .failed(let error): done(.failure(error))
            case .done, .bytes: preconditionFailure("opening answers with a file")
            }
        }
    }

    func rename(_ from: String, to: String, _ done: @escaping Completion) {
        threads.write(.rename(checked(from), to: checked(to)), completing(done))
    }
    func remove(_ name: String, _ done: @escaping Completion) { threads.write(.remove(checked(name)), completing(done)) }
    func sync(_ done: @escaping Completion) { threads.write(.syncDirectory, completing(done)) }
    func replace(_ name: String, with content: Bytes, _ done: @escaping Completion) {
        threads.write(.replace(checked(name), content), completing(done))
    }

    /// A name of the directory and not a path.
    private func checked(_ name: String) -> String {
        precondition(!name.isEmpty && !name.utf8.contains(UInt8(ascii: "/")), "\(name): a disk's files are in its directory")
        return name
    }
}

private func completing(_ done: @escaping Completion) -> (DiskAnswer) -> Void {
    { answer in
        if case .failed(let error) = answer { done(.failure(error)) } else { done(.success(())) }
    }
}

/// A file of a ``LocalDisk``. It keeps the directory's threads alive.
final class LocalFile: File {
    private let name: String
    private let threads: DiskThreads
    /// nil: closed.
    private var file: OpenFile?

    init(_ name: String, _ file: OpenFile, _ threads: DiskThreads) {
        (self.name, self.file, self.threads) = (name, file, threads)
    }
    deinit { close() }

    private func opened() -> OpenFile {
        guard let file else { preconditionFailure("\(name): used after it was closed") }
        return file
    }

    func information() throws(TailraceError) -> FileInformation {
        try TailraceIO.information(opened().raw, name, opened().path)
    }

    func read(at offset: Int64, into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> Int {
        try readAt(opened().raw, offset, into: space, opened().path)
    }

    func append(_ pieces: [Bytes], at offset: Int64, sync: Bool, _ done: @escaping Completion) {
        threads.write(.append(opened(), pieces, at: offset, sync: sync), completing(done))
    }
    func truncate(to size: Int64, _ done: @escaping Completion) {
        threads.write(.truncate(opened(), to: size), completing(done))
    }

    func read(at offset: Int64, count: Int, _ done: @escaping (Result<Bytes, TailraceError>) -> Void) {
        threads.read(.read(opened(), at: offset, count: count)) {
            switch $0 {
            case .bytes(let bytes): done(.success(bytes))
            case .failed(let error): done(.failure(error))
            case .done, .opened: preconditionFailure("reading answers with bytes")
            }
        }
    }

    func close() {
        guard let file else { return }
        self.file = nil
        threads.write(.release(file)) { _ in }
    }
}
