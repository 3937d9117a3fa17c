package import TailraceCore

#if canImport(Glibc)
    import Glibc
#endif

package struct NetcatUDPConfiguration: BatchingConfiguration {
    package var bind = ""
    package var port = 0
    package var remoteAddressHeader: String?
    package var batchSize = 100
    package var batchTimeoutMilliseconds = 20
    package var receiveBufferBytes = 4 << 20
    package var queueBytes = 8 << 20
    package init() {}

    package var batchEvents: Int { batchSize }
}

/// Flume's `netcatudp`: each line of a datagram is an event (Flume takes the first line and drops the rest).
package final class NetcatUDPSource: DeclaredSource {
    package static let declaration = Declaration<NetcatUDPConfiguration>(
        type: "netcatudp", classNames: ["org.apache.flume.source.NetcatUdpSource"],
        summary: "Each line of a UDP datagram is an event; Flume drops all but the first line. UDP has no answer and no "
            + "back-pressure: what finds no room is lost and counted (kernel_dropped_datagrams_total).",
        keys: [
            .value("bind", \.bind, .notEmpty, isRequired: true, "Address to receive at; 0.0.0.0 for all."),
            .value("port", \.port, .within(0...65_535), unit: "port", isRequired: true, "Port to receive at; 0: any."),
            .value(
                "remoteAddress", \.remoteAddressHeader, .anything, otherNames: [KeyNote("remoteAddressHeader")],
                "Name of a header for the sender, as /address:port."),
            .value("batchSize", \.batchSize, .within(1...16_384), unit: "events", "Most events of one batch."),
            .value(
                "batchTimeout", \.batchTimeoutMilliseconds, .within(1...60_000), unit: "ms",
                "An incomplete batch waits so long for more events."),
        ] + DatagramKeys.all(\.receiveBufferBytes, \.queueBytes))

    package let name: String
    package private(set) var health = Health.starting
    private let configuration: NetcatUDPConfiguration
    private let environment: Environment
    private let gatherer: EventGatherer
    private var reader: DatagramReader!

    package init(
        _ configuration: NetcatUDPConfiguration, _ output: SourceOutput, _ environment: Environment
    ) throws(TailraceError) {
        (name, self.configuration, self.environment) = (environment.component, configuration, environment)
        let limits = EventGatherer.Limits(
            events: configuration.batchSize, time: .milliseconds(configuration.batchTimeoutMilliseconds),
            waitingBytes: configuration.queueBytes)
        gatherer = EventGatherer(limits, output, environment)
        reader = DatagramReader(gatherer, environment) { [unowned self] in add($0, $1) }
    }

    /// Where it really receives, once started.
    package var endpoint: Endpoint? { reader.endpoint }

    package func start(_ done: @escaping Completion) {
        let result: Result<Void, TailraceError>
        do throws(TailraceError) {
            let endpoint = Endpoint.host(configuration.bind, port: UInt16(configuration.port))
            try reader.start(at: endpoint, receiveBufferBytes: configuration.receiveBufferBytes)
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

    private func add(_ datagram: Datagram, _ socket: any DatagramSocket) {
        let header = configuration.remoteAddressHeader.map {
            EventHeaderTable.encoded([Header($0, "/\(socket.sender(datagram.index))")])
        }
        var rest = datagram.bytes
        while !rest.isEmpty {
            let end = memchr(rest.baseAddress!, 0x0A, rest.count).map { UnsafeRawPointer($0) - rest.baseAddress! }
            gatherer.batch.appendBody(UnsafeRawBufferPointer(rebasing: rest[..<(end ?? rest.count)]))
            if let header { gatherer.batch.appendHeaders(header) }
            gatherer.batch.endEvent()
            gatherer.added()
            rest = UnsafeRawBufferPointer(rebasing: rest[min(rest.count, (end ?? rest.count) + 1)...])
        }
    }
}
