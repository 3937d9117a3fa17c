package import TailraceCore

/// Flume's `syslogtcp`: see the declaration. What it does better: it knows counted messages, takes a last line without line
/// end, reads zones and CR LF rightly, and never lets a message have the headers of the one before.
package final class SyslogTCPSource: DeclaredSource {
    package let name: String
    package private(set) var health = Health.starting
    private let port: Int
    private let streams: SyslogStreams

    package init(
        _ configuration: SyslogTCPConfiguration, _ output: SourceOutput, _ environment: Environment
    ) throws(TailraceError) {
        (name, port) = (environment.component, configuration.port)
        streams = SyslogStreams(configuration.syslog, .single, output, environment)
    }

    /// Where it really listens, once started.
    package var endpoint: Endpoint? { streams.listeners.first?.endpoint }
    /// Read, and not yet in the hands of the output; for tests.
    var gatheredBytes: Int { streams.gatherer.batch.size.bytes + streams.gatherer.waitingBytes }

    package func start(_ done: @escaping Completion) { health = streams.start([UInt16(port)], name, done) }
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) { streams.stop(by: deadline, done) }
    package func outputHasRoom() { streams.outputHasRoom() }
}

/// Flume's `multiport_syslogtcp`.
package final class MultiportSyslogSource: DeclaredSource {
    package let name: String
    package private(set) var health = Health.starting
    private let ports: [String]
    private let streams: SyslogStreams

    package init(
        _ configuration: MultiportSyslogConfiguration, _ output: SourceOutput, _ environment: Environment
    ) throws(TailraceError) {
        (name, ports) = (environment.component, configuration.ports)
        streams = SyslogStreams(configuration.syslog, .multiport, output, environment)
    }

    /// Where it really listens, once started, in the order of `ports`.
    package var endpoints: [Endpoint] { streams.listeners.map(\.endpoint) }

    package func start(_ done: @escaping Completion) { health = streams.start(ports.compactMap { UInt16($0) }, name, done) }
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) { streams.stop(by: deadline, done) }
    package func outputHasRoom() { streams.outputHasRoom() }
}

extension SyslogStreams {
    fileprivate func start(_ ports: [UInt16], _ name: String, _ done: @escaping Completion) -> Health {
        do throws(TailraceError) {
            try start(ports)
            environment.loop.enqueue { done(.success(())) }
            return .ok
        } catch {
            environment.loop.enqueue { done(.failure(error.named(name))) }
            return .failed(error)
        }
    }
}
