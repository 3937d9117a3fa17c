import CLinux
import Glibc
import TailraceCore

/// The file of a Unix socket: what is left of a dead process is replaced, what belongs to a living one is not.
struct UnixSocketFile {
    let path: String
    private let identity: FileIdentity

    /// Binds `descriptor`; only the agent's user may connect.
    static func bind(_ descriptor: Int32, _ path: String) throws(TailraceError) -> UnixSocketFile {
        let endpoint = Endpoint.path(path)
        let address = try SocketAddress(path: path)
        if address.withAddress({ Glibc.bind(descriptor, $0, $1) }) != 0 {
            guard errno == EADDRINUSE else { throw bindError(errno, endpoint) }
            try removeStale(path, address)
            guard address.withAddress({ Glibc.bind(descriptor, $0, $1) }) == 0 else { throw bindError(errno, endpoint) }
        }
        var status = stat()
        // Before listen(): nobody can connect until then.
        guard chmod(path, 0o600) == 0, stat(path, &status) == 0 else { throw bindError(errno, endpoint) }
        return UnixSocketFile(path: path, identity: FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)))
    }

    /// Removes the file, unless somebody has put another one there.
    func remove() {
        var status = stat()
        guard stat(path, &status) == 0, FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)) == identity
        else { return }
        unlink(path)  // fails only if it is gone, or the directory is no longer ours: the next start says so
    }

    /// A socket that refuses connections has no process.
    private static func removeStale(_ path: String, _ address: SocketAddress) throws(TailraceError) {
        let endpoint = Endpoint.path(path)
        let probe = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | socketFlags, 0)
        guard probe >= 0 else { throw bindError(errno, endpoint) }
        defer { close(probe) }
        // A file that is no socket refuses, too.
        var status = stat()
        guard lstat(path, &status) == 0 else { throw bindError(errno, endpoint) }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw TailraceError(
                code: "network.bind", message: "cannot listen at \(path): a file that is no socket is in the way",
                fix: "move the file, or configure another path.")
        }
        guard address.withAddress({ Glibc.connect(probe, $0, $1) }) != 0, errno == ECONNREFUSED else {
            throw bindError(EADDRINUSE, endpoint)
        }
        guard unlink(path) == 0 || errno == ENOENT else { throw bindError(errno, endpoint) }
    }
}
