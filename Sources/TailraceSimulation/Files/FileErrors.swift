import TailraceCore

/// With the codes of the real file system.
enum FileErrors {
    private static func make(_ code: String, _ action: String, _ path: String, _ reason: String, _ fix: String?)
        -> TailraceError
    {
        TailraceError(code: code, message: "cannot \(action) \(path): \(reason)", fix: fix)
    }
    static func missing(_ action: String, _ path: String) -> TailraceError {
        make("file.missing", action, path, "No such file or directory", nil)
    }
    static func kind(_ action: String, _ path: String, _ reason: String) -> TailraceError {
        make("file.kind", action, path, reason, nil)
    }
    static func failed(_ action: String, _ path: String) -> TailraceError {
        make("disk.failed", action, path, "Input/output error", "check the disk (kernel log).")
    }
    static func full(_ action: String, _ path: String) -> TailraceError {
        make(
            "disk.full", action, path, "No space left on device", "free space on this file system, or move the directory.")
    }
    static func locked(_ path: String) -> TailraceError {
        make(
            "disk.locked", "lock", path, "in use by another process, or twice by this one",
            "stop the other agent, or give this one a directory of its own.")
    }
    static func closed(_ action: String, _ path: String) -> TailraceError {
        make("file.failed", action, path, "Bad file descriptor", nil)
    }
}

/// What is about to be done with a file, for faults that hit one operation and no other.
package enum FileOperation: String, Sendable, CaseIterable {
    case open, read, write, sync, rename, remove, truncate, syncDirectory, lock
}
