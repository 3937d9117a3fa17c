package import TailraceCore

package struct NetcatSourceConfiguration: ComponentConfiguration {
    package var bind = ""
    package var port = 0
    package var maxLineLength = 512
    package var acknowledgesEveryEvent = true
    package var maxConnections = 1_000
    package init() {}
}

/// Flume's `netcat`: each line of a TCP connection is an event, answered with `OK` when it is safe, or `FAILED: …`.
///
/// Bytes are taken as they are (Flume closes a connection with bytes that are not UTF-8, and loses what came before in the
/// same packet), and a last line without line end counts when the peer ends its side (Flume loses it).
package final class NetcatSource: DeclaredSource {
    package static let declaration = Declaration<NetcatSourceConfiguration>(
        type: "netcat", classNames: ["org.apache.flume.source.NetcatSource"],
        summary: "Each line that arrives on a TCP port is an event.",
        keys: [
            .value("bind", \.bind, .notEmpty, isRequired: true, "Address to listen at; 0.0.0.0 for all."),
            .value("port", \.port, .within(0...65_535), unit: "port", isRequired: true, "Port to listen at; 0: any."),
            .value(
                "max-line-length", \.maxLineLength, .within(1...(16 << 20)), unit: "characters",
                "Longest line, line end included; a longer one is answered FAILED and the connection closed."),
            .value("ack-every-event", \.acknowledgesEveryEvent, .anything, "Answer OK for each event, once it is safe."),
            .value(
                "maxConnections", \.maxConnections, .within(1...100_000), unit: "connections",
                "More than these are closed at once."),
            Charsets.key("encoding", initial: "utf-8", fix: "send UTF-8"),
        ])

    package let name: String
    package private(set) var health = Health.starting
    let configuration: NetcatSourceConfiguration
    let output: SourceOutput
    let environment: Environment
    private var listener: (any Listener)?
    /// In the order in which they came, so that all get their turn after a full channel.
    private var connections: [NetcatConnection] = []
    private var isStopping = false
    private let refused: Counter

    package init(
        _ configuration: NetcatSourceConfiguration, _ output: SourceOutput, _ environment: Environment
    ) throws(TailraceError) {
        (name, self.configuration, self.output) = (environment.component, configuration, output)
        self.environment = environment
        refused = environment.counter("refused_connections_total")
        environment.gauge("connections") { [weak self] in self?.connections.count ?? 0 }
    }

    /// Where it really listens, once started.
    package var endpoint: Endpoint? { listener?.endpoint }

    package func start(_ done: @escaping Completion) {
        let result: Result<Void, TailraceError>
        do throws(TailraceError) {
            let endpoint = Endpoint.host(configuration.bind, port: UInt16(configuration.port))
            listener = try environment.network.listen(at: endpoint) { [weak self] in self?.accepted($0) }
            environment.log(.info, "listens at \(listener!.endpoint)")
            (health, result) = (.ok, .success(()))
        } catch {
            (health, result) = (.failed(error), .failure(error.named(name)))
        }
        environment.loop.enqueue { done(result) }
    }

    /// Reads no more; answers what its output still has.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        isStopping = true
        listener?.close()
        for connection in connections { connection.stopReading() }
        environment.loop.enqueue(done)
    }
    package func outputHasRoom() {
        // The one that was served first goes to the end of the line.
        let all = connections
        if let first = all.first, all.count > 1 {
            connections.removeFirst()
            connections.append(first)
        }
        for connection in all { connection.read() }
    }

    private func accepted(_ stream: any ByteStream) {
        guard connections.count < configuration.maxConnections, !isStopping else {
            refused.add(1)
            stream.close()
            return
        }
        let connection = NetcatConnection(stream, self)
        connections.append(connection)
        connection.read()
    }
    func closed(_ connection: NetcatConnection) { connections.removeAll { $0 === connection } }
}

/// One connection of a ``NetcatSource``.
final class NetcatConnection: ByteStreamHandler {
    /// Answers that the peer has not read; beyond it nothing more is read from it.
    private static let maxUnsentBytes = 64 << 10
    private static let readBytes = 64 << 10

