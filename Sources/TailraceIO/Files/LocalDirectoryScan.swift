import Glibc
import TailraceCore

/// A directory read a part at a time.
final class LocalDirectoryScan: DirectoryScan {
    private let path: String
    private let directory: OpaquePointer

    init(_ path: String) throws(TailraceError) {
        guard let directory = opendir(path) else { throw fileError(errno, "scan \(path)") }
        (self.path, self.directory) = (path, directory)
    }
    deinit { closedir(directory) }

    func next(_ limit: Int) throws(TailraceError) -> [FileInformation] {
        var found: [FileInformation] = []
        while found.count < limit {
            errno = 0
            guard let entry = readdir(directory) else {
                guard errno == 0 else { throw fileError(errno, "scan \(path)") }
                break
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) { String(cString: $0) }
            }
            guard name != "." && name != ".." else { continue }
            var status = stat()
            if fstatat(dirfd(directory), name, &status, AT_SYMLINK_NOFOLLOW) == 0 {
                found.append(FileInformation(name, status))
            } else if errno != ENOENT {  // removed since: as if it had never been there
                throw fileError(errno, "look at \(path)/\(name)")
            }
        }
        return found
    }
}
