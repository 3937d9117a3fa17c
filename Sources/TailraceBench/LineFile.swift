import Glibc
package import TailraceCore

/// The input of a benchmark: so many lines in one file.
package struct LineFile: Sendable {
    package let path: String
    package let lines: Int
    package let bytes: Int

    /// Writes `lines` numbered lines of about `bytesPerLine` bytes (line end included), made of the lines of `samples`, real
    /// ones if there are any. Throws when the file cannot be written.
    package static func make(_ path: String, lines: Int, bytesPerLine: Int, samples: [String]) throws(TailraceError) -> LineFile
    {
        let texts = (samples.isEmpty ? builtIn : samples).filter { !$0.isEmpty }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("cannot be made", path) }
        defer { close(descriptor) }
        var buffer: [UInt8] = [], total = 0
        func write() throws(TailraceError) {
            var start = 0
            while start < buffer.count {
                let done = buffer.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + start, $0.count - start) }
                guard done > 0 else { throw failure("cannot be written", path) }
                start += done
            }
            total += buffer.count
            buffer.removeAll(keepingCapacity: true)
        }
        for number in 0..<lines {
            let digits = String(number)
            buffer.append(contentsOf: String(repeating: "0", count: max(0, 9 - digits.utf8.count)).utf8)
            buffer.append(contentsOf: digits.utf8)
            buffer.append(0x20)
            var rest = bytesPerLine - 11, text = texts[number % texts.count].utf8
            while rest > 0 {
                let piece = text.prefix(rest)
                buffer.append(contentsOf: piece)
                rest -= piece.count
                text = texts[(number + rest) % texts.count].utf8
            }
            buffer.append(0x0A)
            if buffer.count > 1 << 20 { try write() }
        }
        try write()
        return LineFile(path: path, lines: lines, bytes: total)
    }

    /// The lines of a folder's `*.log` files, without their ends; empty if there is no such folder.
    package static func samples(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".log") { names.append(name) }
        }
        return names.sorted().flatMap { name in
            content("\(folder)/\(name)").split(separator: 0x0A).map {
                String(decoding: $0.filter { $0 >= 0x20 }, as: UTF8.self)
            }
        }
    }
    private static func content(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = [], space = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&space, 1, space.count, file)
            if count <= 0 { return bytes }
            bytes += space[..<count]
        }
    }
    private static func failure(_ what: String, _ path: String) -> TailraceError {
        TailraceError(
            code: "bench.file", message: "\(path) \(what): \(String(cString: strerror(errno)))", fix: "give another --directory"
        )
    }

    private static let builtIn = [
        "2026-11-24 13:05:15,123 INFO org.example.storage.BlockManager: block blk_1073741825 received from /10.251.43.21:50010 size 67108864",
        "Nov 24 13:05:15 web-17 sshd[24200]: Failed password for invalid user webmaster from 173.234.31.186 port 38926 ssh2 (attempt 3)",
        "10.0.0.17 - - [24/Nov/2026:13:05:15 +0000] \"GET /api/v2/items?limit=50&page=7 HTTP/1.1\" 200 18231 \"-\" \"curl/7.88.1\" 0.012",
    ]
}
