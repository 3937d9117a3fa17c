import TailraceCore
import TailraceHTTP
import TailraceIO
import Testing

/// A server on loopback whose handler is the test, and clients that speak raw bytes, all on one loop.
final class ServerBench: HTTPHandler {
    let loop: EpollLoop
    let environment: Environment
    let memory: BudgetedMemory
    private(set) var server: (any HTTPServer)!
    var heads: [HTTPRequestHead] = []
    var bodies: [String] = []
    var bodyBytes = 0
    var refusals: [(status: Int, reason: String)] = []
    var refuse: (HTTPRequestHead) -> HTTPAnswer? = { _ in nil }
    /// nil: answered later, by ``later``.
    var answer: HTTPAnswer? = HTTPAnswer(200)
    var later: [(HTTPAnswer) -> Void] = []

    init(memory bytes: Int = 64 << 20, _ change: (inout HTTPServerSettings) -> Void = { _ in }) throws {
        loop = try EpollLoop()
        memory = BudgetedMemory(bytes, loop)
        environment = Environment(
            component: "agent.sources.http", loop: loop, network: EpollNetwork(loop), files: LocalFileSystem(loop),
            processes: PosixProcesses(loop), broker: NoBroker(), log: StandardLog(), metrics: MetricsRegistry(),
            memory: memory, stateDirectory: "/nonexistent", random: SeededRandom(seed: 1))
        var settings = HTTPServerSettings(
            endpoint: .host("127.0.0.1", port: 0), maxConnections: 10, maxBodyBytes: 1 << 20, requestTime: .seconds(30))
        change(&settings)
        server = try RealHTTP(loop).serve(settings, environment, self)
    }
    deinit {
        server.close()
        loop.stop()
        loop.run()
    }

    func refusal(of head: HTTPRequestHead) -> HTTPAnswer? { refuse(head) }
    func handle(_ head: HTTPRequestHead, _ body: Bytes, _ answer: @escaping (HTTPAnswer) -> Void) {
        heads.append(head)
        bodies.append(body.count > 1_000 ? "\(body.count) bytes" : body.text)
        bodyBytes += body.count
        if let now = self.answer { answer(now) } else { later.append(answer) }
    }
    func refused(_ status: Int, _ reason: String) { refusals.append((status, reason)) }

    func client() -> RawClient { RawClient(self, server.endpoint) }

    /// Runs turns until `condition` holds; the limit is only there so that a failed test ends.
    func run(until condition: () -> Bool, sourceLocation: SourceLocation = #_sourceLocation) {
        loop.turn(waitingAtMost: .zero)
        let end = loop.now + .seconds(20)
        while !condition() {
            guard loop.now < end else {
                Issue.record("what the test waits for did not happen", sourceLocation: sourceLocation)
                return
            }
            loop.turn(waitingAtMost: .milliseconds(100))
        }
    }
}

final class RawClient: ByteStreamHandler {
    private(set) var received = ""
    private(set) var isEnded = false
    private var stream: (any ByteStream)?
    private var unsent = OutputQueue()
    private var attempt: (any Cancellable)?

    init(_ bench: ServerBench, _ endpoint: Endpoint) {
        attempt = bench.environment.network.connect(to: endpoint, deadline: bench.loop.now + .seconds(60)) {
            [weak self] result in
            guard let self else { return }
            guard case .success(let stream) = result else { return isEnded = true }
            self.stream = stream
            stream.handler = self
            write()
            streamIsReadable(stream)
        }
    }
    func send(_ text: String) { send(Array(text.utf8)) }
    func send(_ bytes: [UInt8]) {
        unsent.append(Bytes(copying: bytes))
        write()
    }
    func post(_ body: String, _ headers: String = "") {
        send("POST / HTTP/1.1\r\nHost: a\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }
    func close() { stream?.close() }
    var unsentBytes: Int { unsent.byteCount }
    /// Status codes of the answers so far.
    var statuses: [Int] {
        received.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: true).compactMap { Int($0.prefix(3)) }
    }

    private func write() {
        guard let stream else { return }
        do throws(TailraceError) { _ = try stream.write(&unsent) } catch { isEnded = true }
    }
    func streamIsWritable(_ stream: any ByteStream) { write() }
    func streamIsReadable(_ stream: any ByteStream) {
        var space = [UInt8](repeating: 0, count: 4096)
        do throws(TailraceError) {
            while true {
                let result = space.withUnsafeMutableBytes { buffer in
                    Result { () throws(TailraceError) in try stream.read(into: buffer) }
                }
                switch try result.get() {
                case .bytes(let count): received += String(decoding: space[..<count], as: UTF8.self)
                case .wouldBlock: return
                case .end:
                    isEnded = true
                    return
                }
            }
        } catch { isEnded = true }
    }
}

/// No test here has a Kafka.
private final class NoBroker: Broker {
    private let error = TailraceError(code: "test.broker", message: "there is no broker in these tests")
    func makeProducer(
        _ settings: [String: String], failed: @escaping (TailraceError) -> Void
    ) throws(TailraceError) -> any ProducerClient { throw error }
    func makeConsumer(
        _ settings: [String: String], _ owner: any ConsumerOwner
    ) throws(TailraceError) -> any ConsumerClient { throw error }
}
