import COpenSSL
import TailraceCore

/// What is in a file, told by its first bytes.
enum StoreKind {
    case pem, pkcs12, javaKeyStore, unknown

    init(_ bytes: [UInt8]) {
        if bytes.starts(with: [0xFE, 0xED, 0xFE, 0xED]) || bytes.starts(with: [0xCE, 0xCE, 0xCE, 0xCE]) {
            self = .javaKeyStore
        } else if bytes.first == 0x30 {
            self = .pkcs12
        } else {
            self = String(decoding: bytes.prefix(64 << 10), as: UTF8.self).contains("-----BEGIN ") ? .pem : .unknown
        }
    }
}

/// A certificate, its chain and its key.
final class KeyMaterial {
    let certificate: Certificate
    let chain: Certificates
    /// An `EVP_PKEY`.
    let key: OpaquePointer
    /// For messages.
    let source: String

    init(_ store: TLSSettings.Store, key: TLSSettings.Store?, _ files: [String: [UInt8]]) throws(TailraceError) {
        let bytes = files[store.path] ?? []
        if StoreKind(bytes) == .pkcs12 {
            let opened = try PKCS12Store(store, bytes)
            guard let own = opened.certificate, let ownKey = opened.takeKey() else {
                throw TailraceError(
                    code: "tls.key", message: "\(store.path) has no certificate with its key",
                    fix: "name a store that has both")
            }
            (certificate, chain, self.key, source) = (own, opened.others, ownKey, store.path)
            return
        }
        let all = try CertificateList(store, files).all
        chain = Certificates()
        for other in all.dropFirst() { chain.append(other) }
        certificate = all[0]
        let keyStore = key ?? store
        self.key = try PEM.key(keyStore, files[keyStore.path] ?? [])
        source = key.map { "\(store.path) and \($0.path)" } ?? store.path
        guard X509_check_private_key(certificate.pointer, self.key) == 1 else {
            ERR_clear_error()
            EVP_PKEY_free(self.key)
            throw TailraceError(
                code: "tls.key-mismatch",
                message: "the key in \(keyStore.path) is not that of the certificate \(certificate.title) in \(store.path)",
                fix: "name the key that the certificate was made for; both files must be replaced together")
        }
    }
    deinit { EVP_PKEY_free(key) }
}

/// All certificates of a file, at least one.
struct CertificateList {
    let all: [Certificate]

    init(_ store: TLSSettings.Store, _ files: [String: [UInt8]]) throws(TailraceError) {
        let bytes = files[store.path] ?? []
        switch StoreKind(bytes) {
        case .pem: all = try PEM.certificates(store.path, bytes)
        case .pkcs12: all = try PKCS12Store(store, bytes).everyCertificate
        case .javaKeyStore: throw .tlsJavaStore(store.path)
        case .unknown:
            throw TailraceError(
                code: "tls.file", message: "\(store.path) is neither a PEM nor a PKCS #12 file",
                fix: "name a file with -----BEGIN CERTIFICATE----- in it")
        }
        guard !all.isEmpty else {
            throw TailraceError(
                code: "tls.file", message: "\(store.path) has no certificate",
                fix: "name a file with -----BEGIN CERTIFICATE----- in it")
        }
    }
}

private enum PEM {
    static func certificates(_ path: String, _ bytes: [UInt8]) throws(TailraceError) -> [Certificate] {
        ERR_clear_error()
        return try withMemory(bytes) { memory throws(TailraceError) in
            var all: [Certificate] = []
            while let pointer = PEM_read_bio_X509(memory, nil, nil, nil) { all.append(Certificate(taking: pointer)) }
            guard copenssl_is_pem_end(ERR_peek_last_error()) != 0 else {
                throw .openSSL("\(path): certificate \(all.count + 1) cannot be read", code: "tls.file")
            }
            ERR_clear_error()
            return all
        }
    }

    static func key(_ store: TLSSettings.Store, _ bytes: [UInt8]) throws(TailraceError) -> OpaquePointer {
        guard StoreKind(bytes) != .javaKeyStore else { throw .tlsJavaStore(store.path) }
        ERR_clear_error()
        defer { ERR_clear_error() }
        // Without a password: an empty one, or OpenSSL would ask at the terminal.
        let key = withMemory(bytes) { memory in
            (store.password ?? "").withCString {
                PEM_read_bio_PrivateKey(memory, nil, nil, UnsafeMutableRawPointer(mutating: $0))
            }
        }
        guard let key else {
            let isEncrypted = String(decoding: bytes, as: UTF8.self).contains("ENCRYPTED")
            let hint = isEncrypted ? "give its password (key-password)" : "name a file with -----BEGIN PRIVATE KEY----- in it"
            throw TailraceError(
                code: "tls.key",
                message: isEncrypted
                    ? "the key in \(store.path) is encrypted, and \(store.password == nil ? "no password is given" : "the password is wrong")"
                    : "\(store.path) has no private key that can be read",
                fix: hint)
        }
        return key
    }
}

/// A PKCS #12 file, which Java's keytool writes too.
private final class PKCS12Store {
    let certificate: Certificate?
    let others: Certificates
    private var key: OpaquePointer?

    init(_ store: TLSSettings.Store, _ bytes: [UInt8]) throws(TailraceError) {
        ERR_clear_error()
        defer { ERR_clear_error() }
        guard let opened = withMemory(bytes, { d2i_PKCS12_bio($0, nil) }) else {
            throw TailraceError(
                code: "tls.file", message: "\(store.path) is damaged: it begins like a PKCS #12 file",
                fix: "export it again, or name a PEM file")
        }
        defer { PKCS12_free(opened) }
        var key: OpaquePointer?, own: OpaquePointer?, list: OpaquePointer?
        guard PKCS12_parse(opened, store.password ?? "", &key, &own, &list) == 1 else {
            throw TailraceError(
                code: "tls.password",
                message: store.password == nil
                    ? "\(store.path) is a PKCS #12 file, and no password is given" : "the password of \(store.path) is wrong",
                fix: "give its password, or convert it: openssl pkcs12 -in \(store.path) -nodes -out store.pem")
        }
        self.key = key
        certificate = own.map { Certificate(taking: $0) }
        others = Certificates(taking: list)
    }
    deinit { EVP_PKEY_free(key) }

    func takeKey() -> OpaquePointer? {
        defer { key = nil }
        return key
    }
    var everyCertificate: [Certificate] { (certificate.map { [$0] } ?? []) + others.all }
}

/// A copy of the bytes as a BIO, within `body`.
private func withMemory<R, E: Error>(_ bytes: [UInt8], _ body: (OpaquePointer?) throws(E) -> R) throws(E) -> R {
    let memory = BIO_new(BIO_s_mem())
    defer { BIO_free(memory) }
    BIO_write(memory, bytes, Int32(bytes.count))
    return try body(memory)
}
