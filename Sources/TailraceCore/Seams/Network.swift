/// A host and port, or the path of a Unix socket.
package enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    case host(String, port: UInt16)
    case path(String)

    package var description: String {
        switch self {
        case .host(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .path(let path): path
        }
    }
}

/// Resolves names, a bounded number at a time and each with its own limit, so that a slow name stalls only who asked for it.
package protocol Network: AnyObject {
    /// `accept` gets each connection. Port 0: any. Throws `network.bind` when the address is taken or not ours.
    ///
    /// With `tls` (a host's port only) it gets a connection after its handshake; one that fails goes to `refused`, with the
    /// reason. Throws `tls.*` when the files cannot be used. Later, unusable files are logged, and the old ones go on.
    func listen(
        at endpoint: Endpoint, tls: TLSSettings?, refused: @escaping (Endpoint?, TailraceError) -> Void,
        _ accept: @escaping (any ByteStream) -> Void
    ) throws(TailraceError) -> any Listener
    /// `done`: once, at `deadline` at the latest, in a later turn; not after the attempt was cancelled. With `tls` the
    /// handshake is done by then; but that the server refuses the client's certificate may come with the first read only.
    func connect(
        to endpoint: Endpoint, tls: TLSSettings?, deadline: Instant,
        _ done: @escaping (Result<any ByteStream, TailraceError>) -> Void
    ) -> any Cancellable
    /// A port for datagrams (UDP). Port 0: any. Throws `network.bind` when the address is taken or not ours.
    func openDatagrams(at endpoint: Endpoint, _ options: DatagramOptions) throws(TailraceError) -> any DatagramSocket
    /// The name of an address in figures, by the name service; nil when it has none, or nobody answers within `limit`.
    /// `done`: once, in a later turn.
    func name(of address: String, limit: Duration, _ done: @escaping (String?) -> Void)
}
extension Network {
    package func listen(
        at endpoint: Endpoint, _ accept: @escaping (any ByteStream) -> Void
    ) throws(TailraceError) -> any Listener {
        try listen(at: endpoint, tls: nil, refused: { _, _ in }, accept)
    }
    package func connect(
        to endpoint: Endpoint, deadline: Instant, _ done: @escaping (Result<any ByteStream, TailraceError>) -> Void
    ) -> any Cancellable {
        connect(to: endpoint, tls: nil, deadline: deadline, done)
    }
}

package protocol Cancellable: AnyObject { func cancel() }

package protocol Listener: AnyObject {
    /// With the port that was really given.
    var endpoint: Endpoint { get }
    /// While paused, connections wait in the kernel. Out of descriptors it pauses by itself, and tries again after a while.
    var isPaused: Bool { get set }
    func close()
}

package enum ReadResult: Hashable, Sendable { case bytes(Int), wouldBlock, end }
package enum WriteResult: Hashable, Sendable { case everything, wouldBlock }

/// A connection or a pipe. Try, then be told: after a `wouldBlock` exactly one signal follows, and none before.
/// Closed when the last reference is gone, too.
package protocol ByteStream: AnyObject {
    /// Held weakly. Set it before the first call that may say `wouldBlock`.
    var handler: (any ByteStreamHandler)? { get set }
    /// nil for pipes.
    var peer: Endpoint? { get }
    /// Of the certificate that the peer showed and that was checked; nil without one.
    var identity: PeerIdentity? { get }
    /// Fills the front of `space` (not empty). After a short read the next one says `wouldBlock` without a system call.
    /// Not reading is back-pressure: the peer's window closes. Throws when the connection is broken (`network.reset` …), and
    /// with TLS also when it ended without a word, which an attacker can do too (`tls.truncated`).
    func read(into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> ReadResult
    /// Sends from the front of `queue`, vectored, and removes what was taken. After a `wouldBlock` the next call brings the
    /// same bytes in front, perhaps with more behind them: some of them may be encrypted already.
    func write(_ queue: inout OutputQueue) throws(TailraceError) -> WriteResult
    /// No more writes; the peer reads to the end. Reading goes on.
    func finishWriting()
    /// No signal after it.
    func close()
}

extension ByteStream {
    package var identity: PeerIdentity? { nil }
}

package protocol ByteStreamHandler: AnyObject {
    func streamIsReadable(_ stream: any ByteStream)
    func streamIsWritable(_ stream: any ByteStream)
}

/// Memory for what is being received; one per agent. A frame that gets none stays unread, in the peer's memory.
package protocol MemoryBudget: AnyObject {
    /// False: `told` is called once, when it fits, in the order of the noes (then ask again). More than the whole budget is
    /// granted when nothing else is out, so that no frame waits for ever.
    func reserve(_ bytes: Int, _ told: @escaping () -> Void) -> Bool
    /// Called when the bytes are freed.
    func giveBack(_ bytes: Int)
}

/// Child processes (exec source, script of a user). They are killed with the agent, however it ends.
package protocol Processes: AnyObject {
    /// `exited`: once, with the status or 128 + signal, after the outputs are read to the end or closed. The child leads a
    /// process group of its own. Throws `process.spawn` when the program is missing or may not be run.
    func spawn(
        _ arguments: [String], environment: [String: String], _ exited: @escaping (Int32) -> Void
    ) throws(TailraceError) -> any ChildProcess
}

package protocol ChildProcess: AnyObject {
    var input: any ByteStream { get }
    var output: any ByteStream { get }
    var errors: any ByteStream { get }
    /// To its whole process group.
    func signal(_ number: Int32)
}
