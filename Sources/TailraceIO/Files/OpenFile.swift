import CLinux
import Glibc
import Synchronization
import TailraceCore

/// A file that disk threads write and read.
final class OpenFile: Sendable {
    let path: String
    private let descriptor: OwnedDescriptor
    /// Set by the first failed sync. The kernel tells of a lost page once; a later sync would say that all is well.
    private let isLost = Atomic<Bool>(false)

    var raw: Int32 { descriptor.raw }

    /// Takes the descriptor over.
    init(_ raw: Int32, _ path: String) { (descriptor, self.path) = (OwnedDescriptor(raw), path) }

    /// So that later writes need neither space nor metadata. A file system that cannot do it gets a sparse file.
    func preallocate(_ size: Int64) throws(TailraceError) {
        guard size > 0, try information(raw, path, path).size < size else { return }
        if restarting({ clinux_preallocate(raw, size) }) == 0 { return }
        guard errno == EOPNOTSUPP || errno == ENOSYS else { throw fileError(errno, "reserve \(size) bytes for \(path)") }
        guard restarting({ ftruncate(raw, off_t(size)) }) == 0 else {
            throw fileError(errno, "extend \(path) to \(size) bytes")
        }
    }

    func append(_ pieces: [Bytes], _ offset: Int64, _ sync: Bool) throws(TailraceError) {
        try checkTrust()
        try write(pieces, offset)
        guard sync else { return }
        if restarting({ fdatasync(raw) }) != 0 {
            let code = errno
            distrust()
            throw fileError(code, "sync \(path)")
        }
    }

    /// Refuses all further changes. Called by the first failed sync.
    func distrust() { isLost.store(true, ordering: .relaxed) }

    func truncate(_ size: Int64) throws(TailraceError) {
        try checkTrust()
        guard restarting({ ftruncate(raw, off_t(size)) }) == 0 else {
            throw fileError(errno, "truncate \(path) to \(size) bytes")
        }
    }

    func read(_ offset: Int64, _ count: Int) throws(TailraceError) -> Bytes {
        var builder = BufferBuilder(capacity: count)
        while builder.count < count {
            let space = UnsafeMutableRawBufferPointer(rebasing: builder.spare.prefix(count - builder.count))
            let read = try readAt(raw, offset + Int64(builder.count), into: space, path)
            if read == 0 { break }
            builder.filled(read)
        }
        return builder.finish()
    }

    private func checkTrust() throws(TailraceError) {
        guard isLost.load(ordering: .relaxed) else { return }
        throw TailraceError(
            code: "disk.failed", message: "\(path): an earlier sync failed, what it holds is not certain",
            fix: "check the disk (kernel log).")
    }

    /// All pieces, behind each other: the kernel may take a part of what it is given.
    private func write(_ pieces: [Bytes], _ start: Int64) throws(TailraceError) {
        var queue = OutputQueue()
        for piece in pieces { queue.append(piece) }
        var offset = start
        while !queue.isEmpty {
            let front = queue.front(Self.vectorCount)
            let count = withUnsafeTemporaryAllocation(of: iovec.self, capacity: front.count) { vectors in
                for (index, piece) in front.enumerated() {
                    piece.withUnsafeBytes {
                        vectors[index] = iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
                    }
                }
                return restarting { pwritev(raw, vectors.baseAddress, CInt(vectors.count), off_t(offset)) }
            }
            guard count > 0 else {
                // 0 would be an endless loop; no file system gives it for a regular file.
                throw fileError(count == 0 ? EIO : errno, "write \(queue.byteCount) bytes to \(path) at \(offset)")
            }
            queue.remove(count)
            offset += Int64(count)
        }
    }
    private static let vectorCount = 256
}
