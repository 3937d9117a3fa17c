import COpenSSL
import TailraceCore

extension TailraceError {
    /// With what OpenSSL says, and its queue of errors emptied.
    static func openSSL(_ message: String, code: String = "tls.setup") -> TailraceError {
        let number = ERR_peek_error()
        ERR_clear_error()
        let reason = ERR_reason_error_string(number).map { ": " + String(cString: $0) } ?? ""
        return TailraceError(code: code, message: message + reason, fix: "check the certificate files, and the peer's log")
    }

    static func tlsJavaStore(_ path: String) -> TailraceError {
        TailraceError(
            code: "tls.java-store", message: "\(path) is a Java key store (JKS), which only Java reads",
            fix: "convert it: keytool -importkeystore -srckeystore \(path) -destkeystore \(path).p12 -deststoretype PKCS12; "
                + "then openssl pkcs12 -in \(path).p12 -nodes -out \(path).pem, and name \(path).pem")
    }

    static func tlsNoCertificate(_ peer: String) -> TailraceError {
        TailraceError(
            code: "tls.no-certificate", message: "\(peer): the peer showed no certificate, and one is needed here",
            fix: "give the peer a certificate (certificate and key, or keystore), or relax client-auth here")
    }

    /// The peer's last word.
    static func tlsAlert(_ peer: String, _ alert: Int32, isServer: Bool) -> TailraceError {
        let (reason, fix): (String, String) =
            switch alert {
            case SSL_AD_CERTIFICATE_EXPIRED:
                ("it says that this side's certificate is not valid now", "renew the certificate, and check both clocks")
            case SSL_AD_UNKNOWN_CA:
                (
                    "it does not know the authority of this side's certificate",
                    "add the authority to its truststore, or use a certificate of an authority that it knows"
                )
            case TLS13_AD_CERTIFICATE_REQUIRED:
                ("it wants a certificate of this side", "set certificate and key, or keystore, here")
            case SSL_AD_BAD_CERTIFICATE, SSL_AD_UNSUPPORTED_CERTIFICATE, SSL_AD_CERTIFICATE_UNKNOWN:
                ("it does not accept this side's certificate", "see the log of the peer for the reason")
            case SSL_AD_PROTOCOL_VERSION:
                ("it speaks no common version of TLS", "see include-protocols and exclude-protocols at both ends")
            case SSL_AD_HANDSHAKE_FAILURE:
                (
                    "nothing both sides can do is left (cipher suites, or a certificate that is missing)",
                    "see cipher suites and certificates at both ends"
                )
            default:
                (
                    "alert \(alert), \(String(cString: SSL_alert_desc_string_long(alert)))",
                    "see the log of the peer for the reason"
                )
            }
        return TailraceError(code: "tls.refused", message: "\(peer): the peer refused the connection: \(reason)", fix: fix)
    }

    /// `verdict`: X509_V_ERR_….
    static func tlsVerification(
        _ peer: String, _ verdict: Int, _ certificate: Certificate?, host: String?, _ settings: TLSSettings
    ) -> TailraceError {
        let title = certificate?.title ?? "of the peer"
        func error(_ code: String, _ text: String, _ fix: String) -> TailraceError {
            TailraceError(code: code, message: "\(peer): the certificate \(title) \(text)", fix: fix)
        }
        switch Int32(verdict) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return error(
                "tls.expired", "or one behind it has expired (\(certificate?.notAfter ?? ""))",
                "renew the peer's certificate, and check both clocks")
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return error(
                "tls.not-yet-valid", "or one behind it is not yet valid (from \(certificate?.notBefore ?? ""))",
                "check both clocks, or wait")
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            let names = certificate?.names ?? []
            return error(
                "tls.wrong-name",
                "is not for \(host ?? "this host"), but for \(names.isEmpty ? "no host" : names.joined(separator: ", "))",
                "connect by a name that it has, or make one with subjectAltName \(host ?? "")")
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_V_ERR_CERT_UNTRUSTED:
            let known = settings.authorities?.path ?? "the system's authorities"
            return error(
                "tls.wrong-authority", "comes from \(certificate?.issuer ?? "an authority") that is not in \(known)",
                "add that authority's certificate to the truststore, or use a certificate of a known one")
        case X509_V_ERR_INVALID_PURPOSE:
            return error(
                "tls.wrong-purpose", "may not be used for this (extendedKeyUsage)",
                "make one with serverAuth for sources, clientAuth for sinks")
        default:
            return error(
                "tls.verification", "was not accepted: \(String(cString: X509_verify_cert_error_string(verdict)))",
                "see the certificate with openssl x509 -text")
        }
    }
}
