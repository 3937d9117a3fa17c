package import TailraceCore

package struct RPCSourceConfiguration: ComponentConfiguration {
    package var bind = ""
    package var port = 0
    package var maxConnections = 10_000
    package var maxFrameSizeBytes = 64 << 20
    package var windowBatches = 16
    package var windowBytes = 16 << 20
    package var handshakeTimeout = 10
    package var frameTimeout = 30
    package var idleTimeout = 180
    package var tls = TLSKeys()
    package var bindsStreams = true

    package init() {}
    package func problems() -> [ConfigurationProblem] { tls.problems(.server) }

    /// nil: plaintext.
    var tlsSettings: TLSSettings? {
        var settings = tls.settings(.server)
        settings?.handshakeTime = .seconds(handshakeTimeout)
        return settings
    }

    var timeouts: RPCServerConnection.Timeouts {
        var timeouts = RPCServerConnection.Timeouts()
        timeouts.handshake = .seconds(handshakeTimeout)
        timeouts.frame = .seconds(frameTimeout)
        timeouts.idle = .seconds(idleTimeout)
        return timeouts
    }
}

extension RPCSource {
    package static var declaration: Declaration<RPCSourceConfiguration> {
        Declaration(
            type: "rpc", otherTypes: [KeyNote("avro", RPCDeclarations.avroNote)],
            classNames: ["org.apache.flume.source.AvroSource", "org.apache.flume.rpc.avro.source.AvroSource"],
            summary: "Takes batches from the rpc sinks of other agents.", keys: keys + TLSKeys.keys(\.tls, .server))
    }

    private static var keys: [Key<RPCSourceConfiguration>] {
        [
            .value("bind", \.bind, .notEmpty, isRequired: true, "Address or host name to listen at; 0.0.0.0 or :: for all."),
            .value("port", \.port, .within(0...65_535), isRequired: true, "Port to listen at; 0: any that is free."),
            .value(
                "maxConnections", \.maxConnections, .within(1...1_000_000), unit: "connections",
                "More are refused, with a message to the client."),
            .value(
                "maxFrameSizeBytes", \.maxFrameSizeBytes, .within(64 << 10...1 << 30), unit: "bytes",
                "Largest frame that is read, decompressed. Clients are told; an event that does not fit is rejected there."),
            .value(
                "windowBatches", \.windowBatches, .within(1...1024), unit: "batches",
                "Batches that a client may have sent without an answer; fewer when the channels are nearly full."),
            .value(
                "windowBytes", \.windowBytes, .within(64 << 10...1 << 30), unit: "bytes",
                "The same in bytes. One batch is always allowed."),
            .value(
                "handshake-timeout", \.handshakeTimeout, .within(1...3600), unit: "s",
                "A connection that has not greeted by then is closed."),
            .value(
                "frame-timeout", \.frameTimeout, .within(1...3600), unit: "s",
                "A frame that is not whole by then (plus one second per 256 KiB) closes its connection."),
            .value(
                "idle-timeout", \.idleTimeout, .within(10...86_400), unit: "s",
                "A connection that was silent for so long is closed. Clients send a ping after 30 s."),
            RPCDeclarations.compressionNote(),
            .ignored("compression-level", because: "the sink decides how hard it compresses"),
            .ignored("threads", because: "one loop serves all connections; no threads are needed"),
            .refused("ipFilter", fix: RPCDeclarations.filterFix),
            .ignored("ipFilterRules", because: "without ipFilter = true it has no effect"),
            .value(
                "stream-binding", \.bindsStreams, .anything,
                "With client certificates: a stream is taken only from the subject that opened it. Turn it off where several "
                    + "relays with certificates of their own pass on the same streams."),
        ]
    }
}
