import COpenSSL
import TailraceCore

/// The cipher suites of a configuration, whose names are Java's or OpenSSL's.
struct CipherChoice {
    private let settings: TLSSettings
    init(_ settings: TLSSettings) { self.settings = settings }

    private struct Suite {
        /// OpenSSL's.
        var name: String
        /// Java's and the standards'.
        var standardName: String
        var isTLS13: Bool
    }

    func apply(to context: OpaquePointer) throws(TailraceError) {
        guard !settings.includedCiphers.isEmpty || !settings.excludedCiphers.isEmpty else { return }
        let known = Self.known(context)
        func named(_ name: String) -> [Suite] { known.filter { $0.name == name || $0.standardName == name } }
        let unknown = settings.includedCiphers.filter { named($0).isEmpty }
        guard unknown.isEmpty else {
            let offered = known.map(\.standardName).joined(separator: " ")
            throw TailraceError(
                code: "tls.cipher", message: "include-cipher-suites: OpenSSL does not offer \(unknown.joined(separator: ", "))",
                fix: "take it out; it offers \(offered)")
        }
        // What is excluded and unknown is not offered anyway.
        let excluded = Set(settings.excludedCiphers.flatMap(named).map(\.name))
        let wanted = settings.includedCiphers.isEmpty ? known : settings.includedCiphers.flatMap(named)
        let left = wanted.filter { !excluded.contains($0.name) }
        let old = left.filter { !$0.isTLS13 }.map(\.name), new = left.filter(\.isTLS13).map(\.name)
        guard settings.versions.contains(.tls12) && !old.isEmpty || settings.versions.contains(.tls13) && !new.isEmpty else {
            throw TailraceError(
                code: "tls.cipher",
                message: "no cipher suite is left for \(settings.versions.map(\.rawValue).sorted().joined(separator: " and "))",
                fix: "correct include-cipher-suites and exclude-cipher-suites")
        }
        if !old.isEmpty { SSL_CTX_set_cipher_list(context, old.joined(separator: ":")) }
        SSL_CTX_set_ciphersuites(context, new.joined(separator: ":"))
        // A version without any suite would be offered and then fail.
        if old.isEmpty { copenssl_set_versions(context, TLS1_3_VERSION, TLS1_3_VERSION) }
        if new.isEmpty { copenssl_set_versions(context, TLS1_2_VERSION, TLS1_2_VERSION) }
    }

    private static func known(_ context: OpaquePointer) -> [Suite] {
        let list = SSL_CTX_get_ciphers(context)
        return (0..<copenssl_cipher_count(list)).compactMap { index in
            guard let cipher = copenssl_cipher_at(list, index) else { return nil }
            let name = String(cString: SSL_CIPHER_get_name(cipher))
            return Suite(
                name: name, standardName: SSL_CIPHER_standard_name(cipher).map { String(cString: $0) } ?? name,
                isTLS13: String(cString: SSL_CIPHER_get_version(cipher)) == "TLSv1.3")
        }
    }
}
