package import TailraceCore

/// The broker seam for real: Kafka by librdkafka. One for each loop; each client has librdkafka's threads, an eventfd that
/// the loop watches, and a ``WorkThread`` once it asks for something that waits.
package final class RdkafkaBroker: Broker {
    private let loop: any DescriptorLoop
    private let log: any Log
    private let component: String

    /// `log` gets librdkafka's lines, in the name of `component`.
    package init(_ loop: any DescriptorLoop, _ log: any Log, component: String = "kafka") {
        (self.loop, self.log, self.component) = (loop, log, component)
    }

    package func makeProducer(
        _ settings: [String: String], failed: @escaping (TailraceError) -> Void
    ) throws(TailraceError) -> any ProducerClient {
        try RdkafkaProducer(settings, loop, log, component, failed: failed)
    }

    package func makeConsumer(
        _ settings: [String: String], _ owner: any ConsumerOwner
    ) throws(TailraceError) -> any ConsumerClient {
        try RdkafkaConsumer(settings, loop, log, component, owner)
    }
}
