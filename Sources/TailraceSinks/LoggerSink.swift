package import TailraceCore

package struct LoggerSinkConfiguration: ComponentConfiguration {
    package var maxBytesToLog = 16
    package init() {}
}

/// Writes each event to the agent's log, in Flume's form; for trying a configuration out.
package final class LoggerSink: DeclaredComponent, EventSink {
    package static let declaration = Declaration<LoggerSinkConfiguration>(
        type: "logger", classNames: ["org.apache.flume.sink.LoggerSink"],
        summary: "Writes each event to the agent's log, for trying things out.",
        keys: [
            .value(
                "maxBytesToLog", \.maxBytesToLog, .within(0...65_536), unit: "bytes",
                "How much of a body is shown. (Flume 1.11 ignores this key and shows 16.)")
        ])

    package let name: String
    package var health = Health.ok
    package let openSlots = 1
    package weak var observer: (any SinkObserver)?
    package let peer: Endpoint? = nil
    package let largestTake = BatchSize(events: 100, bytes: .max)
    private let environment: Environment
    private let maxBytes: Int

    package init(_ configuration: LoggerSinkConfiguration, _ environment: Environment) throws(TailraceError) {
        (name, self.environment, maxBytes) = (environment.component, environment, configuration.maxBytesToLog)
    }
    package func start(_ done: @escaping Completion) { environment.loop.enqueue { done(.success(())) } }
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) { environment.loop.enqueue(done) }

    package func deliver(_ transaction: consuming TakeTransaction) {
        transaction.batch.forEach { _, event in
            environment.log(.info, "Event: \(Self.dump(event, maxBytes: maxBytes))")
        }
        transaction.settle(.delivered)
    }

    /// `{ headers:{k=v} body: 68 69                                           hi }`: as Flume's EventHelper has it.
    package static func dump(_ event: Event, maxBytes: Int) -> String {
        let headers = event.headers.map { "\($0.name)=\($0.value)" }.joined(separator: ", ")
        let shown = event.body.prefix(maxBytes)
        var hex = "", text = ""
        for byte in shown {
            let digits = String(byte, radix: 16, uppercase: true)
            hex += (digits.utf8.count < 2 ? "0" : "") + digits + " "
            text += (32..<127).contains(byte) ? String(UnicodeScalar(byte)) : "."
        }
        // A row of 16 bytes has 48 columns.
        let columns = max(1, (shown.count + 15) / 16) * 48
        return "{ headers:{\(headers)} body: \(hex)\(String(repeating: " ", count: columns - hex.utf8.count))\(text) }"
    }
}
