package import TailraceCore

// What goes wrong with a secured connection whatever the library; the rest is in the provider. The codes are stable.
extension TailraceError {
    package static func tlsTimeout(_ peer: String, _ limit: Duration, heard: Bool) -> TailraceError {
        TailraceError(
            code: "tls.timeout",
            message: "\(peer): \(heard ? "the TLS handshake was not done" : "no TLS handshake began") within \(limit.text)",
            fix: "see whether the peer has TLS on (ssl = true), and the network between")
    }
    package static func tlsCrowded(_ peer: String, _ limit: Int) -> TailraceError {
        TailraceError(
            code: "tls.crowded", message: "\(peer): its TLS handshake was the oldest of \(limit) that were not done",
            fix: "see who opens connections without speaking")
    }
    /// Its first bytes are no TLS.
    package static func tlsPlaintext(_ peer: String) -> TailraceError {
        TailraceError(
            code: "tls.peer-is-plaintext", message: "\(peer): the peer does not speak TLS",
            fix: "set ssl = true at the peer too, or take it out here")
    }
    package static func tlsClosed(_ peer: String) -> TailraceError {
        TailraceError(
            code: "tls.closed", message: "\(peer): the peer closed the connection during the TLS handshake",
            fix: "see the log of the peer; does it have TLS on (ssl = true)?")
    }
    package static func tlsTruncated(_ peer: String) -> TailraceError {
        TailraceError(
            code: "tls.truncated", message: "\(peer): the connection ended without the end of its TLS session",
            fix: "none needed if the peer has died; else look for what cuts connections on the way")
    }
}
