import TailraceCore
import Testing

@Suite struct ConnectContractTests {
    private func connect(_ fixture: any SeamFixture, _ endpoint: Endpoint, within: Duration = .seconds(5)) throws
        -> Result<any ByteStream, TailraceError>
    {
        var result: Result<any ByteStream, TailraceError>?
        let attempt = fixture.environment.network.connect(to: endpoint, deadline: fixture.loop.now + within) {
            #expect(result == nil, "answered twice")
            result = $0
        }
        #expect(result == nil, "answered within the call")
        _ = fixture.run { result == nil }
        fixture.settle()
        _ = attempt
        return try #require(result)
    }

    @Test(arguments: Seams.allCases) func nobodyListens(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let listener = try fixture.environment.network.listen(at: .host("127.0.0.1", port: 0)) { _ in }
        listener.close()
        guard case .failure(let error) = try connect(fixture, listener.endpoint) else {
            Issue.record("connected to a closed listener")
            return
        }
        #expect(error.code == "network.refused", "\(error)")
    }

    /// "not after the attempt was cancelled"
    @Test(arguments: Seams.allCases) func aCancelledAttemptIsNotAnswered(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let listener = try fixture.environment.network.listen(at: .host("127.0.0.1", port: 0)) { _ in }
        let attempt = fixture.environment.network.connect(
            to: listener.endpoint, deadline: fixture.loop.now + .milliseconds(20)
        ) { _ in Issue.record("answered") }
        attempt.cancel()
        fixture.settle()
        listener.close()
    }

    /// "With the port that was really given." "Throws `network.bind` when the address is taken or not ours."
    @Test(arguments: Seams.allCases) func anAddressIsGivenOnce(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let network = fixture.environment.network
        let listener = try network.listen(at: .host("127.0.0.1", port: 0)) { _ in }
        guard case .host("127.0.0.1", let port) = listener.endpoint else {
            Issue.record("\(listener.endpoint)")
            return
        }
        #expect(port > 0)
        let taken = #expect(throws: TailraceError.self) { _ = try network.listen(at: listener.endpoint) { _ in } }
        #expect(taken?.code == "network.bind")
        let foreign = #expect(throws: TailraceError.self) {
            _ = try network.listen(at: .host("192.0.2.1", port: 0)) { _ in }
        }
        #expect(foreign?.code == "network.bind")
        listener.close()
        fixture.settle()
        try network.listen(at: listener.endpoint) { _ in }.close()
    }

    /// "While paused, connections wait in the kernel."
    @Test(arguments: Seams.allCases) func aPausedListenerAcceptsLater(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        var accepted: [any ByteStream] = []
        let listener = try fixture.environment.network.listen(at: .host("127.0.0.1", port: 0)) { accepted.append($0) }
        listener.isPaused = true
        let stream = try connect(fixture, listener.endpoint).get()
        #expect(accepted.isEmpty)
        listener.isPaused = false
        #expect(accepted.isEmpty, "accepted within the call")
        #expect(fixture.run { accepted.isEmpty })
        fixture.settle()
        #expect(accepted.count == 1)
        listener.close()
        stream.close()
    }

    @Test(arguments: Seams.allCases) func manyConnectionsAreAllAccepted(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        var accepted: [any ByteStream] = [], connected: [any ByteStream] = [], attempts: [any Cancellable] = []
        let listener = try fixture.environment.network.listen(at: .host("127.0.0.1", port: 0)) { accepted.append($0) }
        for _ in 0..<100 {
            let deadline = fixture.loop.now + .seconds(5)
            attempts.append(
                fixture.environment.network.connect(to: listener.endpoint, deadline: deadline) {
                    if case .success(let stream) = $0 { connected.append(stream) }
                })
        }
        #expect(fixture.run { accepted.count < 100 || connected.count < 100 })
        listener.close()
    }
}
