package import TailraceCore

/// Flume's `syslogudp`: see the declaration.
package final class SyslogUDPSource: DeclaredSource {
    package let name: String
    package private(set) var health = Health.starting
    private let configuration: SyslogUDPConfiguration
    private let environment: Environment
    private let gatherer: EventGatherer
    private let headers: PeerHeaders
    private let names: PeerNames
    private var encoder: SyslogEncoder
    private var reader: DatagramReader!
    private let invalid: Counter

    package init(
        _ configuration: SyslogUDPConfiguration, _ output: SourceOutput, _ environment: Environment
    ) throws(TailraceError) {
        (name, self.configuration, self.environment) = (environment.component, configuration, environment)
        var limits = configuration.syslog.gathering
        limits.waitingBytes = configuration.syslog.queueBytes
        gatherer = EventGatherer(limits, output, environment)
        (headers, names) = (PeerHeaders(configuration.syslog), PeerNames(environment))
        encoder = SyslogEncoder(.single, configuration.syslog.keepFields, .utc)
        invalid = environment.counter("invalid_events_total")
        reader = DatagramReader(gatherer, environment) { [unowned self] in add($0, $1) }
    }

    /// Where it really receives, once started.
    package var endpoint: Endpoint? { reader.endpoint }

    package func start(_ done: @escaping Completion) {
        let result: Result<Void, TailraceError>, settings = configuration.syslog
        do throws(TailraceError) {
            encoder = SyslogEncoder(.single, settings.keepFields, try environment.timeZoneRules(settings.timeZone))
            try reader.start(
                at: .host(settings.host, port: UInt16(configuration.port)), receiveBufferBytes: settings.receiveBufferBytes)
            (health, result) = (.ok, .success(()))
        } catch {
            (health, result) = (.failed(error), .failure(error.named(name)))
        }
        environment.loop.enqueue { done(result) }
    }
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        reader.stop()
        gatherer.drain(by: deadline, done)
    }
    package func outputHasRoom() {
        gatherer.outputHasRoom()
        reader.read()
    }

    /// One message, whatever line ends are in it (RFC 5426); those at its end are not part of it.
    private func add(_ datagram: Datagram, _ socket: any DatagramSocket) {
        var bytes = datagram.bytes
        while let last = bytes.last, last == 0x0A || last == 0x0D || last == 0 {
            bytes = UnsafeRawBufferPointer(rebasing: bytes.dropLast())
        }
        guard !bytes.isEmpty else { return }
        let before = encoder.marks.invalid
        let now = environment.loop.wallTime.milliseconds, peer = headers.isEmpty ? Bytes() : peerHeaders(datagram, socket)
        encoder.add(bytes, datagram.isTruncated ? .cut : .whole, now: now, peer: peer, to: &gatherer.batch)
        gatherer.added()
        if encoder.marks.invalid > before { invalid.add(1) }
    }
    private func peerHeaders(_ datagram: Datagram, _ socket: any DatagramSocket) -> Bytes {
        let sender = socket.sender(datagram.index)
        let name = headers.name == nil ? "" : names.nameNow(of: sender.hostText)
        return headers.encoded(sender, name: name, localPort: socket.endpoint.portNumber)
    }
}
