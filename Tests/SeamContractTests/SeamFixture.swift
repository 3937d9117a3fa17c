import TailraceCore
import TailraceSimulation

/// Seams to be tested: an environment, and a way to let its loop run.
protocol SeamFixture: AnyObject {
    var environment: Environment { get }
    /// Runs the loop while `condition` holds, and for `limit` at most (of the loop's own time). False: it still held.
    func run(while condition: () -> Bool, limit: Duration) -> Bool
    /// Ends the loop and what runs beside it.
    func end()
    /// An empty directory for the test alone.
    var directory: String { get }
    /// What other programs do with files.
    var others: any OtherPrograms { get }
    /// The arguments of a child that does what `script` says, the same for all seams.
    func command(_ script: ChildScript) -> [String]
    /// By another program of this machine; `from`: a number for each such program.
    func sendDatagram(_ bytes: [UInt8], from program: Int, to endpoint: Endpoint) throws
    /// A topic nobody has used yet.
    func makeTopic(_ name: String, partitions: Int) throws
    /// What a client needs to get to the broker.
    var brokerSettings: [String: String] { get }
}

/// Changes files beside the agent. A call that fails ends the test.
protocol OtherPrograms {
    func write(_ path: String, _ text: String) throws
    func append(_ path: String, _ text: String) throws
    func rename(_ from: String, to: String) throws
    func remove(_ path: String) throws
    func truncate(_ path: String, to size: Int) throws
    func link(_ existing: String, _ new: String) throws
    func symlink(_ path: String, to target: String) throws
    func makeFifo(_ path: String) throws
    func makeDirectory(_ path: String) throws
}

enum ChildScript: Sendable {
    /// Prints "one\ntwo\n", and "bad\n" to its errors, and ends with 3.
    case prints
    /// Repeats what comes on its input, ends with 0 at its end.
    case echoes
    /// Prints "ready\n" and waits for ever.
    case waits
    /// Prints 1 MB of "x".
    case prints1MB
    case missing
}

extension SeamFixture {
    var loop: any EventLoop { environment.loop }
    func run(while condition: () -> Bool) -> Bool { run(while: condition, limit: .seconds(10)) }
    /// Lets a few turns go by in which nothing is expected to happen.
    func settle() {
        var isOver = false
        loop.schedule(at: loop.now + .milliseconds(50)) { isOver = true }
        _ = run { !isOver }
    }
    /// Runs until the completion that `start` gets is called, and once only.
    func wait<R>(_ start: (@escaping (Result<R, TailraceError>) -> Void) -> Void) throws -> R {
        var result: Result<R, TailraceError>?, calls = 0
        start {
            result = $0
            calls += 1
        }
        guard calls == 0 else { throw TestFailure(text: "answered within the call") }
        _ = run { result == nil }
        settle()
        guard let result, calls == 1 else { throw TestFailure(text: "answered \(calls) times") }
        return try result.get()
    }
}

struct TestFailure: Error, CustomStringConvertible {
    var text: String
    var description: String { text }
}

/// Which seams a test runs on.
enum Seams: Sendable, CaseIterable {
    case simulated, real

    func make(_ seed: UInt64 = 1) throws -> any SeamFixture {
        switch self {
        case .simulated: SimulatedFixture(seed)
        case .real: try RealFixture()
        }
    }
}
