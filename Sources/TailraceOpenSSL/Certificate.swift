import COpenSSL
import TailraceCore

/// An `X509`.
final class Certificate {
    let pointer: OpaquePointer
    init(taking pointer: OpaquePointer) { self.pointer = pointer }
    deinit { X509_free(pointer) }

    /// RFC 2253: "CN=edge-1,O=Example"; "" without one.
    var subject: String { Self.text(X509_get_subject_name(pointer)) }
    var issuer: String { Self.text(X509_get_issuer_name(pointer)) }
    /// Its subject; of a certificate without one, its names.
    var identity: String {
        let subject = subject
        return subject.isEmpty ? names.joined(separator: ",") : subject
    }
    /// For messages.
    var title: String { identity.isEmpty ? "(without a name)" : identity }

    /// The hosts and addresses that it was made for.
    var names: [String] {
        guard let raw = X509_get_ext_d2i(pointer, NID_subject_alt_name, nil, nil) else { return [] }
        let list = OpaquePointer(raw)
        defer { GENERAL_NAMES_free(list) }
        return (0..<copenssl_name_count(list)).compactMap { index in
            guard let name = copenssl_name_at(list, index), let text = copenssl_name_text(name) else { return nil }
            let bytes = UnsafeBufferPointer(start: ASN1_STRING_get0_data(text), count: Int(ASN1_STRING_length(text)))
            switch name.pointee.type {
            case GEN_DNS, GEN_URI, GEN_EMAIL: return String(decoding: bytes, as: UTF8.self)
            case GEN_IPADD: return Self.address(bytes)
            default: return nil
            }
        }
    }
    private static func address(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        if bytes.count == 4 { return bytes.map { String($0) }.joined(separator: ".") }
        return stride(from: 0, to: bytes.count - 1, by: 2).map {
            String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16)
        }.joined(separator: ":")
    }

    /// "Jan  1 00:00:00 2030 GMT".
    var notBefore: String { Self.text(time: X509_get0_notBefore(pointer)) }
    var notAfter: String { Self.text(time: X509_get0_notAfter(pointer)) }
    func isExpired(_ now: WallTime) -> Bool { Self.compare(X509_get0_notAfter(pointer), now) < 0 }
    func isNotYetValid(_ now: WallTime) -> Bool { Self.compare(X509_get0_notBefore(pointer), now) > 0 }

    /// -1: `time` is before `now`.
    private static func compare(_ time: UnsafePointer<ASN1_TIME>?, _ now: WallTime) -> Int32 {
        ASN1_TIME_cmp_time_t(time, time_t(now.milliseconds / 1000))
    }

    private static func text(_ name: OpaquePointer?) -> String {
        memoryText { copenssl_print_name($0, name) }
    }
    private static func text(time: UnsafePointer<ASN1_TIME>?) -> String { memoryText { ASN1_TIME_print($0, time) } }
}

/// What OpenSSL prints.
func memoryText(_ print: (OpaquePointer?) -> Int32) -> String {
    let memory = BIO_new(BIO_s_mem())
    defer { BIO_free(memory) }
    _ = print(memory)
    var start: UnsafeMutablePointer<CChar>?
    let count = copenssl_memory_bytes(memory, &start)
    guard let start, count > 0 else { return "" }
    return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
}

/// A `STACK_OF(X509)`.
final class Certificates {
    let pointer: OpaquePointer
    init() { pointer = copenssl_new_certificates() }
    /// Takes over a list, or nothing.
    init(taking pointer: OpaquePointer?) { self.pointer = pointer ?? copenssl_new_certificates() }
    deinit { copenssl_free_certificates(pointer) }

    func append(_ certificate: Certificate) {
        X509_up_ref(certificate.pointer)
        _ = copenssl_append_certificate(pointer, certificate.pointer)
    }
    var all: [Certificate] {
        (0..<copenssl_certificate_count(pointer)).map { index in
            let one = copenssl_certificate_at(pointer, index)!
            X509_up_ref(one)
            return Certificate(taking: one)
        }
    }
}
