import TailraceCore

/// From a connection to a ``TLSStream``, or to the reason why not. After a refusal it stays for a moment, until the peer has
/// read why: a close with bytes unread would be a reset that takes the reason away.
final class TLSHandshake: ByteStreamHandler {
    typealias Done = (Result<any ByteStream, TailraceError>) -> Void
    /// After a refusal.
    static let lingering = Duration.seconds(1)
    static let lingeringBytes = 1 << 20

    private let pipe: CipherPipe
    private let engine: any TLSEngine
    private let loop: any EventLoop
    private let scratch: RecordScratch
    let name: String
    private var done: Done?
    private var timer: TimerID?
    private var left = lingeringBytes
    private var isOver = false
    /// Once, when it uses nothing any more.
    var ended: () -> Void = {}

    init(
        _ stream: any ByteStream, _ context: any TLSContext, host: String?, _ loop: any EventLoop, _ scratch: RecordScratch
    ) throws(TailraceError) {
        pipe = CipherPipe(stream)
        (self.loop, self.scratch) = (loop, scratch)
        name = stream.peer?.description ?? "the peer"
        engine = try context.makeEngine(pipe, host: host, peer: name, now: loop.wallTime)
        stream.handler = self
    }

    /// `done`: once, also within this call.
    func start(by deadline: Instant, limit: Duration, _ done: @escaping Done) {
        self.done = done
        timer = loop.schedule(at: deadline) { [self] in
            timer = nil
            fail(.tlsTimeout(name, limit, heard: !pipe.firstBytes.isEmpty), isTold: false)
        }
        step()
    }
    /// Not answered any more.
    func cancel() {
        done = nil
        end()
    }
    func refuse(_ error: TailraceError) { fail(error, isTold: false) }

    func streamIsReadable(_ stream: any ByteStream) {
        pipe.isReadBlocked = false
        done == nil ? linger() : step()
    }
    func streamIsWritable(_ stream: any ByteStream) {
        pipe.isWriteBlocked = false
        done == nil ? linger() : step()
    }

    private func step() {
        guard !isOver, done != nil else { return }
        do throws(TailraceError) {
            let isDone = try engine.handshake()
            _ = try pipe.flush()
            if isDone { succeed() }
        } catch {
            fail(error, isTold: true)
        }
    }
    private func succeed() {
        let answer = done
        done = nil
        isOver = true
        stopTimer()
        let stream = TLSStream(engine, pipe, scratch)
        ended()
        answer?(.success(stream))
    }
    private func fail(_ error: TailraceError, isTold: Bool) {
        guard !isOver else { return }
        let answer = done
        done = nil
        stopTimer()
        if isTold, pipe.failure == nil, !pipe.hasEnded {
            timer = loop.schedule(at: loop.now + Self.lingering) { [self] in
                timer = nil
                end()
            }
            linger()
        } else {
            end()
        }
        answer?(.failure(error))
    }

    /// Sends the reason, then reads and drops until the peer's end.
    private func linger() {
        guard !isOver else { return }
        do throws(TailraceError) {
            if try pipe.flush() { pipe.stream.finishWriting() }
        } catch { return end() }  // the peer is gone
        while true {
            switch pipe.take(into: scratch.space) {
            case .bytes(let count):
                left -= count
                if left < 0 { return end() }
            case .blocked: return
            case .ended, .failed: return end()
            }
        }
    }

    private func stopTimer() {
        if let timer { loop.cancel(timer) }
        timer = nil
    }
    private func end() {
        guard !isOver else { return }
        isOver = true
        stopTimer()
        pipe.stream.handler = nil
        pipe.stream.close()
        ended()
    }
}
