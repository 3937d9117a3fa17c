import Glibc
import TailraceCore

/// `tailrace topology logs`: what a member printed.
package struct LogsCommand: Sendable {
    package var stateDirectory: String?
    package var member: String
    package var follow: Bool
    package var lines: Int
    package init(stateDirectory: String?, member: String, follow: Bool, lines: Int) {
        (self.stateDirectory, self.member, self.follow, self.lines) = (stateDirectory, member, follow, lines)
    }

    package func run() -> Int32 {
        do throws(TailraceError) {
            let plan = try StateDirectory.find(stateDirectory).plan()
            guard let path = member == "supervisor" ? "\(plan.stateDirectory)/\(StateFiles.log)" : plan.member(member)?.log
            else {
                throw TailraceError(
                    code: "topology.member", message: "there is no '\(member)' in this cluster",
                    fix: "use one of \((plan.members.map(\.name) + ["supervisor"]).joined(separator: ", "))")
            }
            let size = Self.size(path)
            let tail = LogTail.read(path, lines: lines)
            if !tail.isEmpty { Console.out(tail + "\n") }
            if follow { try Self.follow(path, from: size) }
            return TopologyExit.fine
        } catch {
            Console.tell(error)
            return TopologyExit.code(for: error)
        }
    }

    private static func size(_ path: String) -> Int {
        var information = stat()
        return stat(path, &information) == 0 ? Int(information.st_size) : 0
    }

    /// Until the reader of standard output is gone, or a signal ends it. A file that was renamed begins anew.
    private static func follow(_ path: String, from start: Int) throws(TailraceError) {
        var position = start, space = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            if descriptor >= 0 {
                defer { close(descriptor) }
                if size(path) < position { position = 0 }
                while true {
                    let count = space.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress!, $0.count, off_t(position)) }
                    guard count >= 0 else { throw SystemCall.failed("read \(path)") }
                    if count == 0 { break }
                    guard SystemCall.writeAll(Array(space[..<count]), to: 1) == count else { return }
                    position += count
                }
            }
            Console.pause(milliseconds: 200)
        }
    }
}
