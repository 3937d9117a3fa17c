package import TailraceCore

/// One side of one connection as the cryptographic library sees it: it takes ciphertext from its ``CipherPipe`` and puts
/// ciphertext there, and knows nothing of sockets, time or turns. Not used again after it has thrown.
package protocol TLSEngine: AnyObject {
    /// True: done. False: more must come from the peer. Throws `tls.*`; what the peer is to be told is in the pipe.
    func handshake() throws(TailraceError) -> Bool
    /// Bytes of one record at most. `.end`: the peer has said that nothing more comes.
    func read(into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> ReadResult
    /// Encrypts all of it, at most ``TLSStream/recordBytes``.
    func write(_ bytes: UnsafeRawBufferPointer) throws(TailraceError)
    /// Tells the peer that nothing more comes.
    func finish()
    /// Of the peer, after the handshake.
    var identity: PeerIdentity? { get }
}

/// Certificates, key and rules of one listener or sink, as they were read at one time. Many connections share it.
package protocol TLSContext: AnyObject {
    /// `host`: whom a client wants to speak to. `now`: for the validity of certificates. `peer`: for messages.
    func makeEngine(
        _ pipe: CipherPipe, host: String?, peer: String, now: WallTime
    ) throws(TailraceError) -> any TLSEngine
}

package enum TLSRole: Sendable { case client, server }

/// The library, or what simulates it.
package protocol TLSProvider: AnyObject {
    /// `files`: the content of each of ``TLSSettings/files``, by path. Throws `tls.*` for what cannot be used.
    func makeContext(
        _ settings: TLSSettings, _ role: TLSRole, files: [String: [UInt8]]
    ) throws(TailraceError) -> any TLSContext
}
