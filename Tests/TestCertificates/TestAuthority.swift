// Certificates for tests, made in the process: quick, with fixed validity, and any mistake that is wanted.

import COpenSSL

/// What a certificate says. Dates as ASN.1 has them: "20300101000000Z".
package struct CertificateRequest {
    package var subject: String
    package var names: [String]
    package var from = "20200101000000Z"
    package var until = "20991231235959Z"
    /// "serverAuth", "clientAuth"; nil: anything.
    package var purpose: String?
    package init(
        _ subject: String, names: [String] = ["localhost", "127.0.0.1", "::1"], from: String = "20200101000000Z",
        until: String = "20991231235959Z", purpose: String? = nil
    ) {
        (self.subject, self.names, self.from, self.until, self.purpose) = (subject, names, from, until, purpose)
    }
}

/// A certificate and its key, as PEM.
package struct TestCertificate {
    package var certificate: String
    package var key: String
    /// Both in one file.
    package var store: String { certificate + key }
}

/// An authority that signs with a P-256 key.
package final class TestAuthority {
    private let key: OpaquePointer
    private let name: String
    private var serial = 1
    /// Its own certificate, as PEM.
    package private(set) var certificate = ""

    package init(_ name: String = "Test Authority") {
        self.name = name
        key = Self.makeKey()
        let request = CertificateRequest(name, names: [])
        certificate = sign(request, key, isAuthority: true)
    }
    deinit { EVP_PKEY_free(key) }

    package func issue(_ request: CertificateRequest) -> TestCertificate {
        let key = Self.makeKey()
        defer { EVP_PKEY_free(key) }
        let certificate = sign(request, key, isAuthority: false)
        let text = Self.text { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) }
        return TestCertificate(certificate: certificate, key: text)
    }
    package func issue(_ subject: String) -> TestCertificate { issue(CertificateRequest(subject)) }

    private static func makeKey() -> OpaquePointer {
        let context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil)
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        let isMade =
            EVP_PKEY_keygen_init(context) == 1
            && EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1
            && EVP_PKEY_keygen(context, &key) == 1
        precondition(isMade, "no key could be made")
        return key!
    }

    private func sign(_ request: CertificateRequest, _ own: OpaquePointer, isAuthority: Bool) -> String {
        let certificate = X509_new()
        defer { X509_free(certificate) }
        X509_set_version(certificate, 2)
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial)
        serial += 1
        ASN1_TIME_set_string(X509_getm_notBefore(certificate), request.from)
        ASN1_TIME_set_string(X509_getm_notAfter(certificate), request.until)
        X509_set_pubkey(certificate, own)
        if !request.subject.isEmpty { add(request.subject, to: X509_get_subject_name(certificate)) }
        add(name, to: X509_get_issuer_name(certificate))
        extend(certificate, NID_basic_constraints, isAuthority ? "critical,CA:TRUE" : "CA:FALSE")
        if !request.names.isEmpty {
            let names = request.names.map { name in
                let isAddress = name.contains(":") || name.allSatisfy { $0.isNumber || $0 == "." }
                return (isAddress ? "IP:" : "DNS:") + name
            }
            extend(certificate, NID_subject_alt_name, names.joined(separator: ","))
        }
        if let purpose = request.purpose { extend(certificate, NID_ext_key_usage, purpose) }
        precondition(X509_sign(certificate, key, EVP_sha256()) > 0, "the certificate could not be signed")
        return Self.text { PEM_write_bio_X509($0, certificate) }
    }
    private func add(_ text: String, to name: OpaquePointer?) {
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0)
    }
    private func extend(_ certificate: OpaquePointer?, _ number: Int32, _ value: String) {
        let made = X509V3_EXT_conf_nid(nil, nil, number, value)
        precondition(made != nil, "no extension \(value)")
        X509_add_ext(certificate, made, -1)
        X509_EXTENSION_free(made)
    }

    private static func text(_ write: (OpaquePointer?) -> Int32) -> String {
        let memory = BIO_new(BIO_s_mem())
        defer { BIO_free(memory) }
        precondition(write(memory) == 1, "nothing was written")
        var start: UnsafeMutablePointer<CChar>?
        let count = copenssl_memory_bytes(memory, &start)
        return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }
}
