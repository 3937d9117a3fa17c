import Glibc
package import TailraceCore

/// A log file that `topology send` appends to. What was written is what the file's last whole line says: there is no other
/// record that could disagree with it.
package final class GeneratedFile {
    package let path: String
    private let descriptor: Int32
    private let maker: LineMaker
    /// The number of the next line.
    package private(set) var next: UInt64

    /// Throws `topology.send` when another command writes to it.
    package init(_ path: String, writer: String, bytes: Int) throws(TailraceError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemCall.failed("open \(path)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw TailraceError(
                code: "topology.send", message: "another command writes to \(path)", fix: "wait until it has ended")
        }
        (self.path, maker) = (path, LineMaker(writer: writer, bytes: bytes))
        do throws(TailraceError) { next = try Self.written(path) } catch {
            close(descriptor)
            throw error
        }
    }
    deinit { close(descriptor) }

    package func append(_ count: Int, _ time: WallTime) throws(TailraceError) {
        var bytes: [UInt8] = []
        for number in next..<next + UInt64(count) { maker.append(number, time, to: &bytes) }
        guard SystemCall.writeAll(bytes, to: descriptor) == bytes.count else {
            throw SystemCall.failed("write to \(path)", fix: "free space on the file system of the state directory")
        }
        next += UInt64(count)
    }

    /// Lines in a generated file, by the number of its last one; 0: there is no file, or no line of ours at its end.
    package static func written(_ path: String) throws(TailraceError) -> UInt64 {
        guard access(path, F_OK) == 0 else { return 0 }
        let last = LogTail.read(path, lines: 1)
        return GeneratedLine.parse(Bytes(last)).map { $0.number + 1 } ?? 0
    }
}

extension ClusterPlan {
    /// Lines in each generated file.
    package func writtenLines() throws(TailraceError) -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        for writer in writers {
            let count = try GeneratedFile.written(generatedFile(of: writer))
            if count > 0 { result[writer.name] = count }
        }
        return result
    }
}
