package import TailraceCore

/// Asks one question at a Unix socket, on the loop. `done`: once, by `deadline` at the latest, in a later turn.
package final class DocumentRequest: ByteStreamHandler {
    private let path: String
    private let loop: any EventLoop
    private let limit: Int
    private var attempt: (any Cancellable)?
    private var stream: (any ByteStream)?
    private var unsent = OutputQueue()
    private var answer: [UInt8] = []
    private var timer: TimerID?
    private var done: ((Result<[UInt8], TailraceError>) -> Void)?

    /// Lives until it is done. `limit`: of the answer, in bytes.
    package init(
        _ request: String, at path: String, _ loop: any EventLoop, _ network: any Network, by deadline: Instant, limit: Int,
        _ done: @escaping (Result<[UInt8], TailraceError>) -> Void
    ) {
        (self.path, self.loop, self.limit, self.done) = (path, loop, limit, done)
        unsent.append(Bytes(request))
        timer = loop.schedule(at: deadline) { [self] in
            finish(.failure(TailraceError(code: "topology.no-answer", message: "no answer at \(path)")))
        }
        attempt = network.connect(to: .path(path), deadline: deadline) { [self] result in
            attempt = nil
            switch result {
            case .failure(let error): finish(.failure(error))
            case .success(let stream): connected(stream)
            }
        }
    }

    private func connected(_ stream: any ByteStream) {
        guard done != nil else { return stream.close() }
        self.stream = stream
        stream.handler = self
        streamIsWritable(stream)
        if done != nil { streamIsReadable(stream) }
    }

    package func streamIsWritable(_ stream: any ByteStream) {
        do throws(TailraceError) { _ = try stream.write(&unsent) } catch { finish(.failure(error)) }
    }
    package func streamIsReadable(_ stream: any ByteStream) {
        do throws(TailraceError) {
            while done != nil {
                switch try stream.append(to: &answer) {
                case .wouldBlock: return
                case .end: return finish(.success(answer))
                case .bytes:
                    guard answer.count <= limit else {
                        let error = TailraceError(code: "topology.answer", message: "more than \(limit) bytes at \(path)")
                        return finish(.failure(error))
                    }
                }
            }
        } catch { finish(.failure(error)) }
    }

    private func finish(_ result: Result<[UInt8], TailraceError>) {
        guard let done else { return }
        self.done = nil
        if let timer { loop.cancel(timer) }
        timer = nil
        attempt?.cancel()
        attempt = nil
        stream?.close()
        stream = nil
        loop.enqueue { done(result) }
    }
}
