import CLinux
import Glibc
import TailraceCore
import Testing

@testable import TailraceIO

/// A listener and what it accepted.
private final class Server {
    let accepted = Note<any ByteStream>()
    let listener: any Listener

    init(_ network: EpollNetwork, _ endpoint: Endpoint = .host("127.0.0.1", port: 0)) throws {
        let accepted = accepted
        listener = try network.listen(at: endpoint) { accepted.values.append($0) }
    }
}

@Suite struct NetworkTests {
    private func connect(
        _ loop: EpollLoop, _ network: EpollNetwork, _ endpoint: Endpoint, within limit: Duration = .seconds(10)
    )
        throws -> any ByteStream
    {
        try outcome(loop, network, endpoint, within: limit).get()
    }

    private func outcome(
        _ loop: EpollLoop, _ network: EpollNetwork, _ endpoint: Endpoint, within limit: Duration = .seconds(10)
    ) -> Result<any ByteStream, TailraceError> {
        let results = Note<Result<any ByteStream, TailraceError>>()
        _ = network.connect(to: endpoint, deadline: loop.soon(limit)) { results.values.append($0) }
        #expect(results.values.isEmpty, "an answer comes in a later turn")
        loop.run(until: { !results.values.isEmpty })
        return results.last ?? .failure(.stopped)
    }

    private func failure(_ result: Result<any ByteStream, TailraceError>) -> TailraceError? {
        if case .failure(let error) = result { error } else { nil }
    }

    private func pair(_ loop: EpollLoop, _ network: EpollNetwork, _ endpoint: Endpoint = .host("127.0.0.1", port: 0)) throws
        -> (client: any ByteStream, server: any ByteStream, listener: any Listener)
    {
        let server = try Server(network, endpoint)
        let client = try connect(loop, network, server.listener.endpoint)
        loop.run(until: { !server.accepted.values.isEmpty })
        return (client, try #require(server.accepted.last), server.listener)
    }

    @Test(arguments: ["127.0.0.1", "::1", "path"]) func bytesGoBothWays(host: String) throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let directory = try TemporaryDirectory()
        let endpoint: Endpoint = host == "path" ? .path(directory.file("s")) : .host(host, port: 0)
        let (client, server, listener) = try pair(loop, network, endpoint)
        let (left, right) = (Reader(client), Reader(server))
        try left.send("hello")
        try right.send("world")
        loop.run(until: { left.text == "world" && right.text == "hello" })
        if case .host(_, let port) = listener.endpoint {
            #expect(port != 0)
            #expect(client.peer == .host(host, port: port))
        } else {
            #expect(client.peer == endpoint)
        }
        // One end: half closed, the other goes on.
        client.finishWriting()
        loop.run(until: { right.ended })
        try right.send("more")
        loop.run(until: { left.text == "worldmore" })
        server.close()
        loop.run(until: { left.ended })
    }

