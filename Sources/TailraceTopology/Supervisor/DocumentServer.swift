package import TailraceCore

/// Answers on a Unix socket: one request line, one document, then it closes. For the supervisor, the auditor and the broker;
/// the same form as the agents' ``AgentStatus/socketName``.
package final class DocumentServer {
    /// More are closed at once; each has ``timeLimit`` for its request and for reading the answer.
    static let maxConnections = 32
    static let timeLimit = Duration.seconds(30)
    static let largestRequestBytes = 4_096

    /// `reply`: once, now or later; the text gets a line end.
    package typealias Answer = (_ request: String, _ reply: @escaping (String) -> Void) -> Void

    let loop: any EventLoop
    private let answer: Answer
    private var listener: (any Listener)?
    private var connections: [DocumentConnection] = []

    package init(
        _ loop: any EventLoop, _ network: any Network, path: String, _ answer: @escaping Answer
    ) throws(TailraceError) {
        (self.loop, self.answer) = (loop, answer)
        listener = try network.listen(at: .path(path)) { [weak self] stream in
            guard let self, connections.count < Self.maxConnections else { return stream.close() }
            let connection = DocumentConnection(stream, self)
            connections.append(connection)
            loop.schedule(at: loop.now + Self.timeLimit) { [weak connection] in connection?.close() }
            connection.streamIsReadable(stream)
        }
    }

    package func close() {
        listener?.close()
        for connection in connections { connection.close() }
    }

    fileprivate func asked(_ request: String, _ reply: @escaping (String) -> Void) { answer(request, reply) }
    fileprivate func closed(_ connection: DocumentConnection) { connections.removeAll { $0 === connection } }
}

private final class DocumentConnection: ByteStreamHandler {
    private let stream: any ByteStream
    private weak var server: DocumentServer?
    private var request: [UInt8] = []
    private var unsent = OutputQueue()
    private var wasAsked = false
    private var isClosed = false

    init(_ stream: any ByteStream, _ server: DocumentServer) {
        (self.stream, self.server) = (stream, server)
        stream.handler = self
    }

    func streamIsReadable(_ stream: any ByteStream) {
        do throws(TailraceError) {
            while !isClosed, !wasAsked {
                switch try stream.append(to: &request) {
                case .wouldBlock: return
                case .end: return close()
                case .bytes: break
                }
                guard request.count <= DocumentServer.largestRequestBytes else { return close() }
                guard let end = request.firstIndex(of: UInt8(ascii: "\n")) else { continue }
                wasAsked = true
                server?.asked(String(decoding: request[..<end], as: UTF8.self)) { [weak self] in self?.reply($0) }
            }
        } catch { close() }  // whoever asked is gone
    }

    private func reply(_ text: String) {
        guard !isClosed else { return }
        unsent.append(Bytes(text + "\n"))
        write()
    }
    func streamIsWritable(_ stream: any ByteStream) { write() }
    private func write() {
        do throws(TailraceError) {
            if try stream.write(&unsent) == .everything { close() }
        } catch { close() }
    }
    func close() {
        guard !isClosed else { return }
        isClosed = true
        stream.close()
        server?.closed(self)
    }
}

extension ByteStream {
    /// Reads once, at most 16 KiB.
    func append(to bytes: inout [UInt8]) throws(TailraceError) -> ReadResult {
        let result = withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 16) { space in
            Result { () throws(TailraceError) in
                let read = try self.read(into: space)
                if case .bytes(let count) = read { bytes.append(contentsOf: space[..<count]) }
                return read
            }
        }
        return try result.get()
    }
}
