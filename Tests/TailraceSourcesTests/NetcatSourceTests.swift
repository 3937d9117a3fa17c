import TailraceCore
import TailraceSimulation
import TailraceSources
import Testing

@Suite struct NetcatSourceTests {
    private func start(_ bench: SourceBench, _ change: (inout NetcatSourceConfiguration) -> Void = { _ in }) throws
        -> NetcatSource
    {
        var configuration = NetcatSourceConfiguration()
        configuration.bind = "edge"
        change(&configuration)
        let source = try NetcatSource(configuration, bench.output, bench.environment)
        let result = bench.start(source)
        #expect(throws: Never.self) { try result?.get() }
        return source
    }

    /// What is sent, in pieces a second apart; the answer; the events. `.` at the end: the client ends its side.
    struct Case: Sendable, CustomTestStringConvertible {
        var sent: [String], answer: String, events: [String], ends = false, closed = false, acknowledges = true, limit = 512
        var testDescription: String { "\(sent.joined().prefix(30).debugDescription)" }
    }
    private static let tooLong = "FAILED: Event exceeds the maximum length (512 chars, including newline)\n"
    private static func x(_ count: Int, _ letter: String = "x") -> String { String(repeating: letter, count: count) }

    /// Flume's vectors; where Flume loses events the right result stands here.
    static let cases: [Case] = [
        Case(sent: ["hello\n"], answer: "OK\n", events: ["hello"]),
        Case(sent: ["a\nb\n"], answer: "OK\nOK\n", events: ["a", "b"]),
        Case(sent: ["\n"], answer: "OK\n", events: [""]),
        Case(sent: ["x\r\n"], answer: "OK\n", events: ["x\r"]),
        Case(sent: ["par", "t\n"], answer: "OK\n", events: ["part"]),
        // Flume loses the tail.
        Case(sent: ["one\ntail"], answer: "OK\nOK\n", events: ["one", "tail"], ends: true, closed: true),
        Case(sent: ["zürich ☃ 😀\n"], answer: "OK\n", events: ["zürich ☃ 😀"]),
        Case(sent: ["a\0b\n"], answer: "OK\n", events: ["a\0b"]),
        Case(sent: [x(511) + "\n"], answer: "OK\n", events: [x(511)]),
        Case(sent: [x(511), "\n"], answer: "OK\n", events: [x(511)]),
        Case(sent: [x(511, "é") + "\n"], answer: "OK\n", events: [x(511, "é")]),
        Case(sent: [x(512) + "\n"], answer: tooLong, events: [], closed: true),
        Case(sent: [x(2000) + "\n"], answer: tooLong, events: [], closed: true),
        Case(sent: [x(100_000)], answer: tooLong, events: [], closed: true),
        Case(sent: ["first\n\(x(600, "y"))\nthird\n"], answer: "OK\n" + tooLong, events: ["first"], closed: true),
        Case(sent: ["hello\n"], answer: "", events: ["hello"], acknowledges: false),
        Case(sent: [x(19) + "\n"], answer: "OK\n", events: [x(19)], limit: 20),
        Case(
            sent: [x(20) + "\n"], answer: "FAILED: Event exceeds the maximum length (20 chars, including newline)\n",
            events: [],
            closed: true, acknowledges: false, limit: 20),
    ]

    @Test(arguments: cases)
    func vector(_ vector: Case) throws {
        let bench = try SourceBench()
        let source = try start(bench) {
            $0.acknowledgesEveryEvent = vector.acknowledges
            $0.maxLineLength = vector.limit
        }
        let peer = TestPeer(bench, to: source.endpoint!)
        for piece in vector.sent {
            peer.send(piece)
            bench.world.run(for: .seconds(1))
        }
        if vector.ends { peer.finish() }
        bench.world.run(for: .seconds(1))
        #expect(bench.delivered() == vector.events)
        #expect(peer.text == vector.answer)
        #expect(peer.isEnded == vector.closed)
    }

