import Glibc
package import TailraceCore

/// What a member prints, in a file of bounded size: a full one is renamed to `….1`, over the one before.
package final class MemberLog {
    package static let largestBytes = 16 << 20
    private let path: String
    private var descriptor: Int32 = -1
    private var size = 0
    /// What could not be written is counted, and told with the next line that can.
    private var lostBytes = 0

    package init(path: String) throws(TailraceError) {
        self.path = path
        try open()
    }
    deinit { if descriptor >= 0 { close(descriptor) } }

    private func open() throws(TailraceError) {
        descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemCall.failed("open \(path)") }
        size = Int(lseek(descriptor, 0, SEEK_END))
    }

    package func append(_ bytes: [UInt8]) {
        if size > 0, size + bytes.count > Self.largestBytes { rotate() }
        if lostBytes > 0, write(Array("… \(lostBytes) bytes could not be written here …\n".utf8)) { lostBytes = 0 }
        if !write(bytes) { lostBytes += bytes.count }
    }
    package func append(_ text: String) { append(Array(text.utf8)) }

    private func rotate() {
        close(descriptor)
        descriptor = -1
        // If it cannot be renamed it grows on: losing what members say would be worse.
        _ = rename(path, path + ".1")
        do throws(TailraceError) { try open() } catch { size = 0 }
    }
    private func write(_ bytes: [UInt8]) -> Bool {
        guard descriptor >= 0 else { return false }
        let written = SystemCall.writeAll(bytes, to: descriptor)
        size += written
        return written == bytes.count
    }
}
