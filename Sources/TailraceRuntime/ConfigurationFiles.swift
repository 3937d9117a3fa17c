import Glibc
import TailraceConfiguration
import TailraceCore

/// The files of a configuration and the process's environment, for the loader, which reads neither itself.
enum ConfigurationFiles {
    /// A larger file is no configuration.
    private static let largest = 16 << 20

    static func read(_ paths: [String]) throws(TailraceError) -> [(name: String, bytes: [UInt8])] {
        var files: [(name: String, bytes: [UInt8])] = []
        for path in paths { files.append((path, try content(path))) }
        return files
    }

    private static func content(_ path: String) throws(TailraceError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = [], space = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &space, space.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path) }
            if count == 0 { return bytes }
            bytes += space[..<count]
            guard bytes.count <= largest else {
                throw TailraceError(
                    code: "file.read", message: "\(path) is larger than \(largest) bytes", fix: "check the path")
            }
        }
    }
    private static func failure(_ path: String) -> TailraceError {
        TailraceError(
            code: "file.read", message: "\(path) cannot be read: \(String(cString: strerror(errno)))",
            fix: "check the path and its permissions")
    }

    static var environment: [String: String] {
        var variables: [String: String] = [:], pointer = environ
        while let entry = pointer.pointee {
            let text = String(cString: entry)
            if let end = text.firstIndex(of: "=") { variables[String(text[..<end])] = String(text[text.index(after: end)...]) }
            pointer += 1
        }
        return variables
    }

    static func writeError(_ text: String) {
        let bytes = Array(text.utf8)
        bytes.withUnsafeBytes { _ = write(2, $0.baseAddress!, $0.count) }
    }
}
