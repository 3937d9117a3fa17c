package import TailraceCore

/// The keys that the sources of syslog share.
private enum SyslogKeys {
    static let convertFix = "convert at the sender"

    // What differs from Flume, for the manual.
    static let betterByLine =
        "Lines end with LF or CR LF (Flume cannot read those with CR), the last one also with the connection; when that is broken "
        + "off, its last line is marked Incomplete (Flume loses it)."
    static let better =
        "A time with a zone keeps it (Flume reads it as local time when it has a fraction). A time without year is of the "
        + "latest year in which it is no more than 31 days ahead. What cannot be read as a message is kept whole, bytes "
        + "unchanged: without <priority> with flume.syslog.status = Invalid, else with Facility and Severity alone; nothing of "
        + "the message before it is left in its headers (in Flume priority and version are)."

    static func common<C: SyslogConfiguration>() -> [Key<C>] {
        [
            .value("host", \C.syslog.host, .notEmpty, "Address or host name to listen at."),
            .value(
                "keepFields", \C.syslog.keepFields, .anything,
                "What stays in the body, before the rest: <priority>, version, time and host are taken out otherwise. App name, "
                    + "process, message id and structured data of RFC 5424 always stay there, as in Flume."),
            .value("clientIPHeader", \C.syslog.clientIPHeader, .anything, "Name of a header for the peer's address."),
            .value(
                "clientHostnameHeader", \C.syslog.clientHostnameHeader, .anything,
                "Name of a header for the peer's name, by the name service; its address, if it has none within 2 s."),
            .value("portHeader", \C.syslog.portHeader, .anything, "Name of a header for the port at which the event came."),
            .value(
                "batchSize", \C.syslog.batchSize, .within(1...16_384), unit: "events",
                "Most events of one batch. (Flume's sources for one port write each event by itself.)"),
            .value(
                "batchTimeout", \C.syslog.batchTimeoutMilliseconds, .within(1...60_000), unit: "ms",
                "An incomplete batch waits so long for more events."),
            .value(
                "timeZone", \C.syslog.timeZone, .anything, unit: "Europe/Berlin, +08:00 …",
                "Zone of times that do not say theirs (RFC 3164). Default: this machine's."),
        ]
    }

    static func stream<C: SyslogConfiguration>() -> [Key<C>] {
        [
            .value(
                "eventSize", \C.syslog.eventSize, .within(64...Limits.eventBytes), unit: "bytes",
                "A longer line is cut there and marked Incomplete; the rest follows as events of this size marked Invalid."),
            .value(
                "maxConnections", \C.syslog.maxConnections, .within(1...100_000), unit: "connections",
                "More than these are closed at once. Each may hold one incomplete event in memory."),
            .value(
                "idleTimeout", \C.syslog.idleTimeoutSeconds, .within(0...86_400), unit: "s",
                "A connection that sent nothing for so long is closed; 0: never (a peer that is gone is noticed all the same)."),
        ] + RefusedTLSKeys.all(server: true)
    }

    /// Of Flume's sources for one port.
    static func formats<C: SyslogConfiguration>() -> [Key<C>] {
        [
            .family("format.*", "Refused: patterns of one's own.") { _, _, _ throws(TailraceError) in
                throw TailraceError(
                    code: "configuration.unsupported", message: "patterns of one's own for syslog are not supported",
                    fix: "take them out: RFC 3164 and RFC 5424 are known; use a regex_extractor interceptor for other forms")
            }
        ]
    }
}

extension SyslogTCPSource {
    package static var declaration: Declaration<SyslogTCPConfiguration> {
        Declaration(
            type: "syslogtcp", classNames: ["org.apache.flume.source.SyslogTcpSource"],
            summary: "Messages of syslog over TCP: RFC 3164 and RFC 5424, by line or counted in octets (RFC 6587). The "
                + "protocol has no answer: what was read and is not yet stored at a crash is lost. While the channel is full "
                + "nothing is read, and the sender waits. \(SyslogKeys.betterByLine) \(SyslogKeys.better)",
            keys: [.value("port", \.port, .within(0...65_535), isRequired: true, "Port to listen at; 0: any that is free.")]
                + SyslogKeys.common() + SyslogKeys.stream() + SyslogKeys.formats())
    }
}

extension MultiportSyslogSource {
    package static var declaration: Declaration<MultiportSyslogConfiguration> {
        Declaration(
            type: "multiport_syslogtcp", classNames: ["org.apache.flume.source.MultiportSyslogTCPSource"],
            summary: "As syslogtcp, at several ports, with Flume's header names for it (Priority, Version). As in Flume, a "
                + "message with time - has the time of receipt, and one without time or host is Invalid and has no Facility. "
                + "Unlike Flume, a time without year gets the right year (Flume: 2001 or 1999), in timeZone (Flume: UTC).",
            keys: [
                .value(
                    "ports", \.ports, Allowed("one or more") { !$0.isEmpty }, unit: "ports, separated by blanks",
                    isRequired: true, "Ports to listen at."),
                Charsets.key("charset.default", initial: "UTF-8", fix: SyslogKeys.convertFix),
                .family("charset.port.<port>", "As charset.default, for one port.") { _, _, text throws(TailraceError) in
                    try Charsets.check("charset", text, fix: SyslogKeys.convertFix)
                    return nil
                },
                .ignored(
                    "readBufferBytes", because: "one buffer of 64 KiB serves all connections"),
                .ignored("readBufferSize", because: "one buffer of 64 KiB serves all connections"),
                .ignored("numProcessors", because: "one loop serves all connections; no threads are needed"),
            ] + SyslogKeys.common() + SyslogKeys.stream())
    }
}

extension SyslogUDPSource {
    package static var declaration: Declaration<SyslogUDPConfiguration> {
        Declaration(
            type: "syslogudp", classNames: ["org.apache.flume.source.SyslogUDPSource"],
            summary: "Messages of syslog over UDP (RFC 3164 and RFC 5424), one in each datagram, up to 64 KiB; Flume cuts "
                + "them at 2 KiB and takes their first line only. UDP has no answer and no back-pressure: what finds no room is "
                + "lost and counted (kernel_dropped_datagrams_total). \(SyslogKeys.better)",
            keys: [.value("port", \.port, .within(0...65_535), isRequired: true, "Port to listen at; 0: any that is free.")]
                + SyslogKeys.common() + SyslogKeys.formats()
                + DatagramKeys.all(\.syslog.receiveBufferBytes, \.syslog.queueBytes)
                + [.ignored("eventSize", because: "a datagram is taken whole, up to 64 KiB")])
    }
}

/// The keys of the sources that read datagrams.
enum DatagramKeys {
    static func all<C: ComponentConfiguration>(
        _ receiveBuffer: any WritableKeyPath<C, Int> & Sendable, _ queue: any WritableKeyPath<C, Int> & Sendable
    ) -> [Key<C>] {
        [
            .value(
                "receiveBufferSize", receiveBuffer, .within(4096...1 << 30), unit: "bytes",
                "What the kernel holds that is not yet read; it may give less (net.core.rmem_max)."),
            .value(
                "queueBytes", queue, .within(0...1 << 30), unit: "bytes",
                "What is held here while the channels are full, before the kernel has to drop datagrams."),
        ]
    }
}
