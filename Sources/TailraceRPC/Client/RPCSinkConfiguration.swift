package import TailraceCore

package struct RPCSinkConfiguration: ComponentConfiguration {
    package var hostname = ""
    package var port = 0
    package var batchSize = 10_000
    package var connectTimeout = 20_000
    package var requestTimeout = 20_000
    package var pingInterval = 30_000
    package var window = 16
    package var compression = CompressionChoice.none
    package var compressionLevel = 1
    /// Seconds; 0: never.
    package var resetConnectionInterval = 0
    package var tls = TLSKeys()

    package init() {}
    package func problems() -> [ConfigurationProblem] { tls.problems(.client) }

    var connection: RPCClientConnection.Settings {
        var settings = RPCClientConnection.Settings()
        settings.connectTimeout = .milliseconds(connectTimeout)
        settings.requestTimeout = .milliseconds(requestTimeout)
        settings.pingInterval = .milliseconds(pingInterval)
        settings.window = window
        settings.compression = compression.compression
        settings.resetInterval = resetConnectionInterval > 0 ? .seconds(resetConnectionInterval) : nil
        return settings
    }
}

extension RPCSink {
    package static var declaration: Declaration<RPCSinkConfiguration> {
        Declaration(
            type: "rpc", otherTypes: [KeyNote("avro", RPCDeclarations.avroNote)],
            classNames: ["org.apache.flume.sink.AvroSink", "org.apache.flume.rpc.avro.sink.AvroSink"],
            summary: "Sends batches to the rpc source of another agent.", keys: keys + TLSKeys.keys(\.tls, .client))
    }

    private static var keys: [Key<RPCSinkConfiguration>] {
        [
            .value("hostname", \.hostname, .notEmpty, isRequired: true, "Host of the rpc source."),
            .value("port", \.port, .within(1...65_535), isRequired: true, "Port of the rpc source."),
            .value(
                "batch-size", \.batchSize, .within(1...Limits.batchEvents), unit: "events",
                "Most events in one frame (Flume: 100). Batches are sent as the channel holds them, so a large value costs "
                    + "no waiting."),
            timeout("connect-timeout", \.connectTimeout, "How long a connection may take."),
            timeout("request-timeout", \.requestTimeout, "How long an answer may take; then the connection is made anew."),
            .value(
                "ping-interval", \.pingInterval, .within(1000...3_600_000), unit: "ms",
                "After so much silence the peer is asked whether it is there."),
            .value("window", \.window, .within(1...1024), unit: "batches", "Batches in flight; the source may grant fewer."),
            compressionKey("compression", otherNames: [KeyNote("compression-type")]),
            .custom(
                "compression-level", unit: "level", allowed: "0 to 19", initial: "1",
                "Of zstd, 1 is fast; Flume's 0 to 9 are understood."
            ) { target, _, text throws(TailraceError) in
                guard let level = Int(configured: text), (0...19).contains(level) else {
                    throw TailraceError(
                        code: "configuration.range", message: "\"\(text)\" is not allowed here; allowed: 0 to 19")
                }
                target.compressionLevel = max(1, level)
                return nil
            },
            .value(
                "reset-connection-interval", \.resetConnectionInterval, .within(0...1_000_000), unit: "s",
                "After so long the connection is made anew, for a share of what is behind a load balancer; 0: never."),
            .ignored("maxIoWorkers", because: "one loop does all IO; no workers are needed"),
        ]
    }

    /// Flume takes its default for what is below a second.
    private static func timeout(
        _ name: String, _ field: any WritableKeyPath<RPCSinkConfiguration, Int> & Sendable, _ summary: String
    ) -> Key<RPCSinkConfiguration> {
        .custom(name, unit: "ms", allowed: "1000 to 3600000", initial: "20000", summary) {
            target, _, text throws(TailraceError) in
            guard let value = Int(configured: text), (0...3_600_000).contains(value) else {
                throw TailraceError(
                    code: "configuration.range", message: "\"\(text)\" is not allowed here; allowed: ms, 1000 to 3600000")
            }
            guard value >= 1000 else {
                return "below 1000 ms it is \(RPCSinkConfiguration()[keyPath: field]) ms, as in Flume"
            }
            target[keyPath: field] = value
            return nil
        }
    }

    private static func compressionKey(_ name: String, otherNames: [KeyNote]) -> Key<RPCSinkConfiguration> {
        .custom(
            name, unit: CompressionChoice.unit, initial: "none", otherNames: otherNames, "How bodies are compressed on the way."
        ) { target, _, text throws(TailraceError) in
            guard let choice = CompressionChoice(configured: text) else {
                throw TailraceError(
                    code: "configuration.range", message: "\"\(text)\" is not allowed here; allowed: \(CompressionChoice.unit)")
            }
            target.compression = choice
            return choice.note
        }
    }
}
