import TailraceCore
import TailraceRuntime
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// The documentation's reference of all components is what the declarations say now.
@Suite struct ManualTests {
    /// `TAILRACE_WRITE_MANUAL=1 swift test --filter ManualTests` writes it, as `tailrace components --markdown` does.
    @Test func theArticleIsCurrent() throws {
        let checkout = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let path = "\(checkout)/\(CheckProgram.documentationPath)", article = CheckProgram.article()
        if getenv("TAILRACE_WRITE_MANUAL") != nil { try Self.write(article, path) }
        let kept = try Self.read(path)
        #expect(
            kept == article,
            "\(CheckProgram.documentationPath) is not what the declarations say; run: swift run tailrace components --markdown > \(CheckProgram.documentationPath)"
        )
    }

    private static func open(_ path: String, _ mode: String) throws -> UnsafeMutablePointer<FILE> {
        guard let file = fopen(path, mode) else {
            throw TailraceError(code: "test.file", message: "\(path): \(String(cString: strerror(errno)))")
        }
        return file
    }
    private static func write(_ text: String, _ path: String) throws {
        let file = try open(path, "w")
        let written = Array(text.utf8).withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
        guard fclose(file) == 0, written == text.utf8.count else {
            throw TailraceError(code: "test.file", message: "\(path) could not be written")
        }
    }
    private static func read(_ path: String) throws -> String {
        let file = try open(path, "r")
        defer { fclose(file) }
        var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
