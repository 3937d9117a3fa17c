import Glibc
import TailraceCore
import TailraceIO
import TailraceStatus
import Testing

/// Peers that do harm: thousands that connect and say nothing, and servers that answer with rubbish.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ConnectionTests {
    /// A connection costs a descriptor here and one there; the rest of the test process needs some too.
    static let idleCount: Int = {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return min(10_000, Int(clamping: limit.rlim_max) - 1_000)
    }()

    // Skipped where the hard limit of open files (ulimit -Hn) is below 6,000.
    @Test("Ten thousand idle connections, half of them with half a frame", .enabled(if: idleCount >= 5_000))
    func idleConnections() async throws {
        try raiseDescriptorLimit()
        try await Workplace.use { place in
            let count = Self.idleCount
            let server = try Agent("server", Self.server(connections: count + 1), in: place)
            try await server.isReady()
            let port = try await server.port(), before = try Self.residentKiB(server.child.process)

            let hello = Frame(kind: Frame.hello, envelope: [8, 1, 16, 1]).bytes
            let starts: [[UInt8]] = [
                [], Array(hello[..<4]), Array(hello[..<16]), Array(hello[..<34]),
                Frame(kind: Frame.hello, envelopeLength: 4_000).bytes,
            ]
            var idle: [TCP.Connection] = []
            for number in 0..<count {
                let connection = try TCP.Connection(to: port)
                // Every second one says nothing.
                if number % 2 == 1 { connection.send(starts[number / 2 % starts.count]) }
                idle.append(connection)
                // The listener's queue is shorter than this loop.
                if number % 500 == 499 {
                    try await eventually("\(number + 1) connections are accepted") {
                        try server.component("sources.r")?.gauges["connections"] == number + 1
                    }
                }
            }
            let growth = try Self.residentKiB(server.child.process) - before
            print("\(count) idle connections: \(growth * 1024 / count) bytes of resident memory each")
            #expect(growth * 1024 / count < 16 << 10)

            // One place is left: for a real edge, which is served.
            let edge = try Agent("edge", Self.edge(port: port), in: place)
            try await edge.isReady()
            try await Self.sendLine("served", to: edge)

            // Beyond the limit: a refusal that says why.
            let refused = try TCP.Connection(to: port)
            try await eventually("the last connection is refused") {
                refused.receive()
                return refused.isAtEnd
            }
            #expect(refused.received.starts(with: Array("TRC1".utf8)) && refused.received[5] == Frame.refused)
            #expect(String(decoding: refused.received, as: UTF8.self).contains("\(count + 1)"), "it says the limit")
            idle.removeAll()
            try await eventually("closed connections are forgotten") {
                try server.component("sources.r")?.gauges["connections"] == 1
            }
            try await Self.sendLine("served again", to: edge)
            #expect(try await edge.stop() == 0)
            #expect(try await server.stop() == 0)
        }
    }

    /// Few in a row: after each one the edge waits longer.
    static let rubbish: [[Rubbish]] = [
        [
            Rubbish("nothing", []), Rubbish("text", Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)),
            Rubbish("noise", (0..<4_096).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }),
            Rubbish("half a header", Array(Frame(kind: Frame.helloReply, envelope: [8, 1]).bytes[..<20])),
        ],
        [
            Rubbish("an oversize envelope", Frame(kind: Frame.helloReply, envelopeLength: .max).bytes),
            Rubbish("an oversize body", Frame(kind: Frame.batchReply, bodyLength: .max).bytes),
            Rubbish("half a frame", Frame(kind: Frame.helloReply, envelopeLength: 100).bytes),
            Rubbish("a wrong checksum", Frame(kind: Frame.helloReply, envelope: [8, 1]).bytes.dropLast() + [0xFF]),
        ],
        [
            Rubbish("no protobuf", Frame(kind: Frame.helloReply, envelope: [0xFF, 0xFF, 0xFF]).bytes),
            Rubbish("a batch", Frame(kind: Frame.appendBatch, envelope: [8, 1], body: [1, 2, 3]).bytes),
            Rubbish("an empty refusal", Frame(kind: Frame.refused).bytes),
            Rubbish("an answer before the greeting", Frame(kind: Frame.batchReply, envelope: [8, 1]).bytes),
        ],
    ]
    struct Rubbish: CustomStringConvertible, Sendable {
        let description: String
        let bytes: [UInt8]
        init(_ description: String, _ bytes: [UInt8]) { (self.description, self.bytes) = (description, bytes) }
    }

    @Test("A server's rubbish: the edge goes on, backs off, and delivers when there is a real one", arguments: rubbish)
    func rubbishFromTheServer(_ answers: [Rubbish]) async throws {
        try await Workplace.use { place in
            var fake: TCP.Server? = try TCP.Server()
            let port = fake!.port
            let edge = try Agent("edge", Self.edge(port: port), in: place)
            try await edge.isReady()
            let client = try TCP.Connection(to: try await edge.port()), start = SystemClock.now()
            client.send(Array("survives\n".utf8))
            for answer in answers {
                let connection = try await value("the edge tries again before \(answer)") { () -> TCP.Connection? in
                    guard edge.child.isRunning else { throw TestFailure("the edge ended: \(edge.child.story)") }
                    return fake?.accept()
                }
                connection.send(answer.bytes)
                connection.finish()
                try await eventually("the edge leaves after \(answer)") {
                    connection.receive()
                    return connection.isAtEnd
                }
            }
            let time = SystemClock.now() - start
            // 100, 200, 400 ms, each with jitter from half of it: without back-off it would be a few milliseconds.
            #expect(time > .milliseconds(350), "it backs off: \(time)")
            client.receive()
            #expect(client.received.isEmpty, "nothing was called safe")
            fake = nil
            let server = try Agent("server", Self.server(connections: 10, port: port), in: place)
            try await server.isReady()
            try await eventually("the line is delivered after all") {
                client.receive()
                return client.received == Array("OK\n".utf8)
            }
            #expect(try await edge.stop() == 0, "\(edge.child.story)")
            #expect(try await server.stop() == 0)
        }
    }

    /// A line to an edge's netcat source: its OK says that the event has left the aggregator's channel.
    private static func sendLine(_ text: String, to edge: Agent) async throws {
        let client = try TCP.Connection(to: try await edge.port())
        client.send(Array("\(text)\n".utf8))
        try await eventually("\(text): OK") {
            client.receive()
            return client.received == Array("OK\n".utf8)
        }
    }

    private static func residentKiB(_ process: pid_t) throws -> Int {
        let line = Files.text("/proc/\(process)/status").split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        guard let number = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw TestFailure("no memory of \(process)")
        }
        return number
    }

    private static func server(connections: Int, port: Int = 0) -> String {
        """
        server.sources = r
        server.channels = c
        server.sinks = k
        server.sources.r.type = rpc
        server.sources.r.bind = 127.0.0.1
        server.sources.r.port = \(port)
        server.sources.r.maxConnections = \(connections)
        server.sources.r.handshake-timeout = 600
        server.sources.r.frame-timeout = 600
        server.sources.r.channels = c
        server.channels.c.type = memory
        server.sinks.k.type = null
        server.sinks.k.channel = c

        """
    }
    private static func edge(port: Int) -> String {
        """
        edge.sources = n
        edge.channels = c
        edge.sinks = k
        edge.sources.n.type = netcat
        edge.sources.n.bind = 127.0.0.1
        edge.sources.n.port = 0
        edge.sources.n.channels = c
        edge.channels.c.type = memory
        edge.sinks.k.type = rpc
        edge.sinks.k.hostname = 127.0.0.1
        edge.sinks.k.port = \(port)
        edge.sinks.k.channel = c

        """
    }
}
