import TailraceCore
import TailraceRPC
import TailraceSimulation
import Testing

/// Sink and source with certificates on both sides, over a simulated network.
@Suite struct RPCTLSTests {
    /// With valid certificates, before the start.
    private func makeChain(
        _ seed: UInt64 = 1, source: (inout RPCSourceConfiguration) -> Void = { _ in },
        sink: (inout RPCSinkConfiguration) -> Void = { _ in }
    ) -> Chain {
        func set(_ keys: inout TLSKeys) {
            keys.isOn = true
            (keys.certificate, keys.authorities) = ("/tls/store", "/tls/ca")
        }
        let chain = Chain(
            seed: seed,
            source: {
                set(&$0.tls)
                $0.tls.clientCertificates = .need
                source(&$0)
            },
            sink: {
                set(&$0.tls)
                sink(&$0)
            })
        for host in [chain.edge, chain.aggregator] {
            host.files.makeDirectory("/tls")
            host.files.write("/tls/ca", SimulatedCertificate.authorities("authority"))
            host.files.write("/tls/store", SimulatedCertificate(host.name, names: [host.name]).text)
        }
        return chain
    }
    private func counter(_ chain: Chain, _ name: String) -> Int? {
        chain.aggregator.metrics.value(name, "aggregator.sources.r1")
    }

    @Test(arguments: 0..<10 as Range<UInt64>) func batchesArriveAndAreAnswered(_ seed: UInt64) {
        let chain = makeChain(seed)
        chain.start()
        var batches = RandomBatches(seed: seed)
        let sent = (0..<12).map { _ in batches.batch() }
        for batch in sent { chain.offer(batch) }
        #expect(chain.settle())
        #expect(chain.offers.outcomes.keys.allSatisfy(chain.offers.isDelivered))
        #expect(chain.channel.stored.map(BatchContent.init) == sent.map(BatchContent.init))
    }

    /// Refused with its reason on both sides and counted; repaired, the next batch is delivered without a restart.
    @Test(arguments: ["authority", "expired", "early", "none"]) func aWrongClientIsRefusedUntilItIsRepaired(_ mistake: String) {
        let chain = makeChain(sink: { if mistake == "none" { $0.tls.certificate = "" } })
        var wrong = SimulatedCertificate("edge", names: ["edge"], authority: mistake == "authority" ? "other" : "authority")
        if mistake == "expired" { wrong.until = WallTime(milliseconds: 1) }
        if mistake == "early" { wrong.from = WallTime(milliseconds: .max) }
        if mistake != "none" { chain.edge.files.write("/tls/store", wrong.text) }
        chain.start()
        let first = chain.offer(Chain.batch(["a"]))
        #expect(chain.settle())
        guard case .retry(let error, _)? = chain.offers.outcomes[first] else {
            Issue.record("\(String(describing: chain.offers.outcomes[first]))")
            return
        }
        #expect(error.code == "tls.refused", "\(error)")
        #expect((counter(chain, "refused_tls_handshakes_total") ?? 0) > 0)
        let code = ["authority": "tls.wrong-authority", "expired": "tls.expired", "early": "tls.not-yet-valid"][mistake]
        #expect(!chain.aggregator.log.lines(containing: code ?? "tls.no-certificate").isEmpty)
        guard mistake != "none" else { return }
        chain.edge.files.write("/tls/store", SimulatedCertificate("edge", names: ["edge"]).text)
        chain.world.run(for: .seconds(30))
        let second = chain.offer(Chain.batch(["a"]))
        #expect(chain.settle() && chain.offers.isDelivered(second))
    }

    @Test func theSourcesNameIsChecked() {
        let chain = makeChain()
        chain.aggregator.files.write("/tls/store", SimulatedCertificate("aggregator", names: ["elsewhere"]).text)
        chain.start()
        let offered = chain.offer(Chain.batch(["a"]))
        #expect(chain.settle() && !chain.offers.isDelivered(offered))
        #expect(!chain.edge.log.lines(containing: "tls.wrong-name").isEmpty)
    }

    /// Plaintext meets TLS: each side says what it has met.
    @Test(arguments: [false, true]) func onlyOneSideHasTLS(_ source: Bool) {
        let chain = makeChain(source: { $0.tls.isOn = source }, sink: { $0.tls.isOn = !source })
        chain.start()
        let offered = chain.offer(Chain.batch(["a"]))
        #expect(chain.settle() && !chain.offers.isDelivered(offered) && chain.channel.stored.isEmpty)
        let log = chain.aggregator.log.lines(containing: source ? "tls.peer-is-plaintext" : "rpc.peer-is")
        #expect(!log.isEmpty)
        #expect(!chain.edge.log.lines(containing: "no connection to").isEmpty)
    }

    /// A second certificate cannot go on with a stream; a renewed one of the same subject can.
    @Test(arguments: [true, false]) func aStreamBelongsToTheCertificateThatOpenedIt(_ binds: Bool) {
        let chain = makeChain(source: { $0.bindsStreams = binds }, sink: { $0.resetConnectionInterval = 1 })
        chain.start()
        let first = chain.offer(Chain.batch(["a"]))
        #expect(chain.settle() && chain.offers.isDelivered(first))
        chain.edge.files.write("/tls/store", SimulatedCertificate("other", names: ["edge"]).text)
        chain.world.run(for: .seconds(5))
        let second = chain.offer(Chain.batch(["b"], from: 1))
        #expect(chain.settle())
        #expect(chain.offers.isDelivered(second) == !binds)
        #expect(counter(chain, "refused_stream_batches_total") == (binds ? 1 : 0))
        if binds, case .retry(let error, _)? = chain.offers.outcomes[second] {
            #expect(error.description.contains("opened by CN=edge"), "\(error)")
        }
        var renewed = SimulatedCertificate("edge", names: ["edge"])
        renewed.key = "another key"
        chain.edge.files.write("/tls/store", renewed.text)
        chain.world.run(for: .seconds(10))
        let third = chain.offer(Chain.batch(["b"], from: 1))
        #expect(chain.settle() && chain.offers.isDelivered(third))
    }

    @Test func streamOwnersAreBounded() {
        var owners = StreamOwners(limit: 10)
        let a = PeerIdentity(subject: "a"), b = PeerIdentity(subject: "b")
        #expect(owners.owner(of: StreamID(value: 1), claimedBy: a) == a)
        for value in 2...5 as ClosedRange<UInt64> { _ = owners.owner(of: StreamID(value: value), claimedBy: a) }
        #expect(owners.owner(of: StreamID(value: 1), claimedBy: b) == a)
        for value in 6...30 as ClosedRange<UInt64> { _ = owners.owner(of: StreamID(value: value), claimedBy: a) }
        #expect(owners.owner(of: StreamID(value: 1), claimedBy: b) == b, "forgotten after so many others")
    }
}
