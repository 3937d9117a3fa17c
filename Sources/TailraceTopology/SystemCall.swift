import Glibc
package import TailraceCore

/// The few calls of commands, which may wait: they are no agents.
package enum SystemCall {
    /// `action` completes "cannot …"; the reason is `errno`.
    static func failed(_ action: String, code: String = "topology.system", fix: String? = nil) -> TailraceError {
        let reason = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { space in
            _ = strerror_r(errno, space.baseAddress!, space.count)
            return String(cString: space.baseAddress!)
        }
        return TailraceError(code: code, message: "cannot \(action): \(reason)", fix: fix)
    }

    /// Of the environment; nil: not set, or empty.
    static func variable(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    /// What the caller of a command left open, a pipe that somebody reads to its end or a lock, is not for a process that
    /// outlives the command. Before anything else is opened.
    static func closeInherited(above last: Int32) {
        for name in names(in: "/proc/self/fd") ?? [] {
            if let descriptor = Int32(name), descriptor > last { close(descriptor) }
        }
    }

    /// The number of bytes that were written; less than all after an error.
    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + done, bytes.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            done += count
        }
        return done
    }

    static func read(_ path: String, limit: Int) throws(TailraceError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failed("read \(path)") }
        defer { close(descriptor) }
        var result: [UInt8] = [], space = [UInt8](repeating: 0, count: 64 << 10)
        while result.count <= limit {
            let count = space.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress!, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failed("read \(path)") }
            if count == 0 { return result }
            result += space[..<count]
        }
        throw TailraceError(code: "topology.system", message: "\(path) has more than \(limit) bytes")
    }

    /// A whole file, so that readers see the old or the new one.
    static func replace(_ path: String, with text: String) throws(TailraceError) {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failed("write \(temporary)") }
        let bytes = Array(text.utf8), written = writeAll(bytes, to: descriptor)
        let isClosed = close(descriptor) == 0
        guard written == bytes.count, isClosed else { throw failed("write \(temporary)") }
        guard rename(temporary, path) == 0 else { throw failed("rename \(temporary) to \(path)") }
    }

    static func makeDirectory(_ path: String) throws(TailraceError) {
        var partial = ""
        for part in path.split(separator: "/") {
            partial += (partial.isEmpty && !path.hasPrefix("/") ? "" : "/") + part
            guard mkdir(partial, 0o755) == 0 || errno == EEXIST else { throw failed("make the folder \(partial)") }
        }
    }

    /// Names in a folder, sorted; nil: there is no such folder.
    static func names(in directory: String) -> [String]? {
        guard let stream = opendir(directory) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// A file, a link (not what it leads to), or a folder with all that is in it.
    package static func removeTree(_ path: String) throws(TailraceError) {
        var information = stat()
        guard lstat(path, &information) == 0 else {
            if errno == ENOENT { return }
            throw failed("look at \(path)")
        }
        if information.st_mode & S_IFMT == S_IFDIR {
            for name in names(in: path) ?? [] { try removeTree("\(path)/\(name)") }
            guard rmdir(path) == 0 else { throw failed("remove \(path)") }
        } else {
            guard unlink(path) == 0 || errno == ENOENT else { throw failed("remove \(path)") }
        }
    }

    /// Absolute, without "." and "..", as far as it exists without links.
    static func absolute(_ path: String) throws(TailraceError) -> String {
        if path.hasPrefix("/") { return path }
        guard let here = getcwd(nil, 0) else { throw failed("find the current folder") }
        defer { free(here) }
        let parts = path.split(separator: "/").filter { $0 != "." }
        return String(cString: here) + parts.map { "/" + $0 }.joined()
    }
}
