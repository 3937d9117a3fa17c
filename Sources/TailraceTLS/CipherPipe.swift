package import TailraceCore

/// The ciphertext of one connection, between its engine and the stream below. Nothing is kept of what comes in: the engine
/// takes it from the stream itself, so that what is not read stays in the kernel, and the peer's window closes. What goes out
/// is kept until the stream takes it.
package final class CipherPipe {
    package enum Input: Hashable { case bytes(Int), blocked, ended, failed }

    let stream: any ByteStream
    private var fresh: BufferBuilder?
    private var output = OutputQueue()
    /// The stream has said no, and not yet that it may be asked again.
    var isReadBlocked = false
    var isWriteBlocked = false
    /// Why nothing more can come, or go.
    package private(set) var failure: TailraceError?
    /// The stream's own end.
    package private(set) var hasEnded = false
    /// The first bytes that came: TLS, or something else?
    package private(set) var firstBytes: [UInt8] = []

    package init(_ stream: any ByteStream) { self.stream = stream }

    /// Of the engine. `space` is not empty.
    package func take(into space: UnsafeMutableRawBufferPointer) -> Input {
        if failure != nil { return .failed }
        if hasEnded { return .ended }
        if isReadBlocked { return .blocked }
        do throws(TailraceError) {
            switch try stream.read(into: space) {
            case .bytes(let count):
                if firstBytes.count < 8 { firstBytes += space[..<min(count, 8 - firstBytes.count)] }
                return .bytes(count)
            case .wouldBlock:
                isReadBlocked = true
                return .blocked
            case .end:
                hasEnded = true
                return .ended
            }
        } catch {
            failure = error
            return .failed
        }
    }
    /// Of the engine: always taken. Its callers see to it that not much waits here.
    package func put(_ bytes: UnsafeRawBufferPointer) {
        var builder = fresh.take() ?? BufferBuilder(capacity: max(bytes.count, 512))
        builder.append(bytes)
        fresh = consume builder
    }

    /// What the stream has not taken.
    var unsentBytes: Int { output.byteCount + (fresh?.count ?? 0) }

    /// True: everything is with the stream.
    func flush() throws(TailraceError) -> Bool {
        if let builder = fresh.take() { output.append(builder.finish()) }
        guard !output.isEmpty else { return true }
        guard !isWriteBlocked else { return false }
        if case .wouldBlock = try stream.write(&output) { isWriteBlocked = true }
        return output.isEmpty
    }
    package func dropOutput() {
        fresh = nil
        output.removeAll()
    }
}
