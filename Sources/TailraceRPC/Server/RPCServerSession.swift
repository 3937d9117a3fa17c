import TailraceCore
import TailraceWire

/// One connection of an ``RPCSource``: reads frames, hands batches on, writes answers. Confined to the loop. Idle it holds
/// the decoder's landing and little else; a frame's memory comes from the budget and goes with the batch.
final class RPCServerSession: ByteStreamHandler {
    /// A batch that waits for an open slot of the source's output.
    struct Waiting {
        var call: UInt64
        var batch: EventBatch
        var since: Instant
    }
    /// Answers that the client does not read: beyond that nothing more is read from it.
    private static let largestOutput = 64 << 10
    /// Bytes and frames in one turn; then others have theirs.
    private static let bytesPerTurn = 1 << 20

    let stream: any ByteStream
    private(set) var machine: RPCServerConnection
    /// Its place in ``RPCSource/sessions``.
    var index = 0
    private(set) var waiting: Waiting?
    private(set) var isClosed = false
    private unowned let source: RPCSource
    private var decoder: FrameDecoder
    private var output = OutputQueue()
    /// Reserved for the frame that is being read.
    private var reserved = 0
    private var isWaitingForMemory = false
    /// Bytes came that the machine does not know of yet.
    private var heardAt: Instant?
    private var isReadBlocked = false
    private var isWriteBlocked = false
    private var isFlushQueued = false
    private var isTurnQueued = false
    private var hasFinishedWriting = false
    private var idleTicks = 0
    /// Set while closing: by then the peer has read what it will.
    private var closeBy: Instant?

    init(_ stream: any ByteStream, _ source: RPCSource) {
        (self.stream, self.source) = (stream, source)
        machine = RPCServerConnection(now: source.environment.loop.now, source.configuration.timeouts)
        decoder = FrameDecoder(FrameLimits(frameBytes: source.configuration.maxFrameSizeBytes))
        stream.handler = self
    }

    /// For people.
    var peerName: String {
        let address = stream.peer?.description ?? "a local peer"
        return machine.agent.isEmpty ? address : "\(machine.agent) at \(address)"
    }

    func streamIsReadable(_ stream: any ByteStream) {
        isReadBlocked = false
        pump()
    }
    func streamIsWritable(_ stream: any ByteStream) {
        isWriteBlocked = false
        flush()
        pump()
    }

    // MARK: reading

    /// One batch at most waits here; then the rest stays in the kernel, and so with the peer.
    private var mayRead: Bool {
        !isClosed && waiting == nil && !isWaitingForMemory && output.byteCount < Self.largestOutput
            && machine.unanswered < source.configuration.windowBatches
    }

    /// Reads what there is, up to a turn's share.
    func pump() {
        if closeBy != nil { return discard() }
        do throws(TailraceError) {
            var rest = Self.bytesPerTurn
            while mayRead, closeBy == nil {
                guard rest > 0 else { return queueTurn() }
                switch try decoder.next() {
                case .needsBytes:
                    if let now = heardAt.take() {
                        machine.heard(partOfFrame: decoder.isWithinFrame, bytes: decoder.expectedBytes, now: now)
                    }
                    guard !isReadBlocked, let count = try read() else { return }
                    rest -= count
                case .needsMemory(let header): try reserve(header)
                case .frame(let header):
                    rest -= FrameHeader.byteCount
                    try received(header)
                }
            }
        } catch {
            refuse(error)
        }
    }

    private func read() throws(TailraceError) -> Int? {
        let result: ReadResult
        do throws(TailraceError) { result = try stream.read(into: decoder.space()) } catch {
            close(error)
            return nil
        }
        switch result {
        case .bytes(let count):
            decoder.filled(count)
            heardAt = source.environment.loop.now
            return count
        case .wouldBlock: isReadBlocked = true
        case .end: close(decoder.end())
        }
        return nil
    }

    private func reserve(_ header: FrameHeader) throws(TailraceError) {
        if machine.phase == .greeting { throw .rpcUnexpected(.appendBatch, "before its Hello") }
        let cost = header.memoryCost
        if source.environment.memory.reserve(cost, { [weak self] in self?.memoryIsFree() }) {
            reserved = cost
            machine.frameResumed(now: source.environment.loop.now)
            decoder.memoryGranted()
        } else {
            isWaitingForMemory = true
        }
    }
    private func memoryIsFree() {
        isWaitingForMemory = false
        pump()
    }

    private func received(_ header: FrameHeader) throws(TailraceError) {
        let payload = decoder.takePayload(), cost = reserved
        reserved = 0
        machine.heard(partOfFrame: decoder.isWithinFrame, bytes: decoder.expectedBytes, now: source.environment.loop.now)
        guard let kind = MessageKind(rawValue: header.kind) else { preconditionFailure("unknown kinds are skipped") }
        let release = cost == 0 ? nil : source.release(cost)
        let isKept = kind == .appendBatch && header.compression == .none
        let buffer = payload.finishBuffer(released: isKept ? release : nil)
        if kind == .appendBatch {
            took(try FrameContent.batch(header, buffer, source.arena, source.compressor, released: isKept ? nil : release))
        } else {
            release?(0)
            let envelope = Bytes(buffer, 0..<header.envelopeLength)
            guard let message = try ControlMessage(kind, envelope, source.arena) else { return }
            perform(machine.received(message) { source.reply(to: $0) })
        }
    }

