import TailraceCore
import TailraceSimulation
import TestCertificates
import Testing

/// What `listen` and `connect` promise with TLS, of both networks.
@Suite(.serialized) struct TLSContractTests {
    private final class Site {
        let fixture: any SeamFixture
        private let authority = TestAuthority()
        private let isReal: Bool
        init(_ seams: Seams, _ seed: UInt64 = 1) throws {
            fixture = try seams.make(seed)
            isReal = seams == .real
            try write("ca", isReal ? authority.certificate : SimulatedCertificate.authorities("authority"))
        }
        func path(_ name: String) -> String { "\(fixture.directory)/\(name)" }
        func write(_ name: String, _ text: String) throws { try fixture.others.write(path(name), text) }
        func makeCertificate(_ name: String, isKnown: Bool = true) throws {
            if isReal {
                try write(name, (isKnown ? authority : TestAuthority("Other")).issue(name).store)
            } else {
                try write(
                    name,
                    SimulatedCertificate(name, names: ["127.0.0.1"], authority: isKnown ? "authority" : "other").text)
            }
        }
        func settings(_ name: String?) -> TLSSettings {
            var settings = TLSSettings()
            settings.authorities = .init(path: path("ca"))
            settings.certificate = name.map { .init(path: path($0)) }
            return settings
        }
    }
    /// One listener, and who connects to it.
    private final class Server {
        let site: Site
        var listener: (any Listener)!
        var accepted: [any ByteStream] = []
        var refused: [TailraceError] = []
        init(_ site: Site) throws {
            self.site = site
            try site.makeCertificate("server")
            try site.makeCertificate("client")
            listener = try site.fixture.environment.network.listen(
                at: .host("127.0.0.1", port: 0), tls: site.settings("server"),
                refused: { [unowned self] _, error in refused.append(error) }, { [unowned self] in accepted.append($0) })
        }
        func connect(_ settings: TLSSettings?) throws -> Result<any ByteStream, TailraceError> {
            var result: Result<any ByteStream, TailraceError>?
            let attempt = site.fixture.environment.network.connect(
                to: listener.endpoint, tls: settings, deadline: site.fixture.loop.now + .seconds(5)
            ) { result = $0 }
            #expect(result == nil, "answered within the call")
            #expect(site.fixture.run { result == nil })
            withExtendedLifetime(attempt) {}
            return try #require(result)
        }
    }

    @Test(arguments: Seams.allCases) func bothKnowWhomTheyMeet(_ seams: Seams) throws {
        let site = try Site(seams)
        defer { site.fixture.end() }
        let server = try Server(site)
        let client = Talker(try server.connect(site.settings("client")).get())
        #expect(site.fixture.run { server.accepted.isEmpty })
        let other = Talker(server.accepted[0])
        #expect(client.stream.identity?.subject == "CN=server")
        #expect(other.stream.identity?.subject == "CN=client")
        other.read()
        client.read()
        client.send(sample(400_000), finish: true)
        #expect(site.fixture.run { !other.hasEnded })
        #expect(other.hasReceived(sample(400_000)))
        other.send(sample(100_000), finish: true)
        #expect(site.fixture.run { !client.hasEnded })
        #expect(client.hasReceived(sample(100_000)))
    }

    /// "Not reading is back-pressure: the peer's window closes."
    @Test(arguments: Seams.allCases) func aReaderThatDoesNotReadStopsTheWriter(_ seams: Seams) throws {
        let site = try Site(seams)
        defer { site.fixture.end() }
        let server = try Server(site)
        let client = Talker(try server.connect(site.settings("client")).get())
        #expect(site.fixture.run { server.accepted.isEmpty })
        let other = Talker(server.accepted[0]), bytes = sample(12 << 20)
        client.send(bytes)
        site.fixture.settle()
        site.fixture.settle()
        let unsent = client.unsent
        #expect(unsent > 0)
        site.fixture.settle()
        #expect(client.unsent == unsent)
        other.read()
        #expect(site.fixture.run(while: { other.received.count < bytes.count }, limit: .seconds(60)))
        #expect(other.hasReceived(bytes))
    }

    @Test(arguments: Seams.allCases) func anUnknownClientIsRefusedOnBothSides(_ seams: Seams) throws {
        let site = try Site(seams)
        defer { site.fixture.end() }
        let server = try Server(site)
        try site.makeCertificate("stranger", isKnown: false)
        let client = Talker(try server.connect(site.settings("stranger")).get())
        client.read()
        #expect(site.fixture.run { client.error == nil || server.refused.isEmpty })
        #expect(client.error?.code == "tls.refused", "\(client.error?.description ?? "")")
        #expect(server.refused.map(\.code) == ["tls.wrong-authority"] && server.accepted.isEmpty)
    }

    @Test(arguments: Seams.allCases) func plaintextAtATLSPort(_ seams: Seams) throws {
        let site = try Site(seams)
        defer { site.fixture.end() }
        let server = try Server(site)
        let client = Talker(try server.connect(nil).get())
        client.send(Array("hello, hello\n".utf8))
        client.read()
        #expect(site.fixture.run { server.refused.isEmpty || !client.hasEnded && client.error == nil })
        #expect(server.refused.map(\.code) == ["tls.peer-is-plaintext"])
    }

    @Test(arguments: Seams.allCases) func aTLSClientAtAPlainPort(_ seams: Seams) throws {
        let site = try Site(seams)
        defer { site.fixture.end() }
        try site.makeCertificate("client")
        let listener = try site.fixture.environment.network.listen(at: .host("127.0.0.1", port: 0)) { $0.close() }
        var result: Result<any ByteStream, TailraceError>?
        let attempt = site.fixture.environment.network.connect(
            to: listener.endpoint, tls: site.settings("client"), deadline: site.fixture.loop.now + .seconds(5)
        ) { result = $0 }
        #expect(site.fixture.run { result == nil })
        guard case .failure(let error)? = result else {
            Issue.record("connected")
            return
        }
        #expect(["tls.closed", "network.reset"].contains(error.code), "\(error)")
        withExtendedLifetime(attempt) {}
    }

    /// "read again whenever one of them has changed"; "the old ones go on"
    @Test(arguments: Seams.allCases) func changedFilesAreUsedAndBrokenOnesAreNot(_ seams: Seams) throws {
        let site = try Site(seams)
        defer { site.fixture.end() }
        let server = try Server(site)
        func subject() throws -> String? {
            let before = server.accepted.count
            let stream = try server.connect(site.settings("client")).get()
            #expect(site.fixture.run { server.accepted.count == before })
            return stream.identity?.subject
        }
        #expect(try subject() == "CN=server")
        try site.write("server", "broken")
        #expect(try subject() == "CN=server")
        try site.makeCertificate("renewed server")
        try site.fixture.others.rename(site.path("renewed server"), to: site.path("server"))
        #expect(try subject() == "CN=renewed server")
        #expect(server.refused.isEmpty)
    }

    @Test(arguments: Seams.allCases) func filesThatCannotBeUsedEndTheListen(_ seams: Seams) throws {
        let site = try Site(seams)
        defer { site.fixture.end() }
        let error = #expect(throws: TailraceError.self) {
            _ = try site.fixture.environment.network.listen(
                at: .host("127.0.0.1", port: 0), tls: site.settings("missing"), refused: { _, _ in }, { _ in })
        }
        #expect(error?.code == "tls.file", "\(error?.description ?? "")")
    }
}
