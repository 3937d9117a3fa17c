import CLinux
import Glibc
import TailraceCore

extension FileInformation {
    init(_ name: String, _ status: stat) {
        let kind: FileKind =
            switch clinux_file_kind(status.st_mode) {
            case 1: .file
            case 2: .directory
            case 3: .link
            default: .other
            }
        func time(_ time: timespec) -> WallTime {
            WallTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
        }
        self.init(
            name: name, kind: kind, identity: FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)),
            size: Int64(status.st_size), modified: time(status.st_mtim), changed: time(status.st_ctim),
            links: Int(status.st_nlink))
    }
}

/// fstat(), with the name as the file was opened.
func information(_ descriptor: Int32, _ name: String, _ path: String) throws(TailraceError) -> FileInformation {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw fileError(errno, "look at \(path)") }
    return FileInformation(name, status)
}

/// pread(), again after an interruption.
func readAt(
    _ descriptor: Int32, _ offset: Int64, into space: UnsafeMutableRawBufferPointer, _ path: String
) throws(TailraceError) -> Int {
    let count = restarting { pread(descriptor, space.baseAddress, space.count, off_t(offset)) }
    guard count >= 0 else { throw fileError(errno, "read \(path) at \(offset)") }
    return count
}

/// What follows the last "/".
func lastComponent(_ path: String) -> String {
    path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[path.index(after: $0)...]) } ?? path
}
