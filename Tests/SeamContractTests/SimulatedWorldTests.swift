import TailraceCore
import TailraceSimulation
import Testing

/// What only a simulated world has: replay, crashes, partitions, pauses.
@Suite struct SimulatedWorldTests {
    /// Some traffic between two hosts with every network fault; returns the transcript and what arrived.
    private func traffic(_ seed: UInt64) throws -> (Transcript, [UInt8]) {
        let world = SimulatedWorld(seed: seed)
        world.faults.delay = 0.05
        world.faults.stall = 0.01
        world.faults.reset = 0.01
        world.faults.refuse = 0.2
        let server = world.makeHost("server"), client = world.makeHost("client")
        let there = server.makeEnvironment(component: "there"), here = client.makeEnvironment(component: "here")
        var accepted: [Talker] = [], attempts: [any Cancellable] = [], connected: [Talker] = []
        let listener = try there.network.listen(at: .host("0.0.0.0", port: 4000)) {
            let talker = Talker($0)
            accepted.append(talker)
            talker.read()
        }
        for _ in 0..<5 {
            attempts.append(
                here.network.connect(to: .host("server", port: 4000), deadline: here.loop.now + .seconds(3)) {
                    guard case .success(let stream) = $0 else { return }
                    let talker = Talker(stream)
                    connected.append(talker)
                    talker.send(sample(50_000), finish: true)
                })
        }
        world.run(for: .seconds(100))
        listener.close()
        return (world.transcript, accepted.flatMap(\.received))
    }

    @Test(arguments: 0..<10 as Range<UInt64>) func theSameSeedGivesTheSameTranscript(_ seed: UInt64) throws {
        let (first, bytes) = try traffic(seed), (second, again) = try traffic(seed)
        #expect(first.hash == second.hash && first.lines == second.lines)
        #expect(bytes == again)
        #expect(try traffic(seed + 1000).0.hash != first.hash)
    }

    private func connected(_ world: SimulatedWorld) throws -> (SimulatedHost, SimulatedHost, Talker, Talker) {
        let server = world.makeHost("server"), client = world.makeHost("client")
        let there = server.makeEnvironment(component: "there"), here = client.makeEnvironment(component: "here")
        var accepted: Talker?, connected: Talker?
        let listener = try there.network.listen(at: .host("server", port: 4000)) { accepted = Talker($0) }
        let attempt = here.network.connect(to: .host("server", port: 4000), deadline: here.loop.now + .seconds(3)) {
            if case .success(let stream) = $0 { connected = Talker(stream) }
        }
        world.run { accepted == nil || connected == nil }
        _ = (listener, attempt)
        return (server, client, try #require(accepted), try #require(connected))
    }

    @Test func aPartitionHoldsBytesBackUntilItHeals() throws {
        let world = SimulatedWorld(seed: 1), (server, client, there, here) = try connected(world)
        there.read()
        world.partition(client, server)
        here.send(sample(100))
        world.run(for: .seconds(60))
        #expect(there.received.isEmpty && there.error == nil)
        var result: Result<any ByteStream, TailraceError>?
        let attempt = client.makeEnvironment(component: "other").network.connect(
            to: .host("server", port: 4000), deadline: world.now + .seconds(3)
        ) { result = $0 }
        world.run(for: .seconds(10))
        guard case .failure(let error)? = result else { throw TailraceError(code: "test", message: "connected") }
        #expect(error.code == "network.timeout")
        world.heal(client, server)
        #expect(world.run { there.received.count < 100 })
        _ = attempt
    }

    @Test func aCrashResetsThePeerAndNothingOfTheHostRunsAgain() throws {
        let world = SimulatedWorld(seed: 2), (server, client, there, here) = try connected(world)
        here.read()
        server.loop.schedule(at: world.now + .seconds(1)) { Issue.record("a timer of a crashed host ran") }
        server.loop.enqueue { Issue.record("work of a crashed host ran") }
        let old = server.loop
        server.crash()
        #expect(!server.isUp)
        old.enqueue { Issue.record("work of a crashed host ran") }
        #expect(world.run { here.error == nil })
        #expect(here.error?.code == "network.reset")
        world.run(for: .seconds(5))
        server.restart()
        let listener = try server.makeEnvironment(component: "there").network.listen(at: .host("server", port: 4000)) { _ in }
        var isConnected = false
        let attempt = client.makeEnvironment(component: "again").network.connect(
            to: .host("server", port: 4000), deadline: world.now + .seconds(3)
        ) { if case .success = $0 { isConnected = true } }
        #expect(world.run { !isConnected })
        _ = (listener, attempt, there)
    }

    @Test func aPausedHostDoesNothingAndThenGoesOn() throws {
        let world = SimulatedWorld(seed: 3), (server, _, there, here) = try connected(world)
        there.read()
        server.pause(for: .seconds(10))
        here.send(sample(100))
        let paused = world.now
        world.run(for: .seconds(9))
        #expect(there.received.isEmpty)
        #expect(world.run { there.received.count < 100 })
        #expect(world.now - paused >= .seconds(10))
    }

    @Test func aNameServerThatHangsAndOneThatDoesNotKnow() throws {
        let world = SimulatedWorld(seed: 4), client = world.makeHost("client")
        world.fabric.names["slow"] = .hangs
        var codes: [String] = [], attempts: [any Cancellable] = []
        for name in ["slow", "nowhere"] {
            attempts.append(
                client.makeEnvironment(component: "c").network.connect(
                    to: .host(name, port: 1), deadline: world.now + .seconds(3)
                ) {
                    if case .failure(let error) = $0 { codes.append(error.code) }
                })
        }
        #expect(world.run { codes.count < 2 })
        #expect(codes == ["network.resolve", "network.timeout"])
    }

    @Test func workThatNeverEndsEndsTheProgramWithAMessage() async {
        await #expect(processExitsWith: .failure) {
            let world = SimulatedWorld(seed: 5)
            world.stepLimit = 1000
            let loop = world.makeHost("spinning").loop
            func again() { loop.enqueue { again() } }
            again()
            world.run(for: .seconds(10))
        }
    }
}
