import TailraceCore

/// One run of one member: its process, and what it prints, which goes to its log.
final class MemberProcess: ByteStreamHandler {
    private let log: MemberLog
    private let loop: any EventLoop
    /// Of one turn; what is left comes in the next.
    private static let bytesPerTurn = 256 << 10
    private var child: (any ChildProcess)?

    /// `exited`: once, in a later turn. Throws `process.spawn`.
    init(
        _ member: ClusterPlan.Member, environment: [String: String], _ processes: any Processes, _ loop: any EventLoop,
        _ log: MemberLog, _ exited: @escaping (Int32) -> Void
    ) throws(TailraceError) {
        (self.log, self.loop) = (log, loop)
        let child = try processes.spawn(member.arguments, environment: environment) { [self] status in
            for stream in [self.child?.output, self.child?.errors] { stream?.close() }
            self.child = nil
            exited(status)
        }
        self.child = child
        child.input.close()
        for stream in [child.output, child.errors] {
            stream.handler = self
            streamIsReadable(stream)
        }
    }

    func signal(_ number: Int32) { child?.signal(number) }

    func streamIsReadable(_ stream: any ByteStream) {
        var bytes: [UInt8] = []
        defer { if !bytes.isEmpty { log.append(bytes) } }
        do throws(TailraceError) {
            while bytes.count < Self.bytesPerTurn {
                guard case .bytes = try stream.append(to: &bytes) else { return }
            }
            loop.enqueue { [self] in if child != nil { streamIsReadable(stream) } }
        } catch {
            log.append("topology: the output cannot be read: \(error)\n")
        }
    }
    func streamIsWritable(_ stream: any ByteStream) {}
}
