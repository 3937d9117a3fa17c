import TailraceConfiguration
import TailraceCore
import TailraceSimulation
import TailraceSources
import Testing

@Suite struct HTTPSourceTests {
    private func start(_ bench: SourceBench, _ change: (inout HTTPSourceConfiguration) -> Void = { _ in }) throws
        -> HTTPSource
    {
        var configuration = HTTPSourceConfiguration()
        change(&configuration)
        let source = try HTTPSource(configuration, bench.output, bench.environment)
        let result = bench.start(source)
        #expect(throws: Never.self) { try result?.get() }
        return source
    }
    private func peer(_ bench: SourceBench, _ source: HTTPSource) -> TestPeer {
        guard case .host(_, let port) = source.endpoint! else { preconditionFailure("it listens at a port") }
        return TestPeer(bench, to: .host("edge", port: port))
    }
    private static func request(_ body: [UInt8], _ method: String = "POST", _ path: String = "/", _ headers: String = "")
        -> [UInt8]
    {
        Array("\(method) \(path) HTTP/1.1\r\nHost: h\r\n\(headers)Content-Length: \(body.count)\r\n\r\n".utf8) + body
    }
    private static func json(_ body: String) -> [UInt8] {
        request(Array(body.utf8), "POST", "/", "Content-Type: application/json\r\n")
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var request: [UInt8]
        var status: Int
        var events: [[UInt8]] = []
        var says = ""
        init(_ request: [UInt8], _ status: Int, _ events: [String] = [], says: String = "") {
            (self.request, self.status, self.events, self.says) = (request, status, events.map { Array($0.utf8) }, says)
        }
        init(_ request: [UInt8], bytes: [[UInt8]]) { (self.request, status, events) = (request, 200, bytes) }
        var testDescription: String { String(decoding: request.prefix(150), as: UTF8.self).debugDescription }
    }