    @Test func aUnixSocketIsForItsOwnerOnlyAndGoneAfterClose() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let directory = try TemporaryDirectory()
        let path = directory.file("socket")
        let server = try Server(network, .path(path))
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(throws: TailraceError.self) { try Server(network, .path(path)) }
        server.listener.close()
        #expect(stat(path, &status) == -1)
    }

    @Test func aStaleUnixSocketIsReplacedAndAFileIsNot() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let directory = try TemporaryDirectory()
        let path = directory.file("socket")
        // What a killed process leaves: a bound socket without a listener.
        let dead = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let address = try SocketAddress(path: path)
        try #require(address.withAddress { bind(dead, $0, $1) } == 0)
        close(dead)
        let server = try Server(network, .path(path))
        _ = try connect(loop, network, .path(path))
        server.listener.close()

        put("text", at: path)
        let error = #expect(throws: TailraceError.self) { try Server(network, .path(path)) }
        #expect(error?.code == "network.bind")
        #expect(contents(path) == "text")
    }

    @Test func aPathThatIsTooLongIsRefusedByName() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let path = "/tmp/" + String(repeating: "x", count: 200)
        let error = #expect(throws: TailraceError.self) { try Server(network, .path(path)) }
        #expect(error?.code == "network.path")
        #expect(error?.message.contains("1 to 107 bytes, this one has 205") == true)
        #expect(failure(outcome(loop, network, .path(path)))?.code == "network.path")
    }

    @Test func nobodyListens() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let server = try Server(network)
        let endpoint = server.listener.endpoint
        server.listener.close()
        let error = try #require(failure(outcome(loop, network, endpoint)))
        #expect(error.code == "network.refused")
        #expect(error.message == "\(endpoint): connection refused")
        #expect(error.fix != nil)
        #expect(failure(outcome(loop, network, .path("/tmp/tailrace-nobody-is-here")))?.code == "network.refused")
    }

    @Test func aPortThatIsTaken() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let server = try Server(network)
        let error = #expect(throws: TailraceError.self) { try Server(network, server.listener.endpoint) }
        #expect(error?.code == "network.bind")
        #expect(error?.message == "cannot listen at \(server.listener.endpoint): Address already in use")
        let foreign = #expect(throws: TailraceError.self) { try Server(network, .host("192.0.2.1", port: 0)) }
        #expect(foreign?.code == "network.bind")
    }

    @Test func aResetIsAnErrorOfTheReadAndTheWrite() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let (client, server, _) = try pair(loop, network)
        let reader = Reader(client)
        try reader.send("never read")
        // Closing with unread bytes resets the connection.
        let descriptor = server
        loop.run(until: {
            reader.failure != nil || reader.ended
                || {
                    descriptor.close(); return false
                }()
        })
        #expect(reader.failure?.code == "network.reset")
        var queue = OutputQueue()
        queue.append(Bytes("x"))
        #expect(throws: TailraceError.self) { try client.write(&queue) }
        #expect(throws: TailraceError.self) {
            try withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { try client.read(into: $0) }
        }
    }

    @Test func oneSignalFollowsEachNoAndNoneComesBefore() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let (client, server, _) = try pair(loop, network)
        let (left, right) = (Reader(client), Reader(server, reading: false))
        try left.send("one")
        for _ in 0..<5 { loop.turn(waitingAtMost: .milliseconds(5)) }
        #expect(right.readableSignals == 0, "it never heard a no")
        right.readAll()
        #expect(right.text == "one")
        try left.send("two")
        loop.run(until: { right.text == "onetwo" })
        #expect(right.readableSignals == 1)
        for _ in 0..<5 { loop.turn(waitingAtMost: .milliseconds(5)) }
        #expect(right.readableSignals == 1)
    }

    @Test func whoDoesNotReadIsNotToldAndStopsThePeer() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let (client, server, _) = try pair(loop, network)
        let (left, right) = (Reader(client, reading: false), Reader(server, reading: false))
        let chunk = Bytes(String(repeating: "x", count: 1 << 20))
        var queue = OutputQueue()
        var sent = 0
        while queue.isEmpty && sent < 200 {
            queue.append(chunk)
            sent += 1
            _ = try client.write(&queue)
        }
        let result = try client.write(&queue)
        #expect(result == .wouldBlock)
        let waiting = queue.byteCount
        for _ in 0..<5 { loop.turn(waitingAtMost: .milliseconds(2)) }
        #expect(left.writableSignals == 0)
        #expect(right.readableSignals == 0)
        // Now it reads: the rest goes.
        let pending = Note<OutputQueue>()
        pending.values = [queue]
        left.onWritable = {
            do throws(TailraceError) {
                _ = try client.write(&pending.values[0])
            } catch {
                Issue.record("\(error)")
            }
        }
        right.readAll()
        loop.run(until: { right.text.utf8.count == sent << 20 })
        #expect(pending.values[0].isEmpty)
        #expect(left.writableSignals >= 1)
        #expect(waiting > 0)
    }

    /// A loop that reported the error of somebody who does not listen in each turn would spin.
    @Test func aBrokenConnectionThatNobodyWantsToReadMakesNoTurns() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let (client, server, _) = try pair(loop, network)
        let right = Reader(server)
        server.handler = nil  // it asked to be told, and then lost interest
        let left = Reader(client, reading: false)
        try right.send("unread")
        client.close()
        for _ in 0..<5 { loop.turn(waitingAtMost: .milliseconds(2)) }
        let before = SystemClock.now()
        loop.turn(waitingAtMost: .milliseconds(20))
        #expect(SystemClock.now() - before >= .milliseconds(20))
        right.readAll()
        loop.run(until: {
            right.failure != nil || right.ended
                || {
                    right.readAll(); return false
                }()
        })
        withExtendedLifetime(left) {}
    }

    @Test func noSignalAfterClose() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let (client, server, _) = try pair(loop, network)
        let (left, right) = (Reader(client), Reader(server))
        try left.send("x")
        server.close()
        for _ in 0..<5 { loop.turn(waitingAtMost: .milliseconds(2)) }
        #expect(right.readableSignals == 0)
        let error = #expect(throws: TailraceError.self) {
            try withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { try server.read(into: $0) }
        }
        #expect(error?.code == "network.closed")
    }

    @Test func aStreamIsClosedWithItsLastReference() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        var server: Server? = try Server(network)
        let client = try connect(loop, network, server!.listener.endpoint)
        loop.run(until: { !server!.accepted.values.isEmpty })
        let reader = Reader(client)
        server = nil
        loop.run(until: { reader.ended })
    }

    // MARK: - Names

    @Test func aNameThatHangsStallsOnlyWhoAskedForIt() throws {
        let loop = try EpollLoop()
        let gate = BlockingQueue<Int>()
        let network = EpollNetwork(loop) { name in
            if name == "hangs.example" { _ = gate.takeAll() }
            return lookUp("127.0.0.1")
        }
        defer { gate.finish() }
        let server = try Server(network)
        guard case .host(_, let port) = server.listener.endpoint else { return }
        let slow = Note<Result<any ByteStream, TailraceError>>()
        let start = loop.now
        _ = network.connect(to: .host("hangs.example", port: port), deadline: loop.soon(.milliseconds(300))) {
            slow.values.append($0)
        }
        _ = try connect(loop, network, .host("fast.example", port: port))
        #expect(slow.values.isEmpty)
        loop.run(until: { !slow.values.isEmpty })
        #expect(loop.now - start >= .milliseconds(300))
        let error = try #require(failure(slow.values[0]))
        #expect(error.code == "network.timeout")
        #expect(error.message == "hangs.example:\(port): the name service has not answered by the deadline")
        #expect(slow.values.count == 1)
    }

    @Test func threadsForNamesAreBoundedAndShared() throws {
        let loop = try EpollLoop()
        let gate = BlockingQueue<Int>()
        let network = EpollNetwork(loop) { _ in
            _ = gate.takeAll()
            return lookUp("127.0.0.1")
        }
        let results = Note<Bool>()
        var attempts: [any Cancellable] = []
        for index in 0..<40 {
            for _ in 0..<3 {
                attempts.append(
                    network.connect(to: .host("name\(index).example", port: 1), deadline: loop.soon()) {
                        if case .failure(let error) = $0 { results.values.append(error.code == "network.refused") }
                    })
            }
        }
        #expect(network.resolver.threadCount == Resolver.largestThreadCount)
        for attempt in attempts.suffix(60) { attempt.cancel() }
        gate.finish()
        loop.run(until: { results.values.count == 60 && network.resolver.threadCount == 0 })
        #expect(!results.values.contains(false))
    }

    @Test func aNameWithoutAddress() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop) { _ in .failure(ResolverFailure(reason: "Name or service not known")) }
        let error = try #require(failure(outcome(loop, network, .host("no.example", port: 9))))
        #expect(error.code == "network.resolve")
        #expect(error.message == "no address for no.example: Name or service not known")
        let bind = #expect(throws: TailraceError.self) { try Server(network, .host("no.example", port: 0)) }
        #expect(bind?.code == "network.resolve")
    }

    @Test func addressesAreTriedInTurn() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop) { _ in
            let both = ["127.0.0.2", "127.0.0.1"].compactMap { SocketAddress(literal: $0, port: 0) }
            return .success(both)
        }
        let server = try Server(network)
        guard case .host(_, let port) = server.listener.endpoint else { return }
        let stream = try connect(loop, network, .host("two.example", port: port))
        #expect(stream.peer == .host("127.0.0.1", port: port))
        server.listener.close()
        let error = try #require(failure(outcome(loop, network, .host("two.example", port: port))))
        #expect(error.message.contains("127.0.0.2") && error.message.contains("127.0.0.1"))
    }

    @Test func aCancelledAttemptSaysNothing() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let server = try Server(network)
        let results = Note<Int>()
        let attempt = network.connect(to: server.listener.endpoint, deadline: loop.soon()) { _ in results.values.append(1) }
        attempt.cancel()
        let refused = network.connect(to: .path("/tmp/tailrace-nobody"), deadline: loop.soon()) { _ in results.values.append(1)
        }
        refused.cancel()
        for _ in 0..<5 { loop.turn(waitingAtMost: .milliseconds(2)) }
        #expect(results.values.isEmpty)
    }

    @Test func aDeadlineThatHasPassedIsAnswered() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        // An address that is for documentation: nobody answers, or there is no route.
        let error = try #require(failure(outcome(loop, network, .host("192.0.2.1", port: 9), within: .milliseconds(-1))))
        #expect(["network.timeout", "network.unreachable"].contains(error.code))
    }

    // MARK: - Accepting

    @Test func aPausedListenerLeavesConnectionsInTheKernel() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let server = try Server(network)
        server.listener.isPaused = true
        let client = try connect(loop, network, server.listener.endpoint)
        for _ in 0..<3 { loop.turn(waitingAtMost: .milliseconds(2)) }
        #expect(server.accepted.values.isEmpty)
        server.listener.isPaused = false
        loop.run(until: { server.accepted.values.count == 1 })
        withExtendedLifetime(client) {}
    }

    @Test func aTurnAcceptsABoundedNumber() throws {
        let loop = try EpollLoop()
        let network = EpollNetwork(loop)
        let server = try Server(network)
        server.listener.isPaused = true
        var clients: [any ByteStream] = []
        for _ in 0..<100 { clients.append(try connect(loop, network, server.listener.endpoint)) }
        server.listener.isPaused = false
        loop.turn()
        #expect(server.accepted.values.count == SocketListener.acceptsPerTurn)
        loop.run(until: { server.accepted.values.count == 100 })
    }

    @Test func outOfDescriptorsItPausesAndTriesAgain() throws {
        let loop = try EpollLoop()
        let failures = Note<Int>()
        failures.values = [0]
        let network = EpollNetwork(
            loop, lookUp: { lookUp($0) },
            accept: {
                if failures.values[0] < 2 {
                    failures.values[0] += 1
                    errno = EMFILE
                    return -1
                }
                return clinux_accept($0, $1, $2)
            })
        let server = try Server(network)
        let start = loop.now
        let client = try connect(loop, network, server.listener.endpoint)
        loop.run(until: { server.accepted.values.count == 1 })
        #expect(failures.values[0] == 2)
        #expect(loop.now - start >= SocketListener.pauseWithoutDescriptors + SocketListener.pauseWithoutDescriptors)
        withExtendedLifetime(client) {}
    }
}
