import COpenSSL
import TailraceCore
import TailraceTLS

/// An `SSL` on a ``CipherPipe``.
final class OpenSSLEngine: TLSEngine {
    private let ssl: OpaquePointer
    private let context: OpenSSLContext
    private let pipe: CipherPipe
    private let host: String?
    private let peer: String
    private(set) var identity: PeerIdentity?

    init(
        _ context: OpenSSLContext, _ pointer: OpaquePointer, _ pipe: CipherPipe, host: String?, peer: String, now: WallTime
    ) throws(TailraceError) {
        (self.context, self.pipe, self.host, self.peer) = (context, pipe, host, peer)
        ERR_clear_error()
        guard let ssl = SSL_new(pointer) else { throw .openSSL("no TLS session could be made") }
        self.ssl = ssl
        let bio = context.method.makeBIO(pipe)
        SSL_set_bio(ssl, bio, bio)
        X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), time_t(now.milliseconds / 1000))
        if context.role == .server {
            SSL_set_accept_state(ssl)
        } else {
            SSL_set_connect_state(ssl)
            if let host { try expect(host) }
        }
    }
    deinit { SSL_free(ssl) }

    /// The name that the certificate must have; also sent, so that a server with many certificates can choose.
    private func expect(_ host: String) throws(TailraceError) {
        let checks = context.settings.demand != .none && context.settings.checksHostName
        let parameters = SSL_get0_param(ssl)
        if X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 {
            if !checks { X509_VERIFY_PARAM_set1_ip(parameters, nil, 0) }
            return
        }
        ERR_clear_error()
        copenssl_set_server_name(ssl, host)
        guard checks else { return }
        X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        guard X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1 else {
            throw .openSSL("\(host) cannot be the name of a certificate")
        }
    }

    func handshake() throws(TailraceError) -> Bool {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 {
            identity = checkedPeer()
            return true
        }
        let code = SSL_get_error(ssl, result)
        if code == SSL_ERROR_WANT_READ { return false }
        throw failure(code, isHandshake: true)
    }

    private func checkedPeer() -> PeerIdentity? {
        guard context.settings.demand != .none, let pointer = SSL_get1_peer_certificate(ssl) else { return nil }
        return PeerIdentity(subject: Certificate(taking: pointer).identity)
    }

    func read(into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> ReadResult {
        ERR_clear_error()
        let result = SSL_read(ssl, space.baseAddress, Int32(min(space.count, Int(Int32.max))))
        if result > 0 { return .bytes(Int(result)) }
        let code = SSL_get_error(ssl, result)
        switch code {
        case SSL_ERROR_ZERO_RETURN: return .end
        case SSL_ERROR_WANT_READ: return .wouldBlock
        default: throw failure(code, isHandshake: false)
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(TailraceError) {
        ERR_clear_error()
        let result = SSL_write(ssl, bytes.baseAddress, Int32(bytes.count))
        // The pipe takes everything, so there is no "in part" and no "later".
        guard result == Int32(bytes.count) else { throw failure(SSL_get_error(ssl, result), isHandshake: false) }
    }

    func finish() {
        ERR_clear_error()
        SSL_shutdown(ssl)  // 0: said, and the peer has not said it yet
        ERR_clear_error()
    }

    private func failure(_ code: Int32, isHandshake: Bool) -> TailraceError {
        let error = ERR_peek_error()
        defer { ERR_clear_error() }
        if isHandshake, let first = pipe.firstBytes.first, first != 0x16, first != 0x15 {
            tellPlaintextPeer()
            return .tlsPlaintext(peer)
        }
        // An alert that came before the end or the reset is the better reason.
        let alert = copenssl_alert_of(error)
        if alert >= 0 { return .tlsAlert(peer, alert, isServer: context.role == .server) }
        if var failure = pipe.failure {
            if isHandshake { failure.message += " (during the TLS handshake)" }
            if isHandshake, failure.fix == nil { failure.fix = TailraceError.tlsClosed(peer).fix }
            return failure
        }
        if pipe.hasEnded { return isHandshake ? .tlsClosed(peer) : .tlsTruncated(peer) }
        if isHandshake, copenssl_reason_of(error) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE { return .tlsNoCertificate(peer) }
        let verdict = SSL_get_verify_result(ssl)
        if isHandshake, verdict != Int(X509_V_OK) { return refusal(verdict) }
        return .openSSL("\(peer): the TLS \(isHandshake ? "handshake" : "session") failed", code: "tls.protocol")
    }
    private func refusal(_ verdict: Int) -> TailraceError {
        let pointer = SSL_get1_peer_certificate(ssl)
        return .tlsVerification(peer, verdict, pointer.map { Certificate(taking: $0) }, host: host, context.settings)
    }

    /// OpenSSL says nothing to a peer whose first bytes are no TLS; with an alert it can see what it has met.
    private func tellPlaintextPeer() {
        pipe.dropOutput()
        let protocolVersion: [UInt8] = [0x15, 3, 3, 0, 2, 2, 70]
        protocolVersion.withUnsafeBytes { pipe.put($0) }
    }
}
