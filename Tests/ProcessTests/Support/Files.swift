import FoundationEssentials
import Glibc

/// Files of the tests, whole.
enum Files {
    /// Empty when it is not there.
    static func read(_ path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes: [UInt8] = [], space = [UInt8](repeating: 0, count: 256 << 10)
        while case let count = Glibc.read(descriptor, &space, space.count), count > 0 { bytes += space[..<count] }
        return bytes
    }
    static func text(_ path: String) -> String { String(decoding: read(path), as: UTF8.self) }

    static func write(_ text: String, to path: String) throws { try put(Array(text.utf8), path, O_TRUNC) }
    static func write(_ bytes: [UInt8], to path: String) throws { try put(bytes, path, O_TRUNC) }
    static func append(_ text: String, to path: String) throws { try put(Array(text.utf8), path, O_APPEND) }
    static func append(_ bytes: [UInt8], to path: String) throws { try put(bytes, path, O_APPEND) }

    private static func put(_ bytes: [UInt8], _ path: String, _ flag: Int32) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flag, 0o644)
        guard descriptor >= 0 else { throw TestFailure("\(path) cannot be opened") }
        defer { close(descriptor) }
        var position = 0
        while position < bytes.count {
            let count = bytes[position...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress!, $0.count) }
            guard count > 0 else { throw TestFailure("\(path) cannot be written") }
            position += count
        }
    }
    static func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    static func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: path) }
}
