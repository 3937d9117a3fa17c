import Glibc
import TailraceCore

/// The end of a text file.
package enum LogTail {
    /// The last lines, at most 64 KiB; what is wrong instead of them, if it cannot be read.
    package static func read(_ path: String, lines: Int) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return SystemCall.failed("read \(path)").message }
        defer { close(descriptor) }
        let size = lseek(descriptor, 0, SEEK_END), start = max(0, size - 64 << 10)
        var space = [UInt8](repeating: 0, count: Int(size - start))
        let count = space.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress!, $0.count, start) }
        guard count >= 0 else { return SystemCall.failed("read \(path)").message }
        let all = space[..<count].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let ended = all.last?.isEmpty == true ? all.dropLast() : all[...]
        return ended.suffix(lines).map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
    }
}
