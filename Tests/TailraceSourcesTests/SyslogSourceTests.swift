import TailraceChannels
import TailraceCore
import TailraceSimulation
import Testing

@testable import TailraceSources

@Suite struct SyslogSourceTests {
    private func startTCP(_ bench: SourceBench, _ change: (inout SyslogSettings) -> Void = { _ in }) throws -> SyslogTCPSource {
        var configuration = SyslogTCPConfiguration()
        configuration.syslog.host = "edge"
        change(&configuration.syslog)
        let source = try SyslogTCPSource(configuration, bench.output, bench.environment)
        let result = bench.start(source)
        #expect(throws: Never.self) { try result?.get() }
        return source
    }
    private func startUDP(_ bench: SourceBench, _ change: (inout SyslogSettings) -> Void = { _ in }) throws -> SyslogUDPSource {
        var configuration = SyslogUDPConfiguration()
        configuration.syslog.host = "edge"
        change(&configuration.syslog)
        let source = try SyslogUDPSource(configuration, bench.output, bench.environment)
        let result = bench.start(source)
        #expect(throws: Never.self) { try result?.get() }
        return source
    }
    private func line(_ number: Int) -> String { "<13>Oct 11 22:14:15 h t: \(number)\n" }

    /// Lines of many connections come together in batches, each in the order of its connection.
    @Test func connectionsShareBatches() throws {
        let bench = try SourceBench(), source = try startTCP(bench)
        let peers = (0..<10).map { TestPeer(bench, host: "c\($0)", to: source.endpoint!) }
        bench.world.run(for: .seconds(1))
        for (index, peer) in peers.enumerated() { peer.send(line(index) + line(index + 100)) }
        bench.world.run(for: .seconds(1))
        let batches = bench.takeAll(), bodies = batches.flatMap(\.bodies)
        #expect(batches.count <= 2)
        #expect(Set(bodies) == Set((0..<10).flatMap { ["t: \($0)", "t: \($0 + 100)"] }))
        for index in 0..<10 { #expect(bodies.firstIndex(of: "t: \(index)")! < bodies.firstIndex(of: "t: \(index + 100)")!) }
    }

    @Test func aBatchIsFullOrOldEnough() throws {
        let bench = try SourceBench(),
            source = try startTCP(bench) {
                $0.batchSize = 2
                $0.batchTimeoutMilliseconds = 5000
            }
        let peer = TestPeer(bench, to: source.endpoint!)
        peer.send((1...5).map(line).joined())
        bench.world.run(for: .seconds(1))
        #expect(bench.takeAll().map(\.bodies) == [["t: 1", "t: 2"], ["t: 3", "t: 4"]])
        bench.world.run(for: .seconds(5))
        #expect(bench.delivered() == ["t: 5"])
    }

    @Test func headersOfThePeer() throws {
        let bench = try SourceBench(),
            source = try startTCP(bench) {
                ($0.clientIPHeader, $0.clientHostnameHeader, $0.portHeader) = ("ip", "hn", "p")
            }
        guard case .host(_, let port) = source.endpoint! else { return #expect(Bool(false)) }
        let peer = TestPeer(bench, to: source.endpoint!)
        peer.send(line(1))
        bench.world.run(for: .seconds(3))
        let batch = try #require(bench.takeAll().first)
        for (name, value) in [("ip", "client"), ("hn", "client"), ("p", "\(port)"), ("host", "h")] {
            #expect(batch[0].header(name)?.text == value, "\(name)")
        }
    }

    /// A name service that hangs: the address after two seconds.
    @Test func aNameServiceThatHangs() throws {
        let bench = try SourceBench(), source = try startTCP(bench) { $0.clientHostnameHeader = "hn" }
        let peer = TestPeer(bench, to: source.endpoint!)
        bench.world.fabric.names["client"] = .hangs
        peer.send(line(1))
        bench.world.run(for: .seconds(1))
        #expect(bench.delivered() == [])
        bench.world.run(for: .seconds(2))
        #expect(bench.takeAll().first?[0].header("hn")?.text == "client")
    }

    /// A full channel: nothing is read, the sender waits; afterwards everything comes, in order.
    @Test(arguments: 0..<10 as Range<UInt64>) func backPressure(seed: UInt64) throws {
        let bench = try SourceBench(seed: seed, capacity: 200), source = try startTCP(bench)
        let peer = TestPeer(bench, to: source.endpoint!)
        peer.send((0..<20_000).map(line).joined())
        peer.finish()
        var events: [String] = []
        for _ in 0..<3000 where events.count < 20_000 {
            bench.world.run(for: .milliseconds(100))
            #expect(bench.channel.held.events <= 200)
            #expect(source.gatheredBytes < 1 << 20)
            events += bench.delivered()
        }
        #expect(events == (0..<20_000).map { "t: \($0)" })
    }

    @Test func connectionsAreBoundedInNumberAndIdleness() throws {
        let bench = try SourceBench(),
            source = try startTCP(bench) {
                $0.maxConnections = 2
                $0.idleTimeoutSeconds = 60
            }
        let peers = (0..<3).map { _ in TestPeer(bench, to: source.endpoint!) }
        bench.world.run(for: .seconds(1))
        #expect(peers.filter(\.isEnded).count == 1)
        #expect(bench.host.log.lines(containing: "maxConnections").count == 1)
        let open = peers.filter { !$0.isEnded }
        open[1].send("<13>half")
        for _ in 0..<5 {
            bench.world.run(for: .seconds(30))
            open[0].send(line(1))
        }
        bench.world.run(for: .seconds(1))
        #expect(!open[0].isEnded && open[1].isEnded)
        let batches = bench.takeAll()
        #expect(Set(batches.flatMap(\.bodies)) == ["t: 1", "<13>half"])
        #expect(batches.flatMap(\.headerTexts).contains("Facility=1 Severity=5 flume.syslog.status=Incomplete"))
    }

    @Test func stopKeepsWhatWasRead() throws {
        let bench = try SourceBench(), source = try startTCP(bench) { $0.batchTimeoutMilliseconds = 60_000 }
        let peer = TestPeer(bench, to: source.endpoint!)
        peer.send(line(1) + "<13>Oct 11 22:14:15 h t: cut")
        bench.world.run(for: .seconds(1))
        var isStopped = false
        source.stop(by: bench.world.now + .seconds(5)) { isStopped = true }
        bench.world.run(while: { !isStopped })
        let batches = bench.takeAll()
        #expect(batches.flatMap(\.bodies) == ["t: 1", "t: cut"])
        #expect(batches[0][1].header("flume.syslog.status")?.text == "Incomplete")
        bench.world.run(for: .seconds(1))
        #expect(peer.isEnded)
    }

    /// No room until the deadline: what is lost is counted and told.
    @Test func stopWithAFullChannelTellsWhatIsLost() throws {
        let bench = try SourceBench(capacity: 10), source = try startTCP(bench) { $0.batchSize = 10 }
        let peer = TestPeer(bench, to: source.endpoint!)
        peer.send((0..<1000).map(line).joined())
        bench.world.run(for: .seconds(1))
        var isStopped = false
        source.stop(by: bench.world.now + .seconds(5)) { isStopped = true }
        bench.world.run(while: { !isStopped })
        let lost = bench.host.metrics.value("lost_at_stop_events_total", "edge.sources.r1") ?? 0
        #expect(lost > 0)
        #expect(bench.host.log.lines(containing: "\(lost) events are lost").count == 1)
    }

    @Test func aPortThatIsTakenEndsTheStartAndClosesTheOthers() throws {
        let bench = try SourceBench(), taken = try startTCP(bench)
        var configuration = MultiportSyslogConfiguration()
        configuration.syslog.host = "edge"
        configuration.ports = ["5140", "\(taken.endpoint!.portNumber)"]
        let source = try MultiportSyslogSource(configuration, bench.output, bench.environment)
        guard case .failure(let error) = bench.start(source) else { return #expect(Bool(false)) }
        #expect(error.code == "network.bind" && error.component == "edge.sources.r1")
        configuration.ports = ["5140", "5141"]
        configuration.syslog.portHeader = "port"
        let again = try MultiportSyslogSource(configuration, bench.output, bench.environment)
        #expect(throws: Never.self) { try bench.start(again)?.get() }
        let peers = again.endpoints.map { TestPeer(bench, to: $0) }
        for peer in peers { peer.send("x\n") }
        bench.world.run(for: .seconds(1))
        #expect(
            Set(bench.takeAll().flatMap(\.headerTexts)) == [
                "flume.syslog.status=Invalid port=5140", "flume.syslog.status=Invalid port=5141",
            ])
    }

    @Test func aZoneThatIsUnknownEndsTheStart() throws {
        let bench = try SourceBench()
        var configuration = SyslogTCPConfiguration()
        configuration.syslog.timeZone = "Europe/Nowhere"
        let source = try SyslogTCPSource(configuration, bench.output, bench.environment)
        guard case .failure(let error) = bench.start(source) else { return #expect(Bool(false)) }
        #expect(error.message == "no time zone \"Europe/Nowhere\"")
    }

    /// Any bytes from peers that come, go and are reset: never a crash; every line of letters of who was not reset is there.
    @Test(arguments: 0..<40 as Range<UInt64>) func garbage(seed: UInt64) throws {
        let bench = try SourceBench(seed: seed), source = try startTCP(bench) { $0.eventSize = 64 }
        bench.world.faults.reset = seed % 2 == 0 ? 0.02 : 0
        var random = SeededRandom(seed: seed), letters = 0, peers: [TestPeer] = []
        for _ in 0..<30 {
            if peers.isEmpty || Int.random(in: 0..<4, using: &random) == 0 {
                peers.append(TestPeer(bench, to: source.endpoint!))
            }
            let alphabet = Array("<13>: 0123456789\n\r\0".utf8) + [UInt8](repeating: 0xE9, count: 4)
            let bytes = (0..<Int.random(in: 0...900, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
            letters += bytes.filter { $0 == 0xE9 }.count
            peers.randomElement(using: &random)!.send(bytes)
            bench.world.run(for: .milliseconds(30))
        }
        for peer in peers { peer.finish() }
        bench.world.run(for: .seconds(5))
        let bodies = bench.takeAll().flatMap { batch in (0..<batch.count).map { Array(batch[$0].body) } }
        #expect(bodies.allSatisfy { (1...64).contains($0.count) })
        let arrived = bodies.reduce(0) { $0 + $1.filter { $0 == 0xE9 }.count }
        if seed % 2 == 0 { #expect(arrived <= letters) } else { #expect(arrived == letters) }
    }

    // MARK: - UDP

    /// By the machine "client".
    private func send(_ bench: SourceBench, _ text: String, to endpoint: Endpoint) {
        bench.client.sendDatagram(Array(text.utf8), to: endpoint)
    }

    @Test func aDatagramIsAMessage() throws {
        let bench = try SourceBench(),
            source = try startUDP(bench) { ($0.clientIPHeader, $0.clientHostnameHeader) = ("ip", "hn") }
        let long = String(repeating: "L", count: 60_000)
        for text in [
            "<13>Oct 11 22:14:15 h t: 1", "<13>Oct 11 22:14:15 h t: 2\r\n\0", "<13>Oct 11 22:14:15 h a\nb\n", "\n", "", "plain",
            "<13>Oct 11 22:14:15 h \(long)",
        ] {
            send(bench, text, to: source.endpoint!)
        }
        bench.world.run(for: .seconds(1))
        let batches = bench.takeAll()
        #expect(batches.flatMap(\.bodies) == ["t: 1", "t: 2", "a\nb", "plain", long])
        #expect(batches[0][0].header("ip")?.text == "client" && batches[0][0].header("hn")?.text == "client")
    }

    /// A full channel: the queue, then the kernel's buffer; the rest is dropped, counted and told; then it goes on.
    @Test func whatFindsNoRoomIsCounted() throws {
        let bench = try SourceBench(capacity: 100)
        let source = try startUDP(bench) {
            $0.queueBytes = 20_000
            $0.receiveBufferBytes = 100_000
        }
        for number in 0..<10_000 {
            send(bench, line(number), to: source.endpoint!)
            if number % 50 == 0 { bench.world.run(for: .milliseconds(1)) }
        }
        bench.world.run(for: .seconds(1))
        var events: [String] = []
        for _ in 0..<200 {
            events += bench.delivered()
            bench.world.run(for: .milliseconds(100))
        }
        let dropped = bench.host.metrics.value("kernel_dropped_datagrams_total", "edge.sources.r1") ?? 0
        #expect(dropped > 0)
        #expect(events.count + dropped == 10_000)
        #expect(bench.host.log.lines(containing: "datagrams were dropped by the kernel").count == 1)
        send(bench, line(5), to: source.endpoint!)
        bench.world.run(for: .seconds(1))
        #expect(bench.delivered() == ["t: 5"])
    }

    @Test(arguments: 0..<10 as Range<UInt64>) func lossAndDoubles(seed: UInt64) throws {
        let bench = try SourceBench(seed: seed), source = try startUDP(bench)
        (bench.world.faults.loseDatagram, bench.world.faults.doubleDatagram, bench.world.faults.lateDatagram) = (0.1, 0.1, 0.1)
        for number in 0..<300 { send(bench, line(number), to: source.endpoint!) }
        bench.world.run(for: .seconds(5))
        let events = bench.delivered()
        #expect(Set(events).isSubset(of: Set((0..<300).map { "t: \($0)" })) && Set(events).count > 200)
    }

    @Test func netcatUDPTakesEachLine() throws {
        let bench = try SourceBench()
        var configuration = NetcatUDPConfiguration()
        (configuration.bind, configuration.remoteAddressHeader) = ("edge", "from")
        let source = try NetcatUDPSource(configuration, bench.output, bench.environment)
        #expect(throws: Never.self) { try bench.start(source)?.get() }
        for text in ["one\n", "two", "a\nb\n\nc", "\n", "x\r\n"] { send(bench, text, to: source.endpoint!) }
        bench.world.run(for: .seconds(1))
        let batches = bench.takeAll()
        #expect(batches.flatMap(\.bodies) == ["one", "two", "a", "b", "", "c", "", "x\r"])
        #expect(batches[0][0].header("from")?.text == "/client:40000")
    }
}

@Suite struct SyslogDeclarationTests {
    private func error<C: ComponentConfiguration>(_ declaration: Declaration<C>, _ name: String, _ value: String)
        -> TailraceError?
    {
        var configuration = C()
        do throws(TailraceError) {
            _ = try declaration.keys.first { $0.name == name }!.apply(&configuration, [value], value)
            return nil
        } catch { return error }
    }

    @Test func refusals() {
        for ssl in [
            error(SyslogTCPSource.declaration, "ssl", "true"), error(MultiportSyslogSource.declaration, "ssl", "true"),
        ] { #expect(ssl?.message == "ssl = true is not supported") }
        #expect(error(SyslogTCPSource.declaration, "format.*", "x")?.code == "configuration.unsupported")
        #expect(error(MultiportSyslogSource.declaration, "charset.default", "UTF-16")?.code == "configuration.range")
        #expect(error(MultiportSyslogSource.declaration, "charset.port.<port>", "ISO-8859-1") == nil)
        #expect(error(SyslogTCPSource.declaration, "keepFields", "body")?.code == "configuration.range")
    }
    @Test func headersThatWouldHideOthers() {
        var configuration = MultiportSyslogConfiguration()
        configuration.syslog.clientIPHeader = "host"
        configuration.ports = ["5140", "x", "5140"]
        #expect(configuration.problems().map(\.key) == ["clientIPHeader", "ports", "ports"])
    }
}
