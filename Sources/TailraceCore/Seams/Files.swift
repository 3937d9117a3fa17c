package enum FileKind: Hashable, Sendable { case file, directory, link, other }

package struct FileIdentity: Hashable, Sendable {
    package var device: UInt64
    package var inode: UInt64
    package init(device: UInt64, inode: UInt64) { (self.device, self.inode) = (device, inode) }
}

package struct FileInformation: Hashable, Sendable {
    /// As the directory has it, or as it was opened.
    package var name: String
    package var kind: FileKind
    package var identity: FileIdentity
    package var size: Int64
    package var modified: WallTime
    /// When the kernel last changed anything of it; no program can set it (ctime).
    package var changed: WallTime
    /// Names that lead to it; 0 when it was deleted and lives by its descriptor only.
    package var links: Int
    package init(
        name: String, kind: FileKind, identity: FileIdentity, size: Int64, modified: WallTime, changed: WallTime? = nil,
        links: Int
    ) {
        (self.name, self.kind, self.identity, self.size, self.modified) = (name, kind, identity, size, modified)
        (self.changed, self.links) = (changed ?? modified, links)
    }
}

/// Reading, on the loop: it comes from the page cache; read a bounded amount per turn. Changes: see ``Disk``.
package protocol FileSystem: AnyObject {
    /// Opens for reading, following symbolic links, without blocking and without waiting for a pipe's writer; anything but a
    /// regular file is refused (`file.kind`), a missing one is `file.missing`.
    func open(_ path: String) throws(TailraceError) -> any ReadableFile
    /// Follows a symbolic link. Throws `file.missing` when there is nothing.
    func information(_ path: String) throws(TailraceError) -> FileInformation
    func scan(_ directory: String) throws(TailraceError) -> any DirectoryScan
    /// `changed`: names of entries that were made, renamed, removed or written to, or nil when changes were lost: scan again.
    /// Says nothing about what was there before.
    func watch(_ directory: String, _ changed: @escaping ([String]?) -> Void) throws(TailraceError) -> any Cancellable
    /// A directory to write in, made if missing (parents too), with one thread for each directory.
    func disk(_ directory: String) throws(TailraceError) -> any Disk
}

package protocol DirectoryScan: AnyObject {
    /// At most `limit` more, in no order, without "." and ".."; empty at the end. The kind is that of the entry itself: a
    /// symbolic link is a `link`.
    func next(_ limit: Int) throws(TailraceError) -> [FileInformation]
}

package protocol ReadableFile: AnyObject {
    func information() throws(TailraceError) -> FileInformation
    /// The number of bytes read into the front of `space`; 0 at the end.
    func read(at offset: Int64, into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> Int
    func close()
}

/// One directory and its thread, which does all that can wait for the disk: in the order of the calls, by completion.
package protocol Disk: AnyObject {
    var directory: String { get }
    /// Refuses a second process, and a second caller in this one (`disk.locked`).
    func lock() throws(TailraceError) -> any DirectoryLock
    func freeBytes() throws(TailraceError) -> Int64
    /// Made if missing, and preallocated to `size` if that is more than it has.
    func open(_ name: String, preallocating size: Int64, _ done: @escaping (Result<any File, TailraceError>) -> Void)
    func rename(_ from: String, to: String, _ done: @escaping Completion)
    func remove(_ name: String, _ done: @escaping Completion)
    /// Success: names made, changed and removed before this call survive a crash.
    func sync(_ done: @escaping Completion)
    /// Replaces the whole file, so that a crash leaves the old or the new content: a temporary file, synced, renamed, the
    /// directory synced.
    func replace(_ name: String, with content: Bytes, _ done: @escaping Completion)
}

/// Released by the kernel if the process dies.
package protocol DirectoryLock: AnyObject { func release() }

package protocol File: ReadableFile {
    /// Writes the pieces behind each other, all of them, and then syncs if asked: one call and one completion per group.
    /// Success with `sync`: all that was appended before survives a crash. Failure: nothing since the last such success is
    /// certain, and the file is not to be trusted again.
    func append(_ pieces: [Bytes], at offset: Int64, sync: Bool, _ done: @escaping Completion)
    /// `close()` only after the last call was answered.
    func truncate(to size: Int64, _ done: @escaping Completion)
    /// By a disk thread: for a backlog that the page cache no longer has. Not behind the writes of this file.
    func read(at offset: Int64, count: Int, _ done: @escaping (Result<Bytes, TailraceError>) -> Void)
}
