// What the kernel says, in our words: every errno of sockets, files and processes becomes an error with a stable code here.

import Glibc
import TailraceCore

/// "Connection refused".
package func errnoText(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { space in
        // The POSIX form, which is what Swift's import has, fills the buffer.
        _ = strerror_r(code, space.baseAddress!, space.count)
        return String(cString: space.baseAddress!)
    }
}

/// `action` completes "cannot …".
func systemError(_ code: String, _ action: String, _ errno: Int32, fix: String? = nil) -> TailraceError {
    TailraceError(code: code, message: "cannot \(action): \(errnoText(errno))", fix: fix ?? generalFix(errno))
}

private func generalFix(_ code: Int32) -> String? {
    switch code {
    case EMFILE: "raise the limit of open files (ulimit -n, LimitNOFILE=)."
    case ENFILE: "raise fs.file-max of this machine."
    case ENOMEM, ENOBUFS: "give this machine more memory, or lower the limits in the configuration."
    case EACCES, EPERM: "give the agent's user the permission, or run it as another user."
    default: nil
    }
}

// MARK: - Network

/// An error of a connection to or from `peer`.
func networkError(_ code: Int32, _ peer: String) -> TailraceError {
    switch code {
    case ECONNREFUSED:
        TailraceError(
            code: "network.refused", message: "\(peer): connection refused",
            fix: "start the server, or correct the host and port.")
    case ECONNRESET, EPIPE, ECONNABORTED, ENOTCONN:
        TailraceError(code: "network.reset", message: "\(peer): connection closed by the peer (\(errnoText(code)))")
    case ETIMEDOUT:
        TailraceError(
            code: "network.timeout", message: "\(peer): no answer (\(errnoText(code)))",
            fix: "check the peer and the network between.")
    case EHOSTUNREACH, ENETUNREACH, ENETDOWN, EHOSTDOWN, EADDRNOTAVAIL, EAFNOSUPPORT:
        TailraceError(
            code: "network.unreachable", message: "\(peer): not reachable (\(errnoText(code)))",
            fix: "check the address, routes and firewalls.")
    case ENOENT, ENOTSOCK:
        TailraceError(
            code: "network.refused", message: "\(peer): nobody listens there (\(errnoText(code)))",
            fix: "start the server, or correct the path.")
    case EACCES, EPERM:
        TailraceError(code: "network.denied", message: "\(peer): \(errnoText(code))", fix: generalFix(code))
    case EMFILE, ENFILE, ENOBUFS, ENOMEM:
        TailraceError(code: "network.descriptors", message: "\(peer): \(errnoText(code))", fix: generalFix(code))
    default:
        TailraceError(code: "network.failed", message: "\(peer): \(errnoText(code)) (errno \(code))")
    }
}

func bindError(_ code: Int32, _ endpoint: Endpoint) -> TailraceError {
    let fix =
        switch code {
        case EADDRINUSE: "stop the process that listens there, or configure another port."
        case EADDRNOTAVAIL: "bind to an address of this machine, or to 0.0.0.0."
        case EACCES: "use a port above 1023, or give the agent's user the permission."
        default: generalFix(code)
        }
    return TailraceError(code: "network.bind", message: "cannot listen at \(endpoint): \(errnoText(code))", fix: fix)
}

func resolveError(_ name: String, _ reason: String) -> TailraceError {
    TailraceError(
        code: "network.resolve", message: "no address for \(name): \(reason)",
        fix: "correct the host name, or repair this machine's name service.")
}

// MARK: - Files

/// `action` completes "cannot …", with the path.
func fileError(_ code: Int32, _ action: String) -> TailraceError {
    switch code {
    case ENOENT, ENOTDIR:
        systemError("file.missing", action, code)
    case EACCES, EPERM:
        systemError("file.denied", action, code)
    case EISDIR, ELOOP:
        systemError("file.kind", action, code)
    case EMFILE, ENFILE:
        systemError("file.descriptors", action, code)
    case ENOSPC, EDQUOT:
        systemError("disk.full", action, code, fix: "free space on this file system, or move the directory.")
    case EROFS:
        systemError("disk.readonly", action, code, fix: "mount the file system writable, or move the directory.")
    case EIO:
        systemError("disk.failed", action, code, fix: "check the disk (kernel log).")
    default:
        systemError("file.failed", action, code)
    }
}