    /// Flume's vectors, and where we differ from them.
    static let cases: [Case] = [
        Case(json(#"[{"headers":{"host":"web1"},"body":"hello"}]"#), 200, ["hello"]),
        Case(json(#"[{"body":"a"},{"headers":{"k":"v"},"body":"b"}]"#), 200, ["a", "b"]),
        Case(json("[]"), 200),
        Case(json("[{}]"), 200, [""]),
        Case(request(Array(#"[{"body":"x"}]"#.utf8)), 200, ["x"]),
        Case(request(Array(#"[{"body":"x"}]"#.utf8), "POST", "/any/path?q=1"), 200, ["x"]),
        Case(request(Array(#"[{"body":"x"}]"#.utf8), "GET"), 200, ["x"]),
        Case(request(Array(#"[{"body":"x"}]"#.utf8), "POST", "/", "Content-Type: text/plain\r\n"), 200, ["x"]),
        Case(
            request(Array("one\r\n\ntwo\n[three".utf8), "POST", "/", "Content-Type: text/plain\r\n"), 200,
            ["one", "two", "[three"]),
        Case(
            request(Array("[2024-01-01] started\nx".utf8), "POST", "/", "Content-Type: text/plain; charset=utf-8\r\n"), 200,
            ["[2024-01-01] started", "x"]),
        Case(
            request(Array("{\"body\":\"a\"}\n{\"body\":\"b\"}\n".utf8), "POST", "/", "Content-Type: application/x-ndjson\r\n"),
            200, ["a", "b"]),
        Case(
            request(utf16("[{\"body\":\"ü\"}]"), "POST", "/", "Content-Type: application/json; charset=UTF-16\r\n"),
            bytes: [[0xFE, 0xFF, 0x00, 0xFC]]),
        Case(
            request(
                [0xFF, 0xFE] + utf16("[{\"body\":\"ü\"}]", swapped: true), "POST", "/",
                "Content-Type: a/b;charset=\"utf-16\"\r\n"),
            bytes: [[0xFE, 0xFF, 0x00, 0xFC]]),
        Case(
            request(utf16("{").dropLast(), "POST", "/", "Content-Type: application/json; charset=UTF-16\r\n"), 400,
            says: "1 bytes are no whole number of utf-16 units"),
        Case(json("{}"), 400, says: "it is an object, not an array of events"),
        Case(json("[null]"), 400, says: "event 0 is null"),
        Case(json(""), 400, says: "no body"),
        Case(request([], "GET"), 400, says: "no body"),
        Case(request([], "HEAD"), 405, says: "Allow: POST, GET"),
        Case(request([], "PUT"), 405),
        Case(request([], "OPTIONS"), 405),
        Case(
            request([], "POST", "/", "Content-Type: application/json; charset=ISO-8859-1\r\n"), 415,
            says: "charset \"iso-8859-1\" is not taken; send UTF-8, UTF-16 or UTF-32"),
        Case(request([0x1F, 0x8B], "POST", "/", "Content-Encoding: gzip\r\n"), 415, says: "\"gzip\" is not taken"),
        Case(json("[{\"body\":\"\(String(repeating: "x", count: 70_000))\"}]"), 413),
    ]
    private static func utf16(_ text: String, swapped: Bool = false) -> [UInt8] {
        text.utf16.flatMap {
            swapped ? [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] : [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)]
        }
    }

    @Test(arguments: cases)
    func vector(_ vector: Case) throws {
        let bench = try SourceBench(), source = try start(bench) { $0.maxRequestBytes = 65_536 }
        let peer = peer(bench, source)
        peer.send(vector.request)
        bench.world.run(for: .seconds(1))
        #expect(peer.text.hasPrefix("HTTP/1.1 \(vector.status) "), "\(peer.text)")
        #expect(peer.text.contains(vector.says), "\(peer.text)")
        let bodies = bench.takeAll().flatMap { batch in (0..<batch.count).map { Array(batch[$0].body) } }
        #expect(bodies == vector.events)
    }

    @Test func headersOfEvents() throws {
        let bench = try SourceBench(), source = try start(bench), peer = peer(bench, source)
        peer.send(Self.json(#"[{"body":"a"},{"headers":{"k":"v","n":1.50},"body":"b"}]"#))
        bench.world.run(for: .seconds(1))
        let batch = try #require(bench.takeAll().first)
        #expect(batch[0].headers == [] && batch[1].headers == [Header("k", "v"), Header("n", "1.50")])
    }

    @Test func blobs() throws {
        let bench = try SourceBench()
        let source = try start(bench) {
            $0.handler = .blob
            $0.mandatoryParameters = ["id", "kind"]
        }
        let peer = peer(bench, source)
        peer.send(Self.request([0, 255, 10], "POST", "/?id=7&kind=a&other=1"))
        bench.world.run(for: .seconds(1))
        let batch = try #require(bench.takeAll().first)
        #expect(Array(batch[0].body) == [0, 255, 10] && batch[0].headers == [Header("id", "7"), Header("kind", "a")])
        peer.send(Self.request([1], "POST", "/?id=7"))
        bench.world.run(for: .seconds(1))
        #expect(peer.text.contains("400 ") && peer.text.contains("lacks the mandatory parameters kind"))
        let morphline = try SourceBench()
        let other = try start(morphline) {
            $0.handler = .cuttingBlob
            $0.maxBlobLength = 2
        }
        let client = self.peer(morphline, other)
        client.send(Self.request([1, 2], "POST", "/?a=b", "Content-Type: x/y\r\n"))
        morphline.world.run(for: .seconds(1))
        #expect(morphline.takeAll().first?[0].headers == [Header("a", "b"), Header("Content-Type", "x/y")])
        client.send(Self.request([1, 2, 3]))
        morphline.world.run(for: .seconds(1))
        #expect(client.text.contains("HTTP/1.1 413 "))
    }

    /// 200 means safe: with the default, delivered.
    @Test func answeredWhenSafe() throws {
        let bench = try SourceBench(acknowledge: nil), source = try start(bench), peer = peer(bench, source)
        peer.send(Self.json(#"[{"body":"1"}]"#))
        bench.world.run(for: .seconds(1))
        #expect(peer.text == "")
        #expect(bench.delivered() == ["1"])
        bench.world.run(for: .seconds(1))
        #expect(peer.text.hasPrefix("HTTP/1.1 200 "))
    }

    @Test func aFullChannelIsToldAfterItsKeepAlive() throws {
        let bench = try SourceBench(capacity: 2), source = try start(bench) { $0.retryAfter = 9 }
        let peer = peer(bench, source)
        peer.send(Self.json(#"[{"body":"1"},{"body":"2"}]"#))
        bench.world.run(for: .seconds(1))
        peer.send(Self.json(#"[{"body":"3"}]"#))
        bench.world.run(for: .seconds(2))
        #expect(!peer.text.contains("503"))
        bench.world.run(for: .seconds(2))
        #expect(peer.text.contains("HTTP/1.1 503 ") && peer.text.contains("Retry-After: 9\r\n"))
        #expect(peer.text.contains("edge.channels.c1") && peer.text.contains("send it again"))
        #expect(bench.delivered() == ["1", "2"])
        peer.send(Self.json(#"[{"body":"3"}]"#))
        bench.world.run(for: .seconds(1))
        #expect(bench.delivered() == ["3"])
    }

    /// Cut into batches of at most 1 MiB, in order; one answer, after the last.
    @Test func aLargeRequestGoesInParts() throws {
        let bench = try SourceBench(capacity: 1_000_000, acknowledge: nil), source = try start(bench)
        let peer = peer(bench, source), line = String(repeating: "x", count: 1_000)
        peer.send(
            Self.request(
                Array((0..<3_000).map { "\($0) \(line)\n" }.joined().utf8), "POST", "/", "Content-Type: text/plain\r\n"))
        bench.world.run(for: .seconds(1))
        var bodies: [String] = []
        for _ in 0..<10 {
            #expect(bodies.count == 3_000 || peer.text == "")
            for batch in bench.takeAll() {
                #expect(batch.size.bytes <= Limits.batchBytes)
                bodies += batch.bodies
            }
            bench.world.run(for: .seconds(1))
        }
        #expect(bodies.count == 3_000 && bodies.enumerated().allSatisfy { $1.hasPrefix("\($0) ") })
        #expect(peer.text.hasPrefix("HTTP/1.1 200 "))
    }

    /// Part of it in the channel, no room for the rest: 503 says so, since a second try brings the first part twice.
    @Test func aLargeRequestThatIsStoredInPart() throws {
        let bench = try SourceBench(capacity: 1_100, acknowledge: .committed), source = try start(bench)
        let peer = peer(bench, source), line = String(repeating: "x", count: 1_000)
        peer.send(
            Self.request(Array((0..<2_000).map { _ in "\(line)\n" }.joined().utf8), "POST", "/", "Content-Type: text/plain\r\n")
        )
        bench.world.run(for: .seconds(10))
        #expect(
            peer.text.hasPrefix("HTTP/1.1 503 ") && peer.text.contains("of its 2000 events were stored and will come twice"))
        #expect(bench.delivered().count < 2_000)
    }

    @Test func moreRequestsThanCanWaitAreToldToComeLater() throws {
        let bench = try SourceBench(capacity: 1, acknowledge: nil, keepAliveSeconds: 60), source = try start(bench)
        let peers = (0..<300).map { _ in peer(bench, source) }
        for peer in peers { peer.send(Self.json(#"[{"body":"1"}]"#)) }
        bench.world.run(for: .seconds(5))
        let busy = peers.filter { $0.text.contains("HTTP/1.1 429 ") && $0.text.contains("Retry-After: 1\r\n") }
        #expect(busy.count > 0 && busy.count < 100)
        #expect(peers.count { $0.text.isEmpty } == 300 - busy.count)
        var delivered = 0
        while delivered < 300 - busy.count {
            let now = bench.delivered().count
            delivered += now
            bench.world.run(for: .milliseconds(100))
            if now == 0 { break }
        }
        #expect(delivered == 300 - busy.count)
        #expect(peers.count { $0.text.hasPrefix("HTTP/1.1 200 ") } == 300 - busy.count)
    }

    @Test func whatWaitsAtTheStopIsAnswered() throws {
        let bench = try SourceBench(acknowledge: nil), source = try start(bench), peer = peer(bench, source)
        peer.send(Self.json(#"[{"body":"1"}]"#))
        bench.world.run(for: .seconds(1))
        var isStopped = false
        source.stop(by: bench.world.now + .seconds(10)) { isStopped = true }
        peer.send(Self.json(#"[{"body":"2"}]"#))
        bench.world.run(for: .seconds(1))
        #expect(isStopped && bench.delivered() == ["1"])
        bench.world.run(for: .seconds(1))
        #expect(peer.text.hasPrefix("HTTP/1.1 200 ") && peer.text.contains("HTTP/1.1 503 "))
    }

    @Test func refusedNames() {
        var problems: [ConfigurationProblem] = []
        func parse(_ key: String, _ value: String) -> String {
            problems = []
            _ = HTTPSource.declaration.parse(
                [ConfigurationEntry(key: "port", value: "1"), ConfigurationEntry(key: key, value: value)],
                prefix: "a.sources.r", &problems)
            return problems.map { "\($0.severity): \($0.message) \($0.fix ?? "")" }.joined(separator: "\n")
        }
        #expect(parse("handler", "com.example.Mine").contains("Java classes are not loaded"))
        #expect(parse("handler", "org.apache.flume.source.http.JSONHandler") == "")
        #expect(parse("keystore", "/k.jks").contains("keytool -importkeystore -srckeystore /k.jks"))
        #expect(parse("QueuedThreadPool.maxThreads", "9").contains("there is no Jetty here"))
        #expect(parse("ssl", "true").contains("ssl = true needs ssl-certificate"))
    }
}
