import TailraceCore
import TailraceStatus

/// Answers on `admin.sock` in the agent's state directory: one request, one JSON document, then it closes.
final class AdminServer {
    /// More are closed at once; each has ``timeLimit`` for its request and for reading the answer.
    private static let maxConnections = 32
    private static let timeLimit = Duration.seconds(10)

    private let environment: Environment
    private let status: () -> AgentStatus
    private var listener: (any Listener)?
    private var connections: [AdminConnection] = []

    init(_ environment: Environment, _ status: @escaping () -> AgentStatus) {
        (self.environment, self.status) = (environment, status)
    }

    func start() throws(TailraceError) {
        let endpoint = Endpoint.path("\(environment.stateDirectory)/\(AgentStatus.socketName)")
        listener = try environment.network.listen(at: endpoint) { [weak self] stream in
            guard let self, connections.count < Self.maxConnections else { return stream.close() }
            let connection = AdminConnection(stream, self)
            connections.append(connection)
            environment.loop.schedule(at: environment.loop.now + Self.timeLimit) { [weak connection] in connection?.close() }
            connection.streamIsReadable(stream)
        }
    }
    func stop() {
        listener?.close()
        for connection in connections { connection.close() }
    }

    fileprivate func answer() -> Bytes { Bytes(status().json()) }
    fileprivate func closed(_ connection: AdminConnection) { connections.removeAll { $0 === connection } }
}

private final class AdminConnection: ByteStreamHandler {
    private let stream: any ByteStream
    private weak var server: AdminServer?
    private var request: [UInt8] = []
    private var unsent = OutputQueue()
    private var isClosed = false

    init(_ stream: any ByteStream, _ server: AdminServer) {
        (self.stream, self.server) = (stream, server)
        stream.handler = self
    }

    func streamIsReadable(_ stream: any ByteStream) {
        do throws(TailraceError) {
            while !isClosed, unsent.isEmpty {
                let read = try readSome()
                if read == .wouldBlock { return }
                guard case .bytes = read, request.count <= AgentStatus.largestRequestBytes else { return close() }
                guard request.last == UInt8(ascii: "\n") else { continue }
                let text = String(decoding: request, as: UTF8.self)
                unsent.append(
                    text == AgentStatus.request
                        ? server?.answer() ?? Bytes() : Bytes("{\"error\":\"unknown request; known: GET status\"}\n"))
                write()
            }
        } catch { close() }  // whoever asked is gone
    }
    private func readSome() throws(TailraceError) -> ReadResult {
        let result = withUnsafeTemporaryAllocation(byteCount: 512, alignment: 16) { space in
            Result { () throws(TailraceError) in
                let read = try stream.read(into: space)
                if case .bytes(let count) = read { request.append(contentsOf: space[..<count]) }
                return read
            }
        }
        return try result.get()
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
