import TailraceCore

/// A connection for each request.
final class SimulatedHTTPClient: HTTPClient {
    private let settings: HTTPClientSettings
    private let environment: Environment
    private var open: [SimulatedHTTPCall] = []

    init(_ settings: HTTPClientSettings, _ environment: Environment) {
        (self.settings, self.environment) = (settings, environment)
    }

    func post(
        _ url: String, headers: [Header], body: Bytes, _ done: @escaping (Result<HTTPAnswer, TailraceError>) -> Void
    ) {
        guard open.count < settings.maxConnections else {
            return environment.loop.enqueue {
                done(.failure(TailraceError(code: "http.failed", message: "all connections are busy")))
            }
        }
        let call = SimulatedHTTPCall(environment, done)
        open.append(call)
        call.over = { [weak self, weak call] in self?.open.removeAll { $0 === call } }
        call.start(url, headers, body, settings)
    }
    func close() { for call in open { call.end(.failure(.stopped)) } }
}

private final class SimulatedHTTPCall: ByteStreamHandler {
    private let environment: Environment
    private let done: (Result<HTTPAnswer, TailraceError>) -> Void
    private var stream: (any ByteStream)?
    private var attempt: (any Cancellable)?
    private var timer: TimerID?
    private var unsent = OutputQueue()
    private var reader = HTTPMessageReader()
    private var isOver = false
    var over: () -> Void = {}

    init(_ environment: Environment, _ done: @escaping (Result<HTTPAnswer, TailraceError>) -> Void) {
        (self.environment, self.done) = (environment, done)
    }

    func start(_ url: String, _ headers: [Header], _ body: Bytes, _ settings: HTTPClientSettings) {
        let rest = url.hasPrefix("http://") ? url.dropFirst("http://".count) : url[...]
        let address = rest.prefix { $0 != "/" }, path = rest.dropFirst(address.count)
        let parts = address.split(separator: ":")
        let endpoint = Endpoint.host(String(parts.first ?? ""), port: parts.count > 1 ? UInt16(parts[1]) ?? 80 : 80)
        unsent.append(
            HTTPMessageReader.bytes(
                "POST \(path.isEmpty ? "/" : path) HTTP/1.1", [Header("Host", String(address))] + headers, body))
        let now = environment.loop.now
        timer = environment.loop.schedule(at: now + settings.requestTime) { [weak self] in
            self?.end(.failure(TailraceError(code: "http.timeout", message: "no answer in \(settings.requestTime.text)")))
        }
        attempt = environment.network.connect(to: endpoint, deadline: now + settings.connectTime) { [weak self] result in
            guard let self, !isOver else { return }
            switch result {
            case .failure(let error): end(.failure(TailraceError(code: "http.connect", message: error.message)))
            case .success(let stream):
                self.stream = stream
                stream.handler = self
                write()
                read()
            }
        }
    }
    func streamIsWritable(_ stream: any ByteStream) { write() }
    func streamIsReadable(_ stream: any ByteStream) { read() }
    private func write() {
        guard let stream, !isOver else { return }
        do throws(TailraceError) { _ = try stream.write(&unsent) } catch { failed(error.message) }
    }
    private func read() {
        guard let stream, !isOver else { return }
        do throws(TailraceError) {
            switch try reader.read(from: stream) {
            case .wouldBlock: return
            case .end, .malformed: failed("the connection ended without an answer")
            case .message(let start, let headers, let body):
                let words = start.split(separator: " ")
                guard words.count >= 2, let status = Int(words[1]) else { return failed("\"\(start)\" is no answer") }
                end(.success(HTTPAnswer(status, headers: headers, body: body.text)))
            }
        } catch { failed(error.message) }
    }
    private func failed(_ reason: String) { end(.failure(TailraceError(code: "http.failed", message: reason))) }

    /// In a later turn, as promised, also where the network says it at once.
    func end(_ result: Result<HTTPAnswer, TailraceError>) {
        guard !isOver else { return }
        isOver = true
        if let timer { environment.loop.cancel(timer) }
        attempt?.cancel()
        stream?.close()
        environment.loop.enqueue { [done] in done(result) }
        over()
    }
}
