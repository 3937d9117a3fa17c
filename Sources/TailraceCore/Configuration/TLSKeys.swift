/// The keys of TLS, the same for every component that has them: Flume's names, and ours for PEM files and client
/// certificates. A component's configuration has one as a field, and adds ``keys(_:_:)`` to its declaration.
package struct TLSKeys: Equatable, Sendable {
    package enum Role: Sendable { case client, server }
    package enum ClientCertificates: String, Choice { case none, want, need }

    package var isOn = false
    package var certificate = ""
    package var key = ""
    package var keyPassword = ""
    package var authorities = ""
    package var keyStore = ""
    package var keyStorePassword = ""
    package var trustStore = ""
    package var trustStorePassword = ""
    package var clientCertificates = ClientCertificates.none
    package var checksHostName = true
    package var trustsAll = false
    package var includedProtocols: [String] = []
    package var excludedProtocols: [String] = []
    package var includedCiphers: [String] = []
    package var excludedCiphers: [String] = []

    package init() {}

    /// nil: no TLS.
    package func settings(_ role: Role) -> TLSSettings? {
        guard isOn else { return nil }
        var settings = TLSSettings()
        func store(_ path: String, _ password: String) -> TLSSettings.Store {
            TLSSettings.Store(path: path, password: password.isEmpty ? nil : password)
        }
        if !certificate.isEmpty {
            settings.certificate = store(certificate, keyPassword)
            if !key.isEmpty { settings.key = store(key, keyPassword) }
        } else if !keyStore.isEmpty {
            settings.certificate = store(keyStore, keyStorePassword)
        }
        if !authorities.isEmpty {
            settings.authorities = store(authorities, "")
        } else if !trustStore.isEmpty {
            settings.authorities = store(trustStore, trustStorePassword)
        }
        switch role {
        case .client: settings.demand = trustsAll ? .none : .needed
        case .server:
            switch clientCertificates {
            case .none: settings.demand = .none
            case .want: settings.demand = .wanted
            case .need: settings.demand = .needed
            }
        }
        settings.checksHostName = checksHostName
        settings.versions = versions
        (settings.includedCiphers, settings.excludedCiphers) = (includedCiphers, excludedCiphers)
        return settings
    }

    private var versions: Set<TLSSettings.Version> {
        Set(
            TLSSettings.Version.allCases.filter {
                (includedProtocols.isEmpty || includedProtocols.contains($0.rawValue))
                    && !excludedProtocols.contains($0.rawValue)
            })
    }

    /// What no single key can know.
    package func problems(_ role: Role) -> [ConfigurationProblem] {
        guard isOn else { return [] }
        var problems: [ConfigurationProblem] = []
        func tell(_ severity: ConfigurationProblem.Severity, _ key: String, _ message: String, _ fix: String) {
            problems.append(ConfigurationProblem(severity, code: "configuration.tls", key: key, message: message, fix: fix))
        }
        let hasOwn = !certificate.isEmpty || !keyStore.isEmpty
        if role == .server, !hasOwn {
            tell(
                .error, "ssl", "ssl = true needs a certificate and its key", "set certificate and key (PEM files), or keystore")
        }
        if !key.isEmpty, certificate.isEmpty { tell(.error, "key", "a key without a certificate", "set certificate too") }
        if role == .server, clientCertificates != .none, authorities.isEmpty, trustStore.isEmpty {
            tell(
                .error, "client-auth", "client certificates are checked against authorities, and none are named",
                "set ca (a PEM file), or truststore")
        }
        if versions.isEmpty {
            tell(
                .error, includedProtocols.isEmpty ? "exclude-protocols" : "include-protocols",
                "no version of TLS is left; TLSv1.2 and TLSv1.3 are spoken", "allow one of the two")
        }
        if trustsAll {
            tell(
                .warning, "trust-all-certs", "anybody who gets between can read and change everything that is sent",
                "name the authority of the source's certificate with truststore or ca, and remove the line")
        } else if role == .client, !checksHostName {
            tell(
                .warning, "hostname-verification",
                "whoever has a certificate of the same authority, for whatever host, can take the place of the source",
                "make the source a certificate with its name (subjectAltName), and remove the line")
        }
        return problems
    }

    /// The declaration of the keys. `field`: where the component's configuration has them.
    package static func keys<Configuration: ComponentConfiguration>(
        _ field: any WritableKeyPath<Configuration, TLSKeys> & Sendable, _ role: Role
    ) -> [Key<Configuration>] {
        func text(_ name: String, _ part: any WritableKeyPath<TLSKeys, String> & Sendable, _ summary: String) -> Key<
            Configuration
        > {
            .custom(name, unit: "text", allowed: "not empty", summary) { target, _, text throws(TailraceError) in
                target[keyPath: field][keyPath: part] = text
                return nil
            }
        }
        func list(
            _ name: String, _ part: any WritableKeyPath<TLSKeys, [String]> & Sendable, _ known: [String]?, _ summary: String
        ) -> Key<Configuration> {
            .custom(name, unit: [String].unit, summary) { target, _, text throws(TailraceError) in
                let names = text.split(whereSeparator: { $0.isWhitespace || $0 == "," }).map(String.init)
                if let known, let wrong = names.first(where: { !known.contains($0) }) {
                    throw TailraceError(
                        code: "configuration.range",
                        message: "\"\(wrong)\" is no protocol; known are \(known.joined(separator: ", "))")
                }
                target[keyPath: field][keyPath: part] = names
                return nil
            }
        }
        func flag(
            _ name: String, _ part: any WritableKeyPath<TLSKeys, Bool> & Sendable, _ summary: String
        ) -> Key<Configuration> {
            .custom(name, unit: Bool.unit, initial: TLSKeys()[keyPath: part].configured, summary) {
                target, _, text throws(TailraceError) in
                guard let value = Bool(configured: text) else {
                    throw TailraceError(
                        code: "configuration.range", message: "\"\(text)\" is not allowed here; allowed: true or false")
                }
                target[keyPath: field][keyPath: part] = value
                return nil
            }
        }
        let shown = role == .server ? "the source" : "the sink, where the source asks for one"
        var keys: [Key<Configuration>] = [
            flag(
                "ssl", \.isOn, "Secure the connections with TLS (1.2 or 1.3). The files below are read again when they change."),
            text("certificate", \.certificate, "PEM file: the certificate of \(shown), then those up to its authority."),
            text("key", \.key, "PEM file with the key of that certificate; without it the key is in the same file."),
            text("key-password", \.keyPassword, "Of a key that is encrypted."),
            text("ca", \.authorities, "PEM file with the authorities that the other side's certificate may come from."),
            text("keystore", \.keyStore, "Flume's name: a PEM or PKCS #12 file with certificate and key of \(shown)."),
            text("keystore-password", \.keyStorePassword, "Of that file."),
            type("keystore-type"),
            text(
                "truststore", \.trustStore,
                "Flume's name: a PEM or PKCS #12 file with the authorities. Neither this nor ca: those of the system."),
            text("truststore-password", \.trustStorePassword, "Of that file."),
            type("truststore-type"),
            list("include-protocols", \.includedProtocols, protocols, "TLSv1.2, TLSv1.3 or both; older ones are never spoken."),
            list("exclude-protocols", \.excludedProtocols, protocols, "Those that are not spoken."),
            list("include-cipher-suites", \.includedCiphers, nil, "Only these cipher suites, by Java's or OpenSSL's names."),
            list("exclude-cipher-suites", \.excludedCiphers, nil, "Not these cipher suites."),
        ]
        switch role {
        case .client:
            keys.append(
                flag(
                    "hostname-verification", \.checksHostName,
                    "Whether the certificate must be for the hostname. (Flume's avro sink does not check it.)"))
            keys.append(flag("trust-all-certs", \.trustsAll, "Take any certificate: then TLS protects from onlookers only."))
        case .server:
            keys.append(
                .custom(
                    "client-auth", unit: ClientCertificates.unit, initial: "none",
                    "Whether clients need a certificate; want: it is checked if they show one."
                ) { target, _, text throws(TailraceError) in
                    guard let value = ClientCertificates(configured: text) else {
                        throw TailraceError(
                            code: "configuration.range",
                            message: "\"\(text)\" is not allowed here; allowed: \(ClientCertificates.unit)")
                    }
                    target[keyPath: field].clientCertificates = value
                    return nil
                })
        }
        return keys
    }

    private static let protocols = ["SSLv2Hello", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]

    /// What is in the file decides; a name that says otherwise is told when the file is read.
    private static func type<Configuration: ComponentConfiguration>(_ name: String) -> Key<Configuration> {
        .custom(name, unit: "PEM, PKCS12, JKS", "Understood for Flume's files: what is in the file decides. JKS is refused.") {
            _, _, text throws(TailraceError) in
            guard ["PEM", "PKCS12", "JKS"].contains(text.uppercased()) else {
                throw TailraceError(
                    code: "configuration.range", message: "\"\(text)\" is not allowed here; allowed: PEM, PKCS12, JKS")
            }
            return nil
        }
    }
}
