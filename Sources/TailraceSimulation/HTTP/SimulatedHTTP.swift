package import TailraceCore

/// HTTP over the simulated network: what goes over its connections is real HTTP/1.1 with Content-Length, as much of it as a
/// client of the tests needs (no chunks, no TLS).
package final class SimulatedHTTP: HTTP {
    package init() {}

    package func serve(
        _ settings: HTTPServerSettings, _ environment: Environment, _ handler: any HTTPHandler
    ) throws(TailraceError) -> any HTTPServer {
        let server = SimulatedHTTPServer(settings, environment, handler)
        try server.listen()
        return server
    }

    package func client(_ settings: HTTPClientSettings, _ environment: Environment) throws(TailraceError) -> any HTTPClient {
        SimulatedHTTPClient(settings, environment)
    }
}

final class SimulatedHTTPServer: HTTPServer {
    let settings: HTTPServerSettings
    let environment: Environment
    private(set) weak var handler: (any HTTPHandler)?
    private var listener: (any Listener)!
    private var open: [SimulatedHTTPConnection] = []

    init(_ settings: HTTPServerSettings, _ environment: Environment, _ handler: any HTTPHandler) {
        (self.settings, self.environment, self.handler) = (settings, environment, handler)
    }
    func listen() throws(TailraceError) {
        listener = try environment.network.listen(at: settings.endpoint) { [weak self] stream in
            guard let self else { return }
            open.append(SimulatedHTTPConnection(stream, self))
            listener.isPaused = open.count >= settings.maxConnections
        }
    }
    var endpoint: Endpoint { listener.endpoint }
    var connections: Int { open.count }
    func stopAccepting() { listener.close() }
    func close() {
        stopAccepting()
        handler = nil
        for connection in open { connection.close() }
    }
    func closed(_ connection: SimulatedHTTPConnection) {
        open.removeAll { $0 === connection }
        listener.isPaused = open.count >= settings.maxConnections
    }
}

/// One request behind the other; reads no further while one is handled.
final class SimulatedHTTPConnection: ByteStreamHandler {
    private let stream: any ByteStream
    private weak var server: SimulatedHTTPServer?
    private var reader = HTTPMessageReader()
    private var unsent = OutputQueue()
    private var timer: TimerID?
    private var isHandling = false
    private var isEnding = false
    private var isClosed = false

    init(_ stream: any ByteStream, _ server: SimulatedHTTPServer) {
        (self.stream, self.server) = (stream, server)
        stream.handler = self
        expectRequest()
        server.environment.loop.enqueue { [weak self] in self?.read() }
    }

    private func expectRequest() {
        guard let server else { return }
        stopTimer()
        timer = server.environment.loop.schedule(at: server.environment.loop.now + server.settings.requestTime) {
            [weak self] in
            self?.server?.handler?.refused(0, "a client sent no whole request in time")
            self?.close()
        }
    }
    private func stopTimer() {
        if let timer { server?.environment.loop.cancel(timer) }
        timer = nil
    }

    func streamIsReadable(_ stream: any ByteStream) { read() }
    func streamIsWritable(_ stream: any ByteStream) { write() }

    private func read() {
        while !isHandling, !isClosed, !isEnding {
            do throws(TailraceError) {
                switch try reader.read(from: stream) {
                case .message(let start, let headers, let body): received(start, headers, body)
                case .wouldBlock: return
                case .end: return close()
                case .malformed: answer(HTTPAnswer(400), closing: true)
                }
            } catch { return close() }
        }
    }

    private func received(_ start: String, _ headers: [Header], _ body: Bytes) {
        let words = start.split(separator: " ")
        guard words.count == 3, let server, let handler = server.handler else {
            return answer(HTTPAnswer(400), closing: true)
        }
        let target = words[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let query = (target.count < 2 ? "" : target[1]).split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            return Header(parts[0], parts.count > 1 ? parts[1] : "")
        }
        let head = HTTPRequestHead(
            method: String(words[0]), path: String(target[0]), query: query, headers: headers, peer: stream.peer)
        if let refusal = handler.refusal(of: head) { return answer(refusal, closing: true) }
        guard body.count <= server.settings.maxBodyBytes else {
            handler.refused(413, "the request has \(body.count) bytes")
            return answer(HTTPAnswer(413), closing: true)
        }
        isHandling = true
        stopTimer()
        handler.handle(head, body) { [weak self] in self?.answered($0) }
    }
    private func answered(_ answer: HTTPAnswer) {
        guard isHandling, !isClosed else { return }
        isHandling = false
        self.answer(answer, closing: false)
        server?.environment.loop.enqueue { [weak self] in self?.read() }
    }

    private func answer(_ answer: HTTPAnswer, closing: Bool) {
        expectRequest()
        unsent.append(
            HTTPMessageReader.bytes("HTTP/1.1 \(answer.status) Answer", answer.headers, Bytes(answer.body)))
        isEnding = isEnding || closing
        write()
    }
    private func write() {
        guard !isClosed else { return }
        do throws(TailraceError) { _ = try stream.write(&unsent) } catch { return close() }
        if unsent.isEmpty, isEnding { stream.finishWriting() }
    }
    func close() {
        guard !isClosed else { return }
        isClosed = true
        stopTimer()
        stream.close()
        server?.closed(self)
    }
}
