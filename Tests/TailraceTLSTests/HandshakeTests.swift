import TailraceCore
import TailraceOpenSSL
import TailraceSimulation
import TailraceTLS
import TestCertificates
import Testing

/// OpenSSL on simulated connections, whose pieces, delays and ends the seed decides.
@Suite(.serialized) struct HandshakeTests {
    private func connect(
        _ seed: UInt64 = 1, client: (inout Side) -> Void = { _ in }, server: (inout Side) -> Void = { _ in },
        host: String = "server"
    ) throws -> Meeting {
        var clientSide = Side(), serverSide = Side()
        client(&clientSide)
        server(&serverSide)
        return try Meeting(seed, client: clientSide, server: serverSide, host: host)
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func bytesArriveWholeBothWaysWithIdentities(_ seed: UInt64) throws {
        let meeting = try connect(seed)
        try meeting.run()
        let client = try #require(meeting.client), server = try #require(meeting.server)
        #expect(server.stream.identity?.subject == "CN=client")
        #expect(client.stream.identity?.subject == "CN=server")
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        client.send(bytes)
        server.send(bytes.reversed())
        client.finish()
        server.finish()
        meeting.world.run(while: { !(client.hasEnded && server.hasEnded) }, limit: .seconds(600))
        #expect(server.received == bytes && client.received == bytes.reversed())
        #expect(client.error == nil && server.error == nil)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var client: @Sendable (inout Side) -> Void = { _ in }
        var server: @Sendable (inout Side) -> Void = { _ in }
        var host = "server"
        /// What each side says; "": nothing.
        var atClient: String, atServer: String
    }
    static let cases = [
        Case(
            testDescription: "the server's certificate has expired", server: { $0.request.until = "20210101000000Z" },
            atClient: "tls.expired", atServer: "tls.refused"),
        Case(
            testDescription: "the server's certificate is not yet valid", server: { $0.request.from = "20900101000000Z" },
            atClient: "tls.not-yet-valid", atServer: "tls.refused"),
        Case(
            testDescription: "the server's authority is unknown", server: { $0.issuer = 1 }, atClient: "tls.wrong-authority",
            atServer: "tls.refused"),
        Case(testDescription: "another host", host: "elsewhere", atClient: "tls.wrong-name", atServer: "tls.refused"),
        Case(
            testDescription: "the client's certificate has expired", client: { $0.request.until = "20210101000000Z" },
            atClient: "tls.refused", atServer: "tls.expired"),
        Case(
            testDescription: "the client's authority is unknown", client: { $0.issuer = 1 }, atClient: "tls.refused",
            atServer: "tls.wrong-authority"),
        Case(
            testDescription: "the client has no certificate", client: { $0.shows = false }, atClient: "tls.refused",
            atServer: "tls.no-certificate"),
        Case(
            testDescription: "a certificate for servers at a client", client: { $0.request.purpose = "serverAuth" },
            atClient: "tls.refused", atServer: "tls.wrong-purpose"),
        Case(
            testDescription: "no common version", client: { $0.settings.versions = [.tls13] },
            server: { $0.settings.versions = [.tls12] }, atClient: "tls.refused", atServer: "tls.protocol"),
        Case(
            testDescription: "nobody is asked for a name", client: { $0.settings.checksHostName = false }, host: "elsewhere",
            atClient: "", atServer: ""),
        Case(
            testDescription: "a client that takes any certificate", client: { $0.settings.demand = .none },
            server: { $0.issuer = 1 }, atClient: "", atServer: ""),
        Case(
            testDescription: "a server that asks for none", client: { $0.shows = false },
            server: { $0.settings.demand = .none },
            atClient: "", atServer: ""),
        Case(
            testDescription: "TLS 1.2", client: { $0.settings.versions = [.tls12] }, atClient: "", atServer: ""),
        Case(
            testDescription: "a cipher suite by Java's name",
            client: {
                $0.settings.versions = [.tls12]
                $0.settings.includedCiphers = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]
            }, atClient: "", atServer: ""),
    ]
    @Test(arguments: cases) func eachMistakeHasItsReasonOnBothSides(_ one: Case) throws {
        let meeting = try connect(client: one.client, server: one.server, host: one.host)
        try meeting.run()
        #expect(meeting.clientError?.code ?? "" == one.atClient, "\(meeting.clientError?.description ?? "connected")")
        #expect(meeting.serverError?.code ?? "" == one.atServer, "\(meeting.serverError?.description ?? "accepted")")
    }

    @Test func plaintextAtATLSPort() throws {
        let meeting = try connect()
        let plain = try meeting.plainClient()
        plain.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        meeting.world.run(while: { meeting.serverError == nil || !plain.hasEnded }, limit: .seconds(60))
        #expect(meeting.serverError?.code == "tls.peer-is-plaintext")
        // An alert, so that whoever knows TLS can see it.
        #expect(plain.received.starts(with: [0x15, 3]))
    }

    /// In the middle of the handshake, or before it.
    @Test(arguments: [0, 1, 5, 100]) func whoStopsIsClosedInTime(_ count: Int) throws {
        let meeting = try connect()
        let plain = try meeting.plainClient()
        plain.send(
            Array([0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3].prefix(count)) + Array(repeating: 7, count: max(0, count - 11)))
        let began = meeting.world.now
        meeting.world.run(while: { meeting.serverError == nil }, limit: .seconds(60))
        #expect(meeting.serverError?.code == "tls.timeout")
        #expect(meeting.world.now - began < .seconds(12))
        meeting.world.run(while: { !plain.hasEnded && plain.error == nil }, limit: .seconds(10))
        #expect(plain.hasEnded || plain.error != nil)
    }

    /// The oldest goes, so that who is quick gets in.
    @Test func manySlowOnesDoNotKeepOthersOut() throws {
        let meeting = try connect()
        var slow: [Talker] = []
        for _ in 0..<TLSLayer.openHandshakes + 10 { slow.append(try meeting.plainClient()) }
        #expect(meeting.serverErrors.count >= 10 && meeting.serverErrors.allSatisfy { $0.code == "tls.crowded" })
        try meeting.run()
        #expect(meeting.client != nil && meeting.server != nil)
        for one in slow { one.stream.close() }
    }

    /// Garbage, records that are too long, cut ones: refused, never a crash or a hang.
    @Test(arguments: 0..<60 as Range<UInt64>) func garbage(_ seed: UInt64) throws {
        let meeting = try connect(seed)
        let plain = try meeting.plainClient()
        var random = SeededRandom(seed: seed)
        var bytes: [UInt8] = seed % 2 == 0 ? [0x16, 3, 1, UInt8(seed % 64), 255] : []
        for _ in 0..<Int.random(in: 10...40_000, using: &random) { bytes.append(UInt8.random(in: 0...255, using: &random)) }
        plain.send(bytes)
        meeting.world.run(while: { meeting.serverError == nil }, limit: .seconds(60))
        #expect(meeting.serverError != nil)
    }

    @Test func theEndWithoutAWordIsToldFromAnOrderlyOne() throws {
        let meeting = try connect()
        try meeting.run()
        let client = try #require(meeting.client), server = try #require(meeting.server)
        client.send([1, 2, 3])
        meeting.world.run(while: { server.received.count < 3 }, limit: .seconds(60))
        meeting.clientPlain?.close()
        meeting.world.run(while: { server.error == nil && !server.hasEnded }, limit: .seconds(60))
        #expect(!server.hasEnded)
        #expect(["tls.truncated", "network.reset"].contains(server.error?.code))
    }
}
