package import TailraceCore

package struct HTTPSourceConfiguration: ComponentConfiguration {
    package enum Handler: String, Sendable { case json, blob, cuttingBlob }

    package var bind = "0.0.0.0"
    package var port = 0
    package var handler = Handler.json
    /// Of the blob handlers; absent: all parameters become headers.
    package var mandatoryParameters: [String] = []
    package var maxBlobLength = 16 << 20
    package var maxRequestBytes = 16 << 20
    package var maxConnections = 1_000
    package var requestTimeout = 60_000
    package var retryAfter = 1
    package var isSecure = false
    package var certificate = ""
    package var privateKey = ""
    package init() {}

    /// What a request's body may be.
    var bodyLimit: Int { handler == .cuttingBlob ? min(maxBlobLength, maxRequestBytes) : maxRequestBytes }

    package func problems() -> [ConfigurationProblem] {
        guard isSecure else { return [] }
        return [("ssl-certificate", certificate), ("ssl-key", privateKey)].filter { $0.1.isEmpty }.map {
            ConfigurationProblem(
                .error, code: "configuration.missing-key", key: $0.0, message: "ssl = true needs \($0.0)",
                fix: "name a PEM file; out of a Java keystore: openssl pkcs12 -in keystore.p12 -nodes -out server.pem")
        }
    }
}

extension HTTPSource {
    package static let declaration = Declaration<HTTPSourceConfiguration>(
        type: "http", classNames: ["org.apache.flume.source.http.HTTPSource"],
        summary: """
            Events that are POSTed. 200 when they are safe, 400 with the reason, 413, 415, 429 and 503 with Retry-After. A request \
            larger than 1 MiB or 65,536 events is stored in several steps: after a 503 it may come twice.
            """,
        keys: [
            .value("bind", \.bind, .notEmpty, "Address to listen at; 0.0.0.0 for all."),
            .value("port", \.port, .within(0...65_535), unit: "port", isRequired: true, "Port to listen at; 0: any."),
            .custom(
                "handler", unit: "class name", initial: "org.apache.flume.source.http.JSONHandler",
                """
                JSONHandler: by Content-Type an array of events (the default), one event a line (application/x-ndjson), or a \
                line an event (text/plain that is not such an array). BLOBHandler and BlobHandler: the body is the event, the \
                query's parameters are headers.
                """
            ) {
                configuration, _, text throws(TailraceError) in
                configuration.handler = try handler(named: text)
                return nil
            },
            .custom(
                "handler.mandatoryParameters", unit: "names separated by commas",
                "Of the query, for BLOBHandler: a request without one of them gets 400; others are no headers. Absent: all are headers."
            ) { configuration, _, text throws(TailraceError) in
                configuration.mandatoryParameters = text.split { $0 == "," || $0 == " " }.map(String.init)
                return nil
            },
            .value(
                "handler.maxBlobLength", \.maxBlobLength, .within(1...Limits.eventBytes), unit: "bytes",
                "Of BlobHandler. Longer bodies get 413 (Flume cuts them)."),
            .value(
                "maxRequestBytes", \.maxRequestBytes, .within(1...(256 << 20)), unit: "bytes", "Longer requests get 413."),
            .value(
                "maxConnections", \.maxConnections, .within(1...100_000), unit: "connections", "More wait in the kernel."),
            .value(
                "requestTimeout", \.requestTimeout, .within(100...3_600_000), unit: "ms",
                "Within it a connection's next request has to be complete, and its answer to be taken; else it is closed."),
            .value(
                "retryAfter", \.retryAfter, .within(1...3_600), unit: "s", "What Retry-After says when the channel is full."),
            .value(
                "ssl", \.isSecure, .anything, otherNames: [KeyNote("enableSSL", "old name, use ssl")],
                "HTTPS (TLS 1.2 and 1.3)."
            ),
            .value(
                "ssl-certificate", \.certificate, .anything, unit: "path", "PEM file: the server's certificate, then its chain."
            ),
            .value("ssl-key", \.privateKey, .anything, unit: "path", "PEM file: the key of the certificate."),
            .custom("keystore", unit: "path", "Flume's Java keystore: not read.") { _, _, text throws(TailraceError) in
                throw TailraceError(
                    code: "configuration.unsupported", message: "\"\(text)\": Java keystores are not read",
                    fix: """
                        keytool -importkeystore -srckeystore \(text) -destkeystore store.p12 -deststoretype PKCS12; openssl pkcs12 \
                        -in store.p12 -nodes -out server.pem; then ssl-certificate = server.pem and ssl-key = server.pem
                        """)
            },
            .ignored("keystore-password", because: "Certificate and key are PEM files: ssl-certificate, ssl-key."),
            .ignored("keystore-type", because: "Certificate and key are PEM files: ssl-certificate, ssl-key."),
            .ignored("keystorePassword", because: "Certificate and key are PEM files: ssl-certificate, ssl-key."),
            .ignored("exclude-protocols", because: "TLS 1.2 and 1.3 only."),
            .ignored("excludeProtocols", because: "TLS 1.2 and 1.3 only."),
            .ignored("include-protocols", because: "TLS 1.2 and 1.3 only."),
            .ignored("exclude-cipher-suites", because: "The secure ones of the library are offered."),
            .ignored("include-cipher-suites", because: "The secure ones of the library are offered."),
            jetty("QueuedThreadPool.*"), jetty("HttpConfiguration.*"), jetty("SslContextFactory.*"), jetty("ServerConnector.*"),
        ])

    private static func jetty(_ pattern: String) -> Key<HTTPSourceConfiguration> {
        .family(pattern, "Settings of Jetty; accepted and without effect.") { _, _, _ throws(TailraceError) in
            "there is no Jetty here: see maxConnections, requestTimeout and maxRequestBytes"
        }
    }

    private static func handler(named text: String) throws(TailraceError) -> HTTPSourceConfiguration.Handler {
        switch text.lowercased() {
        case "json", "org.apache.flume.source.http.jsonhandler": return .json
        case "blob", "org.apache.flume.source.http.blobhandler": return .blob
        case "org.apache.flume.sink.solr.morphline.blobhandler": return .cuttingBlob
        default:
            throw TailraceError(
                code: "configuration.unknown-type", message: "handler \"\(text)\" is not known; Java classes are not loaded",
                fix: "use org.apache.flume.source.http.JSONHandler or BLOBHandler, or convert with a program in front")
        }
    }
}
