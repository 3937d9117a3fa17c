import CLinux
import Glibc
import TailraceCore

/// A file opened for reading on the loop.
final class LocalReadableFile: ReadableFile {
    private let path: String
    private var descriptor: OwnedDescriptor?

    /// Freeing the last reference to a deleted file of more than this is a thread's work: the file system gives its blocks
    /// back within close().
    private static let largeDeletedFile = 64 << 20

    init(_ path: String) throws(TailraceError) {
        // Without O_NONBLOCK opening a FIFO waits for a writer. A terminal must not become ours.
        let raw = restarting { open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) }
        if raw < 0 {
            // A socket, or a device without driver: said as what it is.
            guard errno != ENXIO else { throw Self.wrongKind(path) }
            throw fileError(errno, "open \(path)")
        }
        let owned = OwnedDescriptor(raw)
        guard try TailraceIO.information(raw, lastComponent(path), path).kind == .file else { throw Self.wrongKind(path) }
        (self.path, descriptor) = (path, owned)
    }

    static func wrongKind(_ path: String) -> TailraceError {
        TailraceError(
            code: "file.kind", message: "cannot open \(path): not a regular file",
            fix: "configure a path of regular files only.")
    }

    func information() throws(TailraceError) -> FileInformation {
        try TailraceIO.information(opened().raw, lastComponent(path), path)
    }

    func read(at offset: Int64, into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> Int {
        try readAt(opened().raw, offset, into: space, path)
    }

    func close() {
        guard let owned = descriptor else { return }
        descriptor = nil
        var status = stat()
        if fstat(owned.raw, &status) == 0 && status.st_nlink == 0 && status.st_size > Self.largeDeletedFile {
            startThread("closing") { withExtendedLifetime(owned) {} }
        }
    }

    private func opened() throws(TailraceError) -> OwnedDescriptor {
        guard let descriptor else {
            throw TailraceError(code: "file.closed", message: "\(path): used after it was closed")
        }
        return descriptor
    }
}
