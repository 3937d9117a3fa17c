import TailraceCore
import TailraceHTTP
import TailraceIO
import Testing

struct ServerTests {
    @Test("A request with its head, query and body; the connection is kept")
    func request() throws {
        let bench = try ServerBench(), client = bench.client()
        client.send(
            "POST /a/b?x=1&y=a%20b&z HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
        bench.run { client.statuses == [200] }
        let head = try #require(bench.heads.first)
        #expect(head.method == "POST" && head.path == "/a/b")
        #expect(head.query == [Header("x", "1"), Header("y", "a b"), Header("z", "")])
        #expect(head.header("CONTENT-TYPE") == "text/plain")
        #expect(head.peer.map { "\($0)".hasPrefix("127.0.0.1:") } == true)
        #expect(bench.bodies == ["hello"])
        client.post("again")
        bench.run { client.statuses == [200, 200] }
        #expect(bench.bodies == ["hello", "again"])
        #expect(bench.memory.used == 0 && bench.server.connections == 1)
    }

    @Test("In chunks, in pieces of a byte, and with Expect: 100-continue")
    func pieces() throws {
        let bench = try ServerBench(), client = bench.client()
        for byte in "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
            .utf8
        {
            client.send([byte])
            bench.loop.turn(waitingAtMost: .zero)
        }
        bench.run { client.statuses == [200] }
        let polite = bench.client()
        polite.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        bench.run { polite.statuses == [100] }
        polite.send("ok")
        bench.run { polite.statuses == [100, 200] }
        #expect(bench.bodies == ["hello world", "ok"])
    }

    @Test("An answer that comes later, with headers and a body")
    func answeredLater() throws {
        let bench = try ServerBench(), client = bench.client()
        bench.answer = nil
        client.post("x")
        bench.run { bench.later.count == 1 }
        #expect(client.statuses.isEmpty)
        bench.later[0](HTTPAnswer(503, headers: [Header("Retry-After", "7")], body: "full\n"))
        bench.later[0](HTTPAnswer(200))  // a second one is nothing
        bench.run { client.received.hasSuffix("full\n") }
        #expect(client.statuses == [503] && client.received.contains("Retry-After: 7\r\n"))
        #expect(client.received.contains("Content-Type: text/plain; charset=utf-8\r\n"))
    }

    @Test("Refused at its head: the body is not waited for")
    func refusedEarly() throws {
        let bench = try ServerBench(), client = bench.client()
        bench.refuse = { HTTPAnswer(405, body: "not \($0.method)\n") }
        client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n")
        bench.run { client.received.hasSuffix("not PUT\n") }
        #expect(client.statuses == [405] && bench.bodies.isEmpty)
    }

    @Test(
        "What the library lets through is refused: two lengths",
        arguments: [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
        ])
    func twoLengths(_ headers: String) throws {
        let bench = try ServerBench(), client = bench.client()
        client.send("POST / HTTP/1.1\r\nHost: h\r\n\(headers)\r\nhello")
        bench.run { client.isEnded || !client.statuses.isEmpty }
        #expect(client.statuses == [400] || client.statuses.isEmpty)
        #expect(bench.bodies.isEmpty)
    }

    @Test("Bodies have a bound: announced ones at once, others when it is passed")
    func tooLarge() throws {
        let bench = try ServerBench { $0.maxBodyBytes = 1_000 }
        let client = bench.client()
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n")
        bench.run { client.statuses == [413] }
        let chunked = bench.client()
        chunked.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in 0..<20 { chunked.send("64\r\n\(String(repeating: "x", count: 100))\r\n") }
        chunked.send("0\r\n\r\n")
        bench.run { chunked.statuses == [413] }
        let exact = bench.client()
        exact.post(String(repeating: "x", count: 1_000))
        bench.run { exact.statuses == [200] }
        #expect(bench.refusals.map(\.status) == [413, 413] && bench.bodies == [String(repeating: "x", count: 1_000)])
        #expect(bench.memory.used == 0)
    }

    @Test("Heads have a bound")
    func longHead() throws {
        let bench = try ServerBench(), client = bench.client()
        client.send("POST / HTTP/1.1\r\nHost: h\r\nX: \(String(repeating: "x", count: 100_000))\r\n\r\n")
        bench.run { client.isEnded || !client.statuses.isEmpty }
        #expect(client.statuses.allSatisfy { $0 == 431 || $0 == 413 || $0 == 400 } && bench.bodies.isEmpty)
    }

    @Test("A request waits for memory at its beginning, and goes on when there is some")
    func memory() throws {
        let bench = try ServerBench(memory: 20_000), first = bench.client()
        bench.answer = nil
        first.post(String(repeating: "a", count: 10_000))
        bench.run { bench.later.count == 1 }
        let second = bench.client()
        second.post("b")
        bench.run { bench.memory.refusals > 0 }
        #expect(bench.later.count == 1)
        bench.later[0](HTTPAnswer(200))
        bench.run { bench.later.count == 2 }
        bench.later[1](HTTPAnswer(200))
        bench.run { second.statuses == [200] }
        #expect(first.statuses == [200] && bench.memory.used == 0)
    }

    @Test("No memory for more of a request that has begun: 503, so that two never wait for each other")
    func memoryWithin() throws {
        let bench = try ServerBench(memory: 40_000)
        bench.answer = nil
        let first = bench.client(), second = bench.client()
        first.post(String(repeating: "a", count: 10_000))
        bench.run { bench.later.count == 1 }
        second.post(String(repeating: "b", count: 100_000))
        bench.run { second.statuses == [503] }
        #expect(second.received.contains("Retry-After: 1\r\n"))
        bench.later[0](HTTPAnswer(200))
        bench.run { first.statuses == [200] && bench.memory.used == 0 }
    }

    @Test("A client that drips, and one that says nothing, are closed; a busy server's slot is free again")
    func slowClients() throws {
        let bench = try ServerBench {
            $0.requestTime = .milliseconds(200)
            $0.maxConnections = 2
        }
        let silent = bench.client(), dripping = bench.client()
        dripping.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n")
        bench.run {
            dripping.send("x")
            return silent.isEnded && dripping.isEnded
        }
        #expect(bench.bodies.isEmpty && bench.refusals.map(\.status) == [0, 0])
        let next = bench.client()
        next.post("x")
        bench.run { next.statuses == [200] }
    }

    @Test("The handler's time is its own")
    func handlerTime() throws {
        let bench = try ServerBench { $0.requestTime = .milliseconds(50) }
        let client = bench.client()
        bench.answer = nil
        client.post("x")
        bench.run { bench.later.count == 1 }
        let end = bench.loop.now + .milliseconds(200)
        bench.run { bench.loop.now >= end }
        bench.later[0](HTTPAnswer(200))
        bench.run { client.statuses == [200] }
    }

    @Test("More connections wait")
    func connections() throws {
        let bench = try ServerBench { $0.maxConnections = 1 }
        bench.answer = nil
        let first = bench.client()
        first.post("1")
        bench.run { bench.later.count == 1 }
        let second = bench.client()
        second.post("2")
        bench.later[0](HTTPAnswer(200))
        bench.run { first.statuses == [200] }
        first.close()
        bench.run { bench.later.count == 2 }
        #expect(bench.bodies == ["1", "2"])
    }

    @Test("Closed with a request that waits for its answer, and with one half read")
    func closing() throws {
        let bench = try ServerBench(), waiting = bench.client(), half = bench.client()
        bench.answer = nil
        waiting.post("x")
        half.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
        bench.run { bench.later.count == 1 && bench.server.connections == 2 }
        bench.server.close()
        bench.run { waiting.isEnded && half.isEnded }
        bench.later[0](HTTPAnswer(200))  // too late, and nothing happens
        #expect(bench.memory.used == 0)
    }

    @Test("A client that leaves: in its request, and before its answer")
    func leaving() throws {
        let bench = try ServerBench(), half = bench.client(), early = bench.client()
        bench.answer = nil
        half.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
        early.post("x")
        bench.run { bench.later.count == 1 && bench.server.connections == 2 }
        half.close()
        early.close()
        bench.run { bench.server.connections <= 1 }
        bench.later[0](HTTPAnswer(200))
        bench.run { bench.server.connections == 0 }
        #expect(bench.memory.used == 0)
    }

    @Test("Rubbish: an answer or an end, never a crash", arguments: 0..<30 as Range<UInt64>)
    func rubbish(_ seed: UInt64) throws {
        let bench = try ServerBench { $0.requestTime = .milliseconds(100) }
        var random = SeededRandom(seed: seed)
        var bytes = Array(
            "POST /a?b=c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".utf8)
        for _ in 0..<(1 + seed % 8) {
            bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
        }
        if seed % 3 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
        let client = bench.client()
        client.send(bytes)
        bench.run { client.isEnded || client.statuses.contains { $0 >= 200 } }
        let good = bench.client()
        good.post("x")
        bench.run { good.statuses == [200] }
        #expect(bench.memory.used == 0)
    }
}
