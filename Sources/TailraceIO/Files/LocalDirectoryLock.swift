import Glibc
import TailraceCore

/// flock() on a file of the directory. The kernel releases it with the process, however that ends.
///
/// The table beside it is for file systems whose flock() is a lock of the process, which lets its own process in twice.
final class LocalDirectoryLock: DirectoryLock {
    private static let fileName = ".lock"
    private static let held = Locked<Set<FileIdentity>>([])

    private let identity: FileIdentity
    private var descriptor: OwnedDescriptor?

    init(_ directory: OpenDirectory) throws(TailraceError) {
        let path = "\(directory.path)/\(Self.fileName)"
        let identity = directory.identity
        guard Self.held.withLock({ $0.insert(identity).inserted }) else { throw Self.taken(directory, "this process") }
        do throws(TailraceError) {
            let raw = restarting { openat(directory.raw, Self.fileName, O_RDWR | O_CREAT | O_CLOEXEC, 0o640) }
            guard raw >= 0 else { throw fileError(errno, "open \(path)") }
            let owned = OwnedDescriptor(raw)
            guard restarting({ flock(raw, LOCK_EX | LOCK_NB) }) == 0 else {
                guard errno == EWOULDBLOCK else { throw fileError(errno, "lock \(path)") }
                throw Self.taken(directory, Self.owner(raw).map { "process \($0)" } ?? "another process")
            }
            try Self.sign(raw, path)
            descriptor = owned
        } catch {
            _ = Self.held.withLock { $0.remove(identity) }
            throw error
        }
        self.identity = identity
    }
    deinit { release() }

    func release() {
        guard let owned = descriptor else { return }
        // A child between fork() and exec() has the descriptor too, so closing alone might keep the lock for a moment.
        flock(owned.raw, LOCK_UN)
        descriptor = nil
        _ = Self.held.withLock { $0.remove(identity) }
    }

    private static func taken(_ directory: OpenDirectory, _ owner: String) -> TailraceError {
        TailraceError(
            code: "disk.locked", message: "the directory \(directory.path) is in use by \(owner)",
            fix: "stop it, or configure another directory.")
    }

    /// Writes our process id, for the message of who comes second.
    private static func sign(_ raw: Int32, _ path: String) throws(TailraceError) {
        let text = "\(getpid())\n"
        guard ftruncate(raw, 0) == 0, pwrite(raw, text, text.utf8.count, 0) == text.utf8.count else {
            throw fileError(errno, "write \(path)")
        }
    }

    private static func owner(_ raw: Int32) -> Int? {
        withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { space in
            let count = pread(raw, space.baseAddress, space.count, 0)
            return Int(String(decoding: space.prefix(max(count, 0)).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        }
    }
}
