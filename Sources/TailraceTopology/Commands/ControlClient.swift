import Glibc
package import TailraceCore
import TailraceStatus

/// Asks the processes of a cluster, from a command: one connection, one line, one document. It waits, with a limit.
package struct ControlClient: Sendable {
    package let stateDirectory: String
    package init(stateDirectory: String) { self.stateDirectory = stateDirectory }

    /// Throws what the supervisor answers, and `topology.not-running` when nobody listens.
    package func ask(_ request: ControlRequest, seconds: Int = 10) throws(TailraceError) -> ClusterStatus {
        let path = "\(stateDirectory)/\(StateFiles.socket)"
        let bytes = try Self.ask(JSON.text(request) + "\n", at: path, seconds: seconds)
        let reply = try JSON.read(ControlReply.self, bytes, from: "the supervisor")
        if let failure = reply.failure { throw failure.error }
        guard let status = reply.status else {
            throw TailraceError(code: "topology.answer", message: "the supervisor answered without a status")
        }
        return status
    }

    package func audit(_ plan: ClusterPlan) throws(TailraceError) -> AuditSnapshot {
        let bytes = try Self.ask(Auditor.auditRequest + "\n", at: plan.member("auditor")!.socket, seconds: 20)
        return try JSON.read(AuditSnapshot.self, bytes, limit: 256 << 20, from: "the auditor")
    }

    /// One line there, everything back.
    package static func ask(_ request: String, at path: String, seconds: Int) throws(TailraceError) -> [UInt8] {
        let descriptor = try connect(path)
        defer { close(descriptor) }
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            _ = setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        guard SystemCall.writeAll(Array(request.utf8), to: descriptor) == request.utf8.count else {
            throw SystemCall.failed("ask at \(path)", code: "topology.no-answer")
        }
        var answer: [UInt8] = [], space = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = space.withUnsafeMutableBytes { read(descriptor, $0.baseAddress!, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw SystemCall.failed("get an answer at \(path) within \(seconds) s", code: "topology.no-answer")
            }
            if count == 0 { return answer }
            answer += space[..<count]
        }
    }

    private static func connect(_ path: String) throws(TailraceError) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count <= StateFiles.longestSocketPath else {
            throw TailraceError(
                code: "topology.state-directory", message: "\(path) is longer than \(StateFiles.longestSocketPath) bytes",
                fix: "choose a shorter folder with --state-dir")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemCall.failed("make a socket") }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            defer { close(descriptor) }
            throw SystemCall.failed(
                "reach \(path)", code: "topology.not-running", fix: "start the cluster with: tailrace topology up")
        }
        return descriptor
    }
}