    private let stream: any ByteStream
    private unowned let source: NetcatSource
    private var lines: LineAssembler
    private var unsent = OutputQueue()
    private var open = 0
    private var isReading = true
    /// Closes when everything is answered and sent.
    private var isEnding = false
    private var isClosed = false
    private var waitsForWrite = false

    init(_ stream: any ByteStream, _ source: NetcatSource) {
        (self.stream, self.source) = (stream, source)
        // In bytes: a character has at most 4.
        lines = LineAssembler(maxBytes: source.configuration.maxLineLength * 4)
        stream.handler = self
    }

    func streamIsReadable(_ stream: any ByteStream) { read() }
    func streamIsWritable(_ stream: any ByteStream) {
        waitsForWrite = false
        write()
    }
    func stopReading() { isReading = false }

    func read() {
        guard isReading, !isClosed, unsent.byteCount < Self.maxUnsentBytes, source.output.openSlots > 0 else { return }
        let result = withUnsafeTemporaryAllocation(byteCount: Self.readBytes, alignment: 16) { space in
            Result { () throws(TailraceError) in
                let read = try stream.read(into: space)
                if case .bytes(let count) = read { received(UnsafeRawBufferPointer(rebasing: space[..<count])) }
                return read
            }
        }
        switch result {
        case .success(.bytes): source.environment.loop.enqueue { [weak self] in self?.read() }
        case .success(.wouldBlock): break
        case .success(.end): ended()
        case .failure: close()  // the peer is gone; what it sent goes on
        }
    }

    private func received(_ bytes: UnsafeRawBufferPointer) {
        var builder = EventBatchBuilder(capacity: bytes.count), isTooLong = false
        lines.feed(bytes) { line, overflow in
            let characters = line.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
            isTooLong = overflow || characters >= source.configuration.maxLineLength
            if !isTooLong { builder.append(line) }
            return !isTooLong
        }
        submit(builder.finish())
        guard isTooLong else { return }
        source.environment.log(.warning, "a line of more than \(source.configuration.maxLineLength) characters was refused")
        // Behind the answers of the lines before it.
        isReading = false
        answer(
            after: "FAILED: Event exceeds the maximum length (\(source.configuration.maxLineLength) chars, including newline)\n"
        )
    }
    private func ended() {
        isReading = false
        var builder = EventBatchBuilder()
        lines.finish { line, _ in
            builder.append(line)
            return true
        }
        submit(builder.finish())
        endWhenIdle()
    }

    private func submit(_ batch: EventBatch) {
        guard batch.count > 0 else { return }
        open += 1
        let count = batch.count, loop = source.environment.loop
        source.output.submit(batch, giveUpAt: loop.now + source.output.keepAlive) { [weak self] result in
            guard let self else { return }
            open -= 1
            if source.configuration.acknowledgesEveryEvent {
                switch result {
                case .success: send(String(repeating: "OK\n", count: count))
                case .failure(let error): send(String(repeating: "FAILED: \(error.message)\n", count: count))
                }
            }
            finishLast()
        }
    }

    private var last: String?
    private func answer(after text: String) {
        last = text
        finishLast()
    }
    private func finishLast() {
        if open == 0, let text = last {
            last = nil
            send(text)
            isEnding = true
        }
        if isEnding { endWhenIdle() }
        write()
    }
    private func endWhenIdle() {
        isEnding = true
        if open == 0, last == nil, unsent.isEmpty { close() }
    }

    private func send(_ text: String) {
        guard !isClosed else { return }
        unsent.append(Bytes(text))
    }
    private func write() {
        guard !isClosed, !waitsForWrite else { return }
        do throws(TailraceError) {
            waitsForWrite = try stream.write(&unsent) == .wouldBlock
        } catch { return close() }
        if isEnding { endWhenIdle() }
        if isReading, unsent.byteCount < Self.maxUnsentBytes { source.environment.loop.enqueue { [weak self] in self?.read() } }
    }

    private func close() {
        guard !isClosed else { return }
        isClosed = true
        isReading = false
        stream.close()
        source.closed(self)
    }
}
