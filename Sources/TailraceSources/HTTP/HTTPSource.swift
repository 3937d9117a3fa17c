package import TailraceCore

/// Flume's `http`: the events of a request are one submission, answered with 200 when they are safe in all required channels.
///
/// No answer, or a 503, means "send it again": at least once, if the client does. A request that has to wait for room waits for
/// the channel's keep-alive, in line with the others. One that is larger than a batch may be (``Limits``) goes in parts, one
/// behind the other; when a part fails the answer says how many events were stored before it.
package final class HTTPSource: DeclaredSource, HTTPHandler {
    /// Requests that wait for a slot of the output. More are told to come later, before their bodies are read.
    static let maxWaiting = 256

    package let name: String
    package private(set) var health = Health.starting
    private let configuration: HTTPSourceConfiguration
    private let output: SourceOutput
    private let environment: Environment
    private let reader: HTTPRequestReader
    private var server: (any HTTPServer)?
    private var waiting: [HTTPSubmission] = []
    private var isStopping = false
    private let requests: Counter, refusedRequests: Counter, unanswerable: Counter

    package init(
        _ configuration: HTTPSourceConfiguration, _ output: SourceOutput, _ environment: Environment
    ) throws(TailraceError) {
        (name, self.configuration, self.output) = (environment.component, configuration, output)
        self.environment = environment
        reader = HTTPRequestReader(configuration)
        requests = environment.counter("requests_total")
        refusedRequests = environment.counter("refused_requests_total")
        unanswerable = environment.counter("abandoned_connections_total")
        environment.gauge("connections") { [weak self] in self?.server?.connections ?? 0 }
        environment.gauge("waiting_requests") { [weak self] in self?.waiting.count ?? 0 }
    }

    /// Where it really listens, once started.
    package var endpoint: Endpoint? { server?.endpoint }

    // MARK: Component

    package func start(_ done: @escaping Completion) {
        let result: Result<Void, TailraceError>
        do throws(TailraceError) {
            let settings = HTTPServerSettings(
                endpoint: .host(configuration.bind, port: UInt16(configuration.port)),
                maxConnections: configuration.maxConnections, maxBodyBytes: configuration.bodyLimit,
                requestTime: .milliseconds(configuration.requestTimeout), tls: try tls())
            server = try environment.http.serve(settings, environment, self)
            environment.log(.info, "listens at \(server!.endpoint)\(configuration.isSecure ? " (TLS)" : "")")
            (health, result) = (.ok, .success(()))
        } catch {
            (health, result) = (.failed(error), .failure(error.named(name)))
        }
        environment.loop.enqueue { done(result) }
    }

    private func tls() throws(TailraceError) -> HTTPServerTLS? {
        guard configuration.isSecure else { return nil }
        return HTTPServerTLS(
            certificateChain: try pem(configuration.certificate), privateKey: try pem(configuration.privateKey))
    }
    private func pem(_ path: String) throws(TailraceError) -> String {
        let file = try environment.files.open(path)
        defer { file.close() }
        let size = try file.information().size
        guard size <= 1 << 20 else {
            throw TailraceError(
                code: "http.tls", message: "\(path) has \(size) bytes: that is no PEM file", fix: "name a PEM file")
        }
        var content = BufferBuilder(capacity: Int(size) + 1)
        while content.spare.count > 0 {
            let count = try file.read(at: Int64(content.count), into: content.spare)
            guard count > 0 else { break }
            content.filled(count)
        }
        return content.finish().text
    }

    /// Accepts no more connections; answers what its output still has.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        isStopping = true
        server?.stopAccepting()
        for submission in waiting { submission.fail(.stopped) }
        waiting = []
        environment.loop.enqueue(done)
    }

    package func outputHasRoom() { pump() }

    // MARK: HTTPHandler

    package func refusal(of head: HTTPRequestHead) -> HTTPAnswer? {
        requests.add(1)
        guard !isStopping else { return refuse(.http(503, "this source is stopping")) }
        guard head.method == "POST" || head.method == "GET" else {
            return refuse(.http(405, "\(head.method) is not taken; POST the events"), [Header("Allow", "POST, GET")])
        }
        guard waiting.count < Self.maxWaiting else {
            return refuse(.http(429, "\(waiting.count) requests wait already"), [retryAfter])
        }
        do throws(TailraceError) { try reader.check(head) } catch { return refuse(error) }
        return nil
    }

    package func handle(_ head: HTTPRequestHead, _ body: Bytes, _ answer: @escaping (HTTPAnswer) -> Void) {
        guard !isStopping else { return answer(refuse(.http(503, "this source is stopping"), [retryAfter])) }
        do throws(TailraceError) {
            let batch = try reader.read(head, body)
            guard batch.count > 0 else { return answer(HTTPAnswer(200)) }
            let now = environment.loop.now
            waiting.append(
                HTTPSubmission(batch, giveUpAt: now + output.keepAlive, environment.loop) { [weak self] error, stored in
                    guard let self else { return }
                    answer(error.map { self.failure($0, stored, of: batch.count) } ?? HTTPAnswer(200))
                })
            pump()
        } catch { answer(refuse(error)) }
    }

    package func refused(_ status: Int, _ reason: String) {
        (status == 0 ? unanswerable : refusedRequests).add(1)
        environment.log(.debug, "\(status == 0 ? "a connection was closed" : "\(status)"): \(reason)")
    }

    // MARK: Answers

    private var retryAfter: Header { Header("Retry-After", "\(configuration.retryAfter)") }

    private func refuse(_ error: TailraceError, _ headers: [Header] = []) -> HTTPAnswer {
        refused(error.httpStatus, error.message)
        return HTTPAnswer(
            error.httpStatus, headers: headers, body: error.message + (error.fix.map { "; \($0)" } ?? "") + "\n")
    }
    private func failure(_ error: TailraceError, _ stored: Int, of count: Int) -> HTTPAnswer {
        let part = stored == 0 ? "" : " (\(stored) of its \(count) events were stored and will come twice)"
        refused(503, error.message)
        return HTTPAnswer(503, headers: [retryAfter], body: "not stored\(part): \(error.message); send it again\n")
    }

    // MARK: Submitting

    /// In the order of the requests; one part of a request at a time, so that no request takes all slots.
    private func pump() {
        waiting.removeAll { $0.isOver }
        for submission in waiting {
            guard output.openSlots > 0 else { return }
            submission.submitNext(to: output) { [weak self] in self?.pump() }
        }
        waiting.removeAll { $0.isOver }
    }
}

