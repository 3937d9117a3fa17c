import COpenSSL
import TailraceCore
import TailraceTLS

/// An `SSL_CTX`, filled once.
final class OpenSSLContext: TLSContext {
    let settings: TLSSettings
    let role: TLSRole
    let method = PipeMethod()
    private let context: OpaquePointer

    init(_ settings: TLSSettings, _ role: TLSRole, _ files: [String: [UInt8]]) throws(TailraceError) {
        (self.settings, self.role) = (settings, role)
        ERR_clear_error()
        guard let made = SSL_CTX_new(TLS_method()) else { throw .openSSL("no TLS context could be made") }
        context = made
        copenssl_set_defaults(context)
        copenssl_set_versions(
            context, settings.versions.min() == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION,
            settings.versions.max() == .tls12 ? TLS1_2_VERSION : TLS1_3_VERSION)
        try CipherChoice(settings).apply(to: context)
        if let certificate = settings.certificate {
            try show(try KeyMaterial(certificate, key: settings.key, files))
        } else if role == .server {
            throw TailraceError(
                code: "tls.no-own-certificate", message: "a server needs a certificate and its key",
                fix: "name them: certificate and key (PEM), or keystore")
        }
        if settings.demand != .none { try trust(files) }
        setDemand()
    }
    deinit { SSL_CTX_free(context) }

    private func show(_ material: KeyMaterial) throws(TailraceError) {
        guard SSL_CTX_use_certificate(context, material.certificate.pointer) == 1 else {
            throw .openSSL("\(material.source): the certificate cannot be used")
        }
        guard SSL_CTX_use_PrivateKey(context, material.key) == 1, SSL_CTX_check_private_key(context) == 1 else {
            throw .openSSL("\(material.source): the key cannot be used")
        }
        guard copenssl_set_chain(context, material.chain.pointer) == 1 else {
            throw .openSSL("\(material.source): its chain cannot be used")
        }
    }

    private func trust(_ files: [String: [UInt8]]) throws(TailraceError) {
        guard let authorities = settings.authorities else {
            guard SSL_CTX_set_default_verify_paths(context) == 1 else { throw .openSSL("the system's authorities are missing") }
            return
        }
        let list = try CertificateList(authorities, files)
        let store = SSL_CTX_get_cert_store(context)
        for certificate in list.all {
            X509_STORE_add_cert(store, certificate.pointer)
            if role == .server { SSL_CTX_add_client_CA(context, certificate.pointer) }
        }
        ERR_clear_error()  // one that is there twice
    }

    private func setDemand() {
        let mode: Int32 =
            switch settings.demand {
            case .none: SSL_VERIFY_NONE
            case .wanted: SSL_VERIFY_PEER
            case .needed: SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
            }
        SSL_CTX_set_verify(context, mode, nil)
    }

    func makeEngine(
        _ pipe: CipherPipe, host: String?, peer: String, now: WallTime
    ) throws(TailraceError) -> any TLSEngine {
        try OpenSSLEngine(self, context, pipe, host: host, peer: peer, now: now)
    }
}
