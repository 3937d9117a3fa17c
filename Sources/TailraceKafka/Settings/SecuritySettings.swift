import TailraceCore

extension ClientSettings {
    /// TLS and SASL. Java's key stores become PEM or PKCS12 files; JAAS becomes a user name and a password.
    static let securityRules: [SettingRule] = [
        .choice("security.protocol", of: ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]),

        .custom("ssl.truststore.location") { settings, value throws(TailraceError) in
            settings.trustStore.location = value
            return nil
        },
        .custom("ssl.truststore.type") { settings, value throws(TailraceError) in
            settings.trustStore.type = value.uppercased()
            return nil
        },
        .ignored("ssl.truststore.password", because: "certificates of authorities come from a PEM file, which has none"),
        .text("ssl.truststore.certificates", as: "ssl.ca.pem"),
        .text("ssl.ca.location"),
        .text("ssl.ca.pem"),
        .text("ssl.crl.location"),

        .custom("ssl.keystore.location") { settings, value throws(TailraceError) in
            settings.keyStore.location = value
            return nil
        },
        .custom("ssl.keystore.type") { settings, value throws(TailraceError) in
            settings.keyStore.type = value.uppercased()
            return nil
        },
        .custom("ssl.keystore.password") { settings, value throws(TailraceError) in
            settings.keyStore.password = value
            return nil
        },
        .text("ssl.keystore.key", as: "ssl.key.pem"),
        .text("ssl.keystore.certificate.chain", as: "ssl.certificate.pem"),
        .text("ssl.key.location"),
        .text("ssl.key.password"),
        .text("ssl.key.pem"),
        .text("ssl.certificate.location"),
        .text("ssl.certificate.pem"),
        .text("ssl.cipher.suites"),
        .text("ssl.curves.list"),
        .text("ssl.sigalgs.list"),
        .flag("enable.ssl.certificate.verification"),
        .choice(
            "ssl.endpoint.identification.algorithm",
            [(given: "https", meant: "https"), (given: "none", meant: "none"), (given: "", meant: "none")]),
        .ignored("ssl.enabled.protocols", because: "OpenSSL offers TLS 1.2 and 1.3 by the system's policy"),
        .ignored("ssl.protocol", because: "OpenSSL offers TLS 1.2 and 1.3 by the system's policy"),
        .ignored("ssl.secure.random.implementation", because: "OpenSSL has its own"),
        .ignored("ssl.keymanager.algorithm", because: "OpenSSL has its own"),
        .ignored("ssl.trustmanager.algorithm", because: "OpenSSL has its own"),
        .refused("ssl.provider", "it names a Java security provider", fix: "remove the line"),
        .refused("ssl.engine.factory.class", "it names a Java class", fix: "remove the line"),

        mechanism("sasl.mechanism"),
        mechanism("sasl.mechanisms"),
        .custom("sasl.jaas.config") { settings, value throws(TailraceError) in
            settings.loginModule = try LoginModule(parsing: value)
            return nil
        },
        .text("sasl.username"),
        .text("sasl.password"),
        .text("sasl.kerberos.service.name"),
        .text("sasl.kerberos.principal"),
        .text("sasl.kerberos.keytab"),
        .text("sasl.kerberos.kinit.cmd"),
        .number("sasl.kerberos.min.time.before.relogin", 0...86_400_000),
        .ignored("sasl.kerberos.ticket.renew.jitter", because: "kinit renews tickets"),
        .ignored("sasl.kerberos.ticket.renew.window.factor", because: "kinit renews tickets"),
        .choice("sasl.oauthbearer.method", of: ["default", "oidc"]),
        .text("sasl.oauthbearer.client.id"),
        .text("sasl.oauthbearer.client.secret"),
        .text("sasl.oauthbearer.scope"),
        .text("sasl.oauthbearer.extensions"),
        .text("sasl.oauthbearer.token.endpoint.url"),
        .text("sasl.oauthbearer.config"),
        .flag("enable.sasl.oauthbearer.unsecure.jwt"),
        .refused("sasl.client.callback.handler.class", "it names a Java class", fix: "remove the line"),
        .refused("sasl.login.callback.handler.class", "it names a Java class", fix: "remove the line"),
        .refused("sasl.login.class", "it names a Java class", fix: "remove the line"),
    ]

    private static func mechanism(_ name: String) -> SettingRule {
        .choice(name, as: "sasl.mechanism", of: ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"])
    }
}

/// A key or trust store of the Java client: file, type and password stand in keys of their own, in any order.
struct KeyStore: Equatable, Sendable {
    var location: String?
    /// In capitals. nil: by the name's end, else Java's default, JKS.
    var type: String?
    var password: String?

    private var kind: String {
        if let type { return type }
        guard let location else { return "JKS" }
        if [".pem", ".crt", ".cer"].contains(where: location.hasSuffix) { return "PEM" }
        return [".p12", ".pfx", ".pkcs12"].contains(where: location.hasSuffix) ? "PKCS12" : "JKS"
    }

    func addTrust(to settings: inout [String: String]) throws(TailraceError) {
        guard let location else { return }
        guard kind == "PEM" else {
            throw TailraceError(
                code: "kafka.setting-refused",
                message: "ssl.truststore.location \(location) is a \(kind) store; PEM is understood",
                fix: "convert it to PEM: keytool -list -rfc -keystore \(location) > ca.pem; then "
                    + "ssl.truststore.location=ca.pem and ssl.truststore.type=PEM")
        }
        settings["ssl.ca.location"] = location
    }

    func addKey(to settings: inout [String: String]) throws(TailraceError) {
        guard let location else { return }
        switch kind {
        case "PKCS12":
            settings["ssl.keystore.location"] = location
            if let password { settings["ssl.keystore.password"] = password }
        case "PEM":
            // Java's PEM store is one file with the key and the chain.
            settings["ssl.certificate.location"] = location
            settings["ssl.key.location"] = location
        default:
            throw TailraceError(
                code: "kafka.setting-refused",
                message: "ssl.keystore.location \(location) is a \(kind) store; PKCS12 and PEM are understood",
                fix: "convert it: keytool -importkeystore -srckeystore \(location) -destkeystore client.p12 "
                    + "-deststoretype PKCS12; then ssl.keystore.location=client.p12 and ssl.keystore.type=PKCS12")
        }
    }
}
