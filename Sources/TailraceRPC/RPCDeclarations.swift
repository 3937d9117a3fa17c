import TailraceCore

/// What the declarations of source and sink share.
enum RPCDeclarations {
    static let avroNote =
        "avro runs as rpc: between Tailrace agents the file works unchanged, but Flume's own Avro RPC is not spoken"
    static let filterFix = "take it out, and filter addresses with the host's firewall"

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
