import TailraceCore

/// What the declarations of source and sink share.
enum RPCDeclarations {
    static let avroNote =
        "avro runs as rpc: between Tailrace agents the file works unchanged, but Flume's own Avro RPC is not spoken"
    static let tlsFix = "take it out, and keep the link inside a trusted network or tunnel: TLS is not there yet"
    static let filterFix = "take it out, and filter addresses with the host's firewall"

    /// A switch that would change what is safe: "true" is refused by name, never ignored.
    static func refused<Configuration: ComponentConfiguration>(_ name: String, unit: String, _ fix: String) -> Key<
        Configuration
    > {
        .custom(name, unit: unit, initial: "false", "Refused when true: not there yet.") { _, _, text throws(TailraceError) in
            guard let isOn = Bool(configured: text) else {
                throw TailraceError(
                    code: "configuration.range", message: "\"\(text)\" is not allowed here; allowed: true or false")
            }
            guard !isOn else {
                throw TailraceError(code: "configuration.unsupported", message: "\(name) = true is not supported", fix: fix)
            }
            return nil
        }
    }

    static func tlsSettings<Configuration: ComponentConfiguration>(server: Bool) -> [Key<Configuration>] {
        let store = server ? "keystore" : "truststore"
        let names = [
            store, "\(store)-password", "\(store)-type", "exclude-protocols", "include-protocols", "exclude-cipher-suites",
            "include-cipher-suites",
        ]
        return names.map { .ignored($0, because: "without ssl = true it has no effect") }
    }

    /// The source reads every compression, whatever this says.
    static func compressionNote<Configuration: ComponentConfiguration>() -> Key<Configuration> {
        .custom(
            "compression-type", unit: CompressionChoice.unit, initial: "none",
            "Understood for Flume's files: the source reads whatever its sinks chose."
        ) { _, _, text throws(TailraceError) in
            guard CompressionChoice(configured: text) != nil else {
                throw TailraceError(
                    code: "configuration.range", message: "\"\(text)\" is not allowed here; allowed: \(CompressionChoice.unit)")
            }
            return "the sink decides: this source reads none, lz4 and zstd"
        }
    }
}
