import TailraceCore

/// Answers where nothing is simulated yet: each call fails and says so.
final class Unavailable: FileSystem, Processes, Broker {
    private let error = TailraceError(code: "simulation.unavailable", message: "this seam has no simulation in this world")

    func open(_ path: String) throws(TailraceError) -> any ReadableFile { throw error }
    func information(_ path: String) throws(TailraceError) -> FileInformation { throw error }
    func scan(_ directory: String) throws(TailraceError) -> any DirectoryScan { throw error }
    func watch(_ directory: String, _ changed: @escaping ([String]?) -> Void) throws(TailraceError) -> any Cancellable {
        throw error
    }
    func disk(_ directory: String) throws(TailraceError) -> any Disk { throw error }
    func spawn(
        _ arguments: [String], environment: [String: String], _ exited: @escaping (Int32) -> Void
    ) throws(TailraceError) -> any ChildProcess { throw error }
    func makeProducer(
        _ settings: [String: String], failed: @escaping (TailraceError) -> Void
    ) throws(TailraceError) -> any ProducerClient { throw error }
    func makeConsumer(_ settings: [String: String], _ owner: any ConsumerOwner) throws(TailraceError) -> any ConsumerClient {
        throw error
    }
}
