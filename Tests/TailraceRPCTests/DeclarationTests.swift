import TailraceCore
import TailraceRPC
import Testing

/// What the keys of source and sink say to values of Flume's files.
@Suite struct DeclarationTests {
    private func apply<C: ComponentConfiguration>(_ declaration: Declaration<C>, _ name: String, _ text: String) -> (
        value: C, note: String?, error: TailraceError?
    ) {
        var configuration = C()
        guard let key = declaration.keys.first(where: { $0.name == name || $0.otherNames.contains { $0.name == name } }) else {
            return (configuration, nil, TailraceError(code: "test", message: "no key \(name)"))
        }
        do throws(TailraceError) {
            let note = try key.apply(&configuration, [], text)
            if case .ignored = key.kind { return (configuration, key.summary, nil) }
            return (configuration, note, nil)
        } catch {
            return (configuration, nil, error)
        }
    }

    @Test func namesOfFlume() {
        for declaration in [RPCSource.declaration.otherTypes, RPCSink.declaration.otherTypes] {
            #expect(declaration.map(\.name) == ["avro"])
        }
        #expect(RPCSource.declaration.classNames.contains("org.apache.flume.source.AvroSource"))
        #expect(RPCSink.declaration.classNames.contains("org.apache.flume.sink.AvroSink"))
    }

    @Test func deflateBecomesZstd() {
        let sink = apply(RPCSink.declaration, "compression-type", "deflate")
        #expect(sink.value.compression.compression == .zstd)
        #expect(sink.note?.hasPrefix("deflate becomes zstd") == true)
        #expect(apply(RPCSink.declaration, "compression", "lz4").value.compression == .lz4)
        #expect(apply(RPCSink.declaration, "compression", "gzip").error?.code == "configuration.range")
        #expect(apply(RPCSource.declaration, "compression-type", "deflate").note?.contains("the sink decides") == true)
    }

    /// Never open where a filter was.
    @Test func refusedSwitches() {
        let error = apply(RPCSource.declaration, "ipFilter", "true").error
        #expect(error?.code == "configuration.unsupported" && error?.fix != nil)
        #expect(apply(RPCSource.declaration, "ssl", "false").value.tls.settings(.server) == nil)
        #expect(apply(RPCSink.declaration, "ssl", "yes").error?.code == "configuration.range")
    }

    @Test func ignoredKeysSayWhy() {
        for name in ["threads", "ipFilterRules"] { #expect(apply(RPCSource.declaration, name, "x").note != nil, "\(name)") }
        #expect(apply(RPCSink.declaration, "maxIoWorkers", "x").note != nil)
    }

    @Test func tlsByFlumesNames() {
        var keys = TLSKeys()
        keys.isOn = true
        #expect(keys.problems(.client).isEmpty)
        #expect(keys.problems(.server).map(\.key) == ["ssl"])
        keys.keyStore = "/store.p12"
        keys.keyStorePassword = "secret"
        keys.excludedProtocols = ["TLSv1.2", "SSLv3"]
        #expect(keys.problems(.server).isEmpty)
        #expect(keys.settings(.server)?.certificate == .init(path: "/store.p12", password: "secret"))
        #expect(keys.settings(.server)?.versions == [.tls13] && keys.settings(.server)?.demand == TLSSettings.Demand.none)
        keys.clientCertificates = .need
        #expect(keys.problems(.server).map(\.key) == ["client-auth"])
        keys.trustStore = "/ca.pem"
        #expect(keys.settings(.server)?.demand == .needed)
        keys.includedProtocols = ["TLSv1"]
        #expect(keys.problems(.server).map(\.key) == ["include-protocols"])
        (keys.includedProtocols, keys.trustsAll) = ([], true)
        #expect(keys.problems(.client).map(\.severity) == [.warning])
        (keys.trustsAll, keys.checksHostName) = (false, false)
        #expect(keys.problems(.client).map(\.key) == ["hostname-verification"])
        #expect(apply(RPCSink.declaration, "exclude-protocols", "TLSv9").error?.code == "configuration.range")
        #expect(apply(RPCSource.declaration, "keystore-type", "BKS").error?.code == "configuration.range")
        #expect(apply(RPCSource.declaration, "client-auth", "need").value.tls.clientCertificates == .need)
        #expect(apply(RPCSink.declaration, "include-cipher-suites", "A B").value.tls.includedCiphers == ["A", "B"])
    }

    @Test func timeouts() {
        #expect(apply(RPCSink.declaration, "request-timeout", "1500").value.requestTimeout == 1500)
        let short = apply(RPCSink.declaration, "connect-timeout", "10")
        #expect(short.value.connectTimeout == 20_000 && short.note == "below 1000 ms it is 20000 ms, as in Flume")
        #expect(apply(RPCSink.declaration, "connect-timeout", "-1").error?.code == "configuration.range")
    }

    /// One event of the largest size fits the frames of a source with defaults.
    @Test func defaults() {
        #expect(RPCSourceConfiguration().maxFrameSizeBytes > Limits.eventBytes + FrameLimits.largestEnvelope)
        #expect(RPCSinkConfiguration().batchSize <= 10_000)
        #expect(RPCSinkConfiguration().window == 16)
    }
}
