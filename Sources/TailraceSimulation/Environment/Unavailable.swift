import TailraceCore

/// Answers where nothing is simulated yet: each call fails and says so.
final class Unavailable: Broker {
    private let error = TailraceError(code: "simulation.unavailable", message: "this seam has no simulation in this world")

    func makeProducer(
        _ settings: [String: String], failed: @escaping (TailraceError) -> Void
    ) throws(TailraceError) -> any ProducerClient { throw error }
    func makeConsumer(_ settings: [String: String], _ owner: any ConsumerOwner) throws(TailraceError) -> any ConsumerClient {
        throw error
    }
}
