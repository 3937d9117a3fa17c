package import TailraceCore

/// A secured connection over another stream, once the handshake is done.
///
/// Reading decrypts into the caller's space and keeps at most one record. Writing encrypts what the stream below takes, and
/// takes bytes from the caller's queue when their ciphertext has gone: so at most ``encryptAhead`` bytes are kept twice, and
/// who closes with an empty queue has lost nothing.
package final class TLSStream: ByteStream {
    /// Most that one record holds.
    package static let recordBytes = 16 << 10
    /// Encrypted at once, for one write of the stream below.
    static let encryptAhead = 64 << 10

    package weak var handler: (any ByteStreamHandler)?
    package var peer: Endpoint? { pipe.stream.peer }
    package let identity: PeerIdentity?

    private let engine: any TLSEngine
    private let pipe: CipherPipe
    private let scratch: RecordScratch
    /// Bytes in front of the caller's queue whose ciphertext is in the pipe.
    private var encrypted = 0
    private var hasEnded = false
    /// Nothing more can be read, or written.
    private var failure: TailraceError?
    private var writeFailure: TailraceError?
    /// A `wouldBlock` is not yet answered.
    private var wantsRead = false
    private var wantsWrite = false
    private var isFinishing = false
    private var hasFinished = false
    private var isClosed = false

    init(_ engine: any TLSEngine, _ pipe: CipherPipe, _ scratch: RecordScratch) {
        (self.engine, self.pipe, self.scratch) = (engine, pipe, scratch)
        identity = engine.identity
        pipe.stream.handler = self
    }
    deinit { close() }

    private var name: String { peer?.description ?? "the peer" }
    private var closedError: TailraceError {
        TailraceError(code: "network.closed", message: "\(name): used after it was closed")
    }

    package func read(into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> ReadResult {
        precondition(!space.isEmpty, "a read needs space")
        guard !isClosed else { throw closedError }
        var count = 0
        while count < space.count, failure == nil, !hasEnded {
            // What the engine answers to (a change of keys) must not pile up for a peer that does not read.
            if pipe.unsentBytes > Self.encryptAhead, !flushQuietly() { break }
            do throws(TailraceError) {
                let result = try engine.read(into: UnsafeMutableRawBufferPointer(rebasing: space[count...]))
                if case .bytes(let more) = result {
                    count += more
                    continue
                }
                hasEnded = result == .end
            } catch { failure = error }
            break
        }
        flushQuietly()
        if count > 0 { return .bytes(count) }
        if let failure { throw failure }
        if hasEnded { return .end }
        wantsRead = true
        return .wouldBlock
    }

    package func write(_ queue: inout OutputQueue) throws(TailraceError) -> WriteResult {
        guard !isClosed, !isFinishing else { throw closedError }
        while true {
            if let error = failure ?? writeFailure { throw error }
            guard try pipe.flush() else {
                if queue.isEmpty { return .everything }  // the engine's own bytes; they go as soon as they can
                wantsWrite = true
                return .wouldBlock
            }
            precondition(encrypted <= queue.byteCount, "a queue that lost bytes which were encrypted already")
            queue.remove(encrypted)
            encrypted = 0
            guard !queue.isEmpty else { return .everything }
            do throws(TailraceError) {
                try encrypt(queue)
            } catch {
                failure = error
                throw error
            }
        }
    }

    /// Small pieces share a record.
    private func encrypt(_ queue: OutputQueue) throws(TailraceError) {
        var gathered = 0
        func send(_ bytes: UnsafeRawBufferPointer) throws(TailraceError) {
            try engine.write(bytes)
            encrypted += bytes.count
        }
        for piece in queue.front(64) where encrypted + gathered < Self.encryptAhead {
            try piece.withUnsafeBytes { bytes throws(TailraceError) in
                var rest = bytes
                while !rest.isEmpty, encrypted + gathered < Self.encryptAhead {
                    if gathered == 0, rest.count >= Self.recordBytes {
                        try send(UnsafeRawBufferPointer(rebasing: rest[..<Self.recordBytes]))
                        rest = UnsafeRawBufferPointer(rebasing: rest[Self.recordBytes...])
                        continue
                    }
                    let count = min(rest.count, Self.recordBytes - gathered)
                    scratch.space.baseAddress!.advanced(by: gathered).copyMemory(from: rest.baseAddress!, byteCount: count)
                    gathered += count
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                    if gathered == Self.recordBytes {
                        try send(UnsafeRawBufferPointer(scratch.space))
                        gathered = 0
                    }
                }
            }
        }
        if gathered > 0 { try send(UnsafeRawBufferPointer(rebasing: scratch.space[..<gathered])) }
    }

    package func finishWriting() {
        guard !isClosed, !isFinishing else { return }
        isFinishing = true
        (wantsWrite, encrypted) = (false, 0)
        if failure == nil { engine.finish() }
        flushQuietly()
    }

    /// Closing in order tells the peer so, unless bytes of it are left unread: then it must see that they are lost.
    package func close() {
        guard !isClosed else { return }
        if failure == nil, !isFinishing, hasEnded || !hasUnread {
            engine.finish()
            flushQuietly()
        }
        isClosed = true
        (wantsRead, wantsWrite) = (false, false)
        pipe.stream.handler = nil
        pipe.stream.close()
    }
    private var hasUnread: Bool {
        withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { space in
            do throws(TailraceError) {
                if case .bytes = try engine.read(into: space) { return true }
                return false
            } catch {
                failure = error  // the connection is broken: there is nobody to tell
                return true
            }
        }
    }

    /// True: nothing waits. A failure of the stream is remembered, and thrown by who calls next.
    @discardableResult private func flushQuietly() -> Bool {
        do throws(TailraceError) {
            guard try pipe.flush() else { return false }
            if isFinishing, !hasFinished {
                hasFinished = true
                pipe.stream.finishWriting()
            }
            return true
        } catch {
            // What the peer said before is still to be read.
            pipe.dropOutput()
            writeFailure = error
            return true
        }
    }
}

extension TLSStream: ByteStreamHandler {
    package func streamIsReadable(_ stream: any ByteStream) {
        pipe.isReadBlocked = false
        guard wantsRead else { return }
        wantsRead = false
        handler?.streamIsReadable(self)
    }
    package func streamIsWritable(_ stream: any ByteStream) {
        pipe.isWriteBlocked = false
        let wasRead = wantsRead
        guard flushQuietly() else { return }
        if wantsWrite {
            wantsWrite = false
            handler?.streamIsWritable(self)
        }
        // Reading may have waited for this; if not, it says `wouldBlock` again.
        if wasRead, wantsRead, !isClosed, !pipe.isReadBlocked {
            wantsRead = false
            handler?.streamIsReadable(self)
        }
    }
}

/// Where small pieces are put together; one for all streams of a loop.
final class RecordScratch {
    let space = UnsafeMutableRawBufferPointer.allocate(byteCount: TLSStream.recordBytes, alignment: 16)
    deinit { space.deallocate() }
}
