import Glibc
package import TailraceCore

/// The files of the machine. Reading on the loop, all changes by the threads of ``LocalDisk``.
package final class LocalFileSystem: FileSystem {
    private let loop: EpollLoop
    private var watcher: DirectoryWatcher?
    /// Directories whose threads live, by identity: two paths to one directory share them.
    private var disks: [FileIdentity: WeakThreads] = [:]

    private struct WeakThreads { weak var threads: DiskThreads? }

    package init(_ loop: EpollLoop) { self.loop = loop }

    package func open(_ path: String) throws(TailraceError) -> any ReadableFile { try LocalReadableFile(path) }

    package func information(_ path: String) throws(TailraceError) -> FileInformation {
        var status = stat()
        guard stat(path, &status) == 0 else { throw fileError(errno, "look at \(path)") }
        return FileInformation(lastComponent(path), status)
    }

    package func scan(_ directory: String) throws(TailraceError) -> any DirectoryScan { try LocalDirectoryScan(directory) }

    package func watch(
        _ directory: String, _ changed: @escaping ([String]?) -> Void
    ) throws(TailraceError) -> any Cancellable {
        if watcher == nil { watcher = try DirectoryWatcher(loop) }
        return try watcher!.watch(directory, changed)
    }

    package func disk(_ directory: String) throws(TailraceError) -> any Disk {
        try makeDirectory(directory)
        let opened = try OpenDirectory(directory)
        disks = disks.filter { $0.value.threads != nil }
        let threads = disks[opened.identity]?.threads ?? DiskThreads(loop, opened)
        disks[opened.identity] = WeakThreads(threads: threads)
        return LocalDisk(directory, threads)
    }

    /// With its parents, each synced into its own, or a crash could take away a directory whose files were synced. Only the
    /// agent's user and group may look into what it makes.
    private func makeDirectory(_ path: String) throws(TailraceError) {
        var status = stat()
        if stat(path, &status) == 0 { return }
        var parent = "."
        if let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) {
            parent = slash == path.startIndex ? "/" : String(path[..<slash])
            try makeDirectory(parent)
        }
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw fileError(errno, "make the directory \(path)") }
        try DiskCalls.sync(OpenDirectory(parent))
    }
}
