import TailraceCore

/// Names to addresses.
typealias Resolver = LookUps<[SocketAddress]>

/// Questions to the name service, by threads, because the C library's resolver waits.
///
/// Each name (or address) that is asked for has one thread, however many ask; at most ``largestThreadCount`` names at a time, the others
/// in a line. A thread that hangs is left alone until it comes back: who asked has a deadline of its own and gives up.
final class LookUps<Value: Sendable> {
    typealias Answer = Result<Value, ResolverFailure>
    /// Called on a thread; may block.
    typealias Function = @Sendable (String) -> Answer

    static var largestThreadCount: Int { 16 }

    private struct Query {
        var waiters: [(id: UInt64, done: (Answer) -> Void)] = []
        var isRunning = false
    }
    private let function: Function
    private var port: LoopPort<(String, Answer)>!
    private var queries: [String: Query] = [:]
    private var line: [String] = []
    private(set) var threadCount = 0
    private var lastID: UInt64 = 0

    init(_ loop: any EventLoop, _ function: @escaping Function) {
        self.function = function
        port = loop.openPort { [weak self] (name, answer) in self?.ended(name, answer) }
    }

    /// `done`: once, in a later turn, unless the request was cancelled. Returns the request's number.
    func resolve(_ name: String, _ done: @escaping (Answer) -> Void) -> UInt64 {
        lastID += 1
        let isNew = queries[name] == nil
        queries[name, default: Query()].waiters.append((lastID, done))
        if isNew {
            line.append(name)
            startThreads()
        }
        return lastID
    }

    /// After it `done` does not run.
    func cancel(_ request: UInt64, of name: String) {
        guard var query = queries[name] else { return }
        query.waiters.removeAll { $0.id == request }
        if query.waiters.isEmpty && !query.isRunning {
            queries[name] = nil
            line.removeAll { $0 == name }
        } else {
            queries[name] = query
        }
    }

    private func startThreads() {
        while threadCount < Self.largestThreadCount && !line.isEmpty {
            let name = line.removeFirst()
            queries[name]!.isRunning = true
            threadCount += 1
            startThread("resolver") { [port = port!, function] in port.post((name, function(name))) }
        }
    }

    private func ended(_ name: String, _ answer: Answer) {
        threadCount -= 1
        let query = queries.removeValue(forKey: name)!
        startThreads()
        for waiter in query.waiters { waiter.done(answer) }
    }
}