    /// Flume closes the connection without a word, and loses the good line before it.
    @Test func bytesThatAreNotUTF8AreTakenAsTheyAre() throws {
        let bench = try SourceBench(), source = try start(bench)
        let peer = TestPeer(bench, to: source.endpoint!)
        peer.send(Array("good\n".utf8) + [0x61, 0xFF, 0xC3, 0x62, 0x0A] + Array("after\n".utf8))
        bench.world.run(for: .seconds(1))
        let bodies = bench.takeAll().flatMap { batch in (0..<batch.count).map { Array(batch[$0].body) } }
        #expect(bodies == [Array("good".utf8), [0x61, 0xFF, 0xC3, 0x62], Array("after".utf8)])
        #expect(peer.text == "OK\nOK\nOK\n")
    }

    /// A full channel: FAILED after its keep-alive, the connection stays, and later lines are taken again.
    @Test func aFullChannelIsToldAfterItsKeepAlive() throws {
        let bench = try SourceBench(capacity: 2), source = try start(bench)
        let peer = TestPeer(bench, to: source.endpoint!)
        peer.send("1\n2\n")
        bench.world.run(for: .seconds(1))
        peer.send("3\n4\n")
        bench.world.run(for: .seconds(2))
        #expect(peer.text == "OK\nOK\n")
        bench.world.run(for: .seconds(2))
        let lines = peer.text.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines.suffix(2).allSatisfy { $0.hasPrefix("FAILED: no room for 2 events") && $0.contains("edge.channels.c1") })
        #expect(bench.delivered() == ["1", "2"])
        peer.send("5\n")
        bench.world.run(for: .seconds(1))
        #expect(peer.text.hasSuffix("OK\n"))
        #expect(bench.delivered() == ["5"])
        #expect(!peer.isEnded)
    }

    /// "OK" means safe: with the default, delivered.
    @Test func okComesWhenTheEventIsSafe() throws {
        let bench = try SourceBench(acknowledge: nil), source = try start(bench)
        let peer = TestPeer(bench, to: source.endpoint!)
        peer.send("1\n")
        bench.world.run(for: .seconds(1))
        #expect(peer.text == "")
        #expect(bench.delivered() == ["1"])
        bench.world.run(for: .seconds(1))
        #expect(peer.text == "OK\n")
    }

    @Test func connectionsAreBounded() throws {
        let bench = try SourceBench(), source = try start(bench) { $0.maxConnections = 2 }
        let peers = (0..<3).map { _ in TestPeer(bench, to: source.endpoint!) }
        bench.world.run(for: .seconds(1))
        for peer in peers { peer.send("x\n") }
        bench.world.run(for: .seconds(1))
        #expect(bench.delivered() == ["x", "x"])
        #expect(peers.filter(\.isEnded).count == 1)
    }

    @Test func aPortThatIsTakenEndsTheStart() throws {
        let bench = try SourceBench(), source = try start(bench)
        var configuration = NetcatSourceConfiguration()
        guard case .host(let host, let port) = source.endpoint! else { return #expect(Bool(false)) }
        (configuration.bind, configuration.port) = (host, Int(port))
        let second = try NetcatSource(configuration, bench.output, bench.environment)
        guard case .failure(let error) = bench.start(second) else { return #expect(Bool(false)) }
        #expect(error.code == "network.bind")
        #expect(error.component == "edge.sources.r1")
    }

    /// Any bytes, cut anywhere, from clients that come and go: never a crash, and what was answered OK is there.
    @Test(arguments: (0..<60).map { UInt64($0) })
    func garbage(seed: UInt64) throws {
        let bench = try SourceBench(seed: seed), source = try start(bench)
        bench.world.faults.reset = 0.02
        var random = SeededRandom(seed: seed), peers: [TestPeer] = [], events = 0
        for _ in 0..<30 {
            if peers.isEmpty || Int.random(in: 0..<4, using: &random) == 0 {
                peers.append(TestPeer(bench, to: source.endpoint!))
            }
            let peer = peers.randomElement(using: &random)!
            let count = Int.random(in: 0...700, using: &random)
            peer.send(
                (0..<count).map { _ in
                    Int.random(in: 0..<20, using: &random) == 0 ? 10 : UInt8.random(in: 0...255, using: &random)
                })
            if Int.random(in: 0..<10, using: &random) == 0 { peer.close() }
            bench.world.run(for: .milliseconds(50))
            events += bench.delivered().count
        }
        bench.world.run(for: .seconds(2))
        events += bench.delivered().count
        let acknowledged = peers.reduce(0) { $0 + $1.text.split(separator: "\n").filter { $0 == "OK" }.count }
        #expect(acknowledged <= events)
    }
}