/// The events of one request on their way into the channels.
private final class HTTPSubmission {
    private let batch: EventBatch
    private let giveUpAt: Instant
    private let loop: any EventLoop
    private let done: (_ error: TailraceError?, _ stored: Int) -> Void
    private var next = 0
    private var stored = 0
    private var isUnderWay = false
    private var timer: TimerID?
    /// All of it was submitted, or it has failed: it waits for no slot any more.
    private(set) var isOver = false
    private var isAnswered = false

    init(
        _ batch: EventBatch, giveUpAt: Instant, _ loop: any EventLoop,
        _ done: @escaping (_ error: TailraceError?, _ stored: Int) -> Void
    ) {
        (self.batch, self.giveUpAt, self.loop, self.done) = (batch, giveUpAt, loop, done)
        timer = loop.schedule(at: giveUpAt) { [weak self] in
            guard let self, !isUnderWay else { return }
            fail(.http(503, "no room in the channel within its keep-alive"))
        }
    }

    /// `partDone`: there may be another part to submit.
    func submitNext(to output: SourceOutput, _ partDone: @escaping () -> Void) {
        guard !isUnderWay, !isOver else { return }
        isUnderWay = true
        let limit = BatchSize(events: Limits.batchEvents, bytes: Limits.batchBytes)
        let range = batch.prefix(from: next, fitting: limit)
        next = range.upperBound
        isOver = next == batch.count
        output.submit(batch.part(range), giveUpAt: max(giveUpAt, loop.now)) { [self] result in
            isUnderWay = false
            switch result {
            case .failure(let error): fail(error)
            case .success:
                stored += range.count
                if stored == batch.count { return answer(nil) }
                if loop.now >= giveUpAt { fail(.http(503, "no room in the channel within its keep-alive")) }
            }
            partDone()
        }
    }

    func fail(_ error: TailraceError) { answer(error) }
    private func answer(_ error: TailraceError?) {
        guard !isAnswered else { return }
        (isAnswered, isOver) = (true, true)
        if let timer { loop.cancel(timer) }
        done(error, stored)
    }
}
