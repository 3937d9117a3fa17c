import CLinux
import Glibc
import TailraceCore

/// A directory that changes are made in, by whatever thread.
final class OpenDirectory: Sendable {
    let path: String
    let identity: FileIdentity
    private let descriptor: OwnedDescriptor
    var raw: Int32 { descriptor.raw }

    init(_ path: String) throws(TailraceError) {
        let raw = restarting { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard raw >= 0 else { throw fileError(errno, "open the directory \(path)") }
        (self.path, descriptor) = (path, OwnedDescriptor(raw))
        identity = try information(raw, lastComponent(path), path).identity
    }
}

/// What a disk thread is asked for. Bytes and descriptors in it stay alive until it is done.
enum DiskRequest: Sendable {
    case open(String, preallocating: Int64)
    case rename(String, to: String)
    case remove(String)
    case syncDirectory
    case replace(String, Bytes)
    case append(OpenFile, [Bytes], at: Int64, sync: Bool)
    case truncate(OpenFile, to: Int64)
    case read(OpenFile, at: Int64, count: Int)
    /// Frees the file's last reference here, where it may take its time.
    case release(OpenFile)
}

enum DiskAnswer: Sendable {
    case done
    case opened(OpenFile)
    case bytes(Bytes)
    case failed(TailraceError)
}

extension DiskRequest {
    /// Does it; blocks for as long as the disk takes.
    func perform(in directory: OpenDirectory) -> DiskAnswer {
        do throws(TailraceError) {
            switch self {
            case .open(let name, let size): return .opened(try DiskCalls.open(directory, name, preallocating: size))
            case .rename(let from, let to): try DiskCalls.rename(directory, from, to)
            case .remove(let name): try DiskCalls.remove(directory, name)
            case .syncDirectory: try DiskCalls.sync(directory)
            case .replace(let name, let content): try DiskCalls.replace(directory, name, content)
            case .append(let file, let pieces, let offset, let sync): try file.append(pieces, offset, sync)
            case .truncate(let file, let size): try file.truncate(size)
            case .read(let file, let offset, let count): return .bytes(try file.read(offset, count))
            case .release: break
            }
            return .done
        } catch {
            return .failed(error)
        }
    }
}

/// Calls that change a directory.
enum DiskCalls {
    static func open(_ directory: OpenDirectory, _ name: String, preallocating size: Int64) throws(TailraceError) -> OpenFile {
        let path = "\(directory.path)/\(name)"
        var isNew = true
        var raw = restarting { openat(directory.raw, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o640) }
        if raw < 0 && errno == EEXIST {
            isNew = false
            raw = restarting { openat(directory.raw, name, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0) }
        }
        guard raw >= 0 else { throw fileError(errno, "open \(path)") }
        let file = OpenFile(raw, path)
        do throws(TailraceError) {
            guard try information(raw, name, path).kind == .file else { throw LocalReadableFile.wrongKind(path) }
            try file.preallocate(size)
        } catch {
            if isNew { unlinkat(directory.raw, name, 0) }  // what is wrong is said by `error`
            throw error
        }
        return file
    }

    static func rename(_ directory: OpenDirectory, _ from: String, _ to: String) throws(TailraceError) {
        guard renameat(directory.raw, from, directory.raw, to) == 0 else {
            throw fileError(errno, "rename \(directory.path)/\(from) to \(to)")
        }
    }

    static func remove(_ directory: OpenDirectory, _ name: String) throws(TailraceError) {
        guard unlinkat(directory.raw, name, 0) == 0 else { throw fileError(errno, "remove \(directory.path)/\(name)") }
    }

    static func sync(_ directory: OpenDirectory) throws(TailraceError) {
        guard restarting({ fsync(directory.raw) }) == 0 else { throw fileError(errno, "sync the directory \(directory.path)") }
    }

    static func replace(_ directory: OpenDirectory, _ name: String, _ content: Bytes) throws(TailraceError) {
        let temporary = ".\(name).new"
        let path = "\(directory.path)/\(temporary)"
        let raw = restarting { openat(directory.raw, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640) }
        guard raw >= 0 else { throw fileError(errno, "write \(path)") }
        let file = OpenFile(raw, path)
        do throws(TailraceError) {
            try file.append([content], 0, true)
            try rename(directory, temporary, name)
            try sync(directory)
        } catch {
            unlinkat(directory.raw, temporary, 0)  // gone already if the rename worked; what is wrong is said by `error`
            throw error
        }
    }
}