    private func took(_ received: ReceivedBatch) {
        let action = machine.receivedBatch(call: received.call)
        guard case .take = action else { return perform(action) }
        switch received.batch {
        case .failure(let error):
            source.rejected(error, self)
            answer(received.call, .rejected(code: error.code, reason: error.message))
        case .success(let batch):
            source.received.add(1)
            source.receivedBytes.add(batch.size.bytes)
            if let error = source.refusal(of: batch, from: self) {
                // Not REJECTED: whoever it belongs to loses nothing while it is found out why.
                let status = BatchReply.Status.failed(code: error.code, reason: error.message, retryAfter: .seconds(5))
                return answer(received.call, status)
            }
            waiting = Waiting(call: received.call, batch: batch, since: source.environment.loop.now)
            source.offer(self)
        }
    }

    /// The source takes it on.
    func takeWaiting() -> Waiting? {
        defer { waiting = nil }
        return waiting
    }

    // MARK: answering

    func answer(_ call: UInt64, _ status: BatchReply.Status) {
        machine.answered()
        send(.batchReply(BatchReply(call: call, status: status, window: source.grantedWindow)))
        queueTurn()
    }

    func goAway(_ reason: String) { perform(machine.goAway(reason)) }

    func tick(_ now: Instant) {
        if let closeBy {
            if closeBy <= now { close(nil) }
            return
        }
        if machine.phase == .draining, machine.unanswered == 0, output.isEmpty {
            // The client closes when it has read the GoAway and its last answer; this is for one that does not.
            idleTicks += 1
            if idleTicks > 2 { return close(nil) }
        }
        let isWaiting = isWaitingForMemory || waiting != nil || !mayRead
        perform(machine.tick(now: now, isWaiting: isWaiting))
    }

    private func perform(_ action: RPCServerConnection.Action) {
        switch action {
        case .none, .take: break
        case .send(let message): send(message)
        case .refuse(let error): told(error)
        case .close(let error): close(error)
        }
    }

    private func send(_ message: ControlMessage) {
        guard !isClosed, closeBy == nil else { return }
        output.append(message.frame(source.arena))
        guard !isFlushQueued else { return }
        // Once a turn: answers that come together are one write.
        isFlushQueued = true
        source.environment.loop.enqueue { [weak self] in
            self?.isFlushQueued = false
            self?.flush()
        }
    }

    private func flush() {
        guard !isClosed, !isWriteBlocked, !hasFinishedWriting else { return }
        do throws(TailraceError) {
            if !output.isEmpty, case .wouldBlock = try stream.write(&output) { isWriteBlocked = true }
        } catch {
            return close(error)
        }
        if closeBy != nil, output.isEmpty {
            hasFinishedWriting = true
            stream.finishWriting()
            discard()
        }
    }

    private func queueTurn() {
        guard !isTurnQueued, !isClosed else { return }
        isTurnQueued = true
        source.environment.loop.enqueue { [weak self] in
            self?.isTurnQueued = false
            self?.pump()
        }
    }

    // MARK: ending

    /// Refuses the peer, if its protocol can carry that.
    func refuse(_ error: TailraceError) {
        let action = machine.refuse(error)
        if case .refuse = action, error.code.hasPrefix("rpc.peer-is") { return close(error) }
        perform(action)
    }

    /// Says why, then waits a little for the peer's end: a close with unread bytes would be a reset, and the peer might never
    /// read the reason.
    private func told(_ error: TailraceError) {
        guard !isClosed, closeBy == nil else { return }
        source.refused(error, self)
        send(.refused(Refused(error)))
        closeBy = source.environment.loop.now + .seconds(2)
        giveBack()
    }

    /// While closing: what still comes is read and dropped.
    private func discard() {
        guard hasFinishedWriting else { return }
        do throws(TailraceError) {
            for _ in 0..<16 {
                guard !isClosed, !isReadBlocked else { return }
                switch try stream.read(into: source.scratch) {
                case .bytes: continue
                case .wouldBlock: isReadBlocked = true
                case .end: return close(nil)
                }
            }
            queueTurn()
        } catch {
            close(nil)
        }
    }

    private func giveBack() {
        waiting = nil
        if reserved > 0 { source.environment.memory.giveBack(reserved) }
        reserved = 0
    }

    /// `error`: for the log, if it is worth a line.
    func close(_ error: TailraceError?) {
        guard !isClosed else { return }
        isClosed = true
        machine.close()
        giveBack()
        stream.handler = nil
        stream.close()
        source.closed(self, error)
    }
}
