import Glibc
import TailraceTopology
import Testing

/// The shipped topologies by hand, as the README shows them: started, broken, counted, ended.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct ClusterTests {
    @Test("An aggregator is killed and comes back: nothing is missing", arguments: ["two-tier", "failover"])
    func aggregatorKilled(_ topology: String) async throws {
        try await Workplace.use { place in
            let cluster = place.cluster(topology)
            try await cluster.up("topologies/\(topology).yaml")
            try await cluster.send(20_000)
            try await cluster.run("kill", "aggregator-1")
            try await cluster.send(20_000)
            try await cluster.run("restart", "aggregator-1")
            try await cluster.send(5_000)
            let audit = try await cluster.audit()
            #expect(audit.ok && audit.report.missing == 0 && audit.report.unverified == 0, "\(audit.verdict)")
            #expect(audit.report.files.map(\.delivered).reduce(0, +) == 45_000)
            #expect(audit.report.streams.map(\.delivered).reduce(0, +) == 45_000)
            #expect(audit.report.streams.map(\.state) == [.live, .live])
            print("\(topology): 45,000 lines, \(audit.verdict)")
            try await cluster.down()
        }
    }

    @Test("An edge is killed: its stream ended, its lines come again in a new one")
    func edgeKilled() async throws {
        try await Workplace.use { place in
            let cluster = place.cluster("edge")
            try await cluster.up("topologies/two-tier.yaml")
            let sending = try place.start(
                [Program.path, "topology", "send", "--events", "40000", "--state-dir", cluster.stateDirectory])
            try await eventually("lines are under way") {
                let streams = try await cluster.status().streams
                return streams.contains { $0.agent == "edge-1" && $0.submitted > 2_000 }
            }
            try await cluster.run("kill", "edge-1")
            #expect(try await sending.ended() == 0, "\(sending.story)")
            // Written while nobody reads: the audit must say that these lines are not in Kafka, and what to do.
            try await cluster.send(2_000)
            let down = try await cluster.run("audit", expecting: 1)
            #expect(down.output.contains("topology restart edge-1"), "\(down.story)")
            try await cluster.run("restart", "edge-1")
            let audit = try await cluster.audit()
            #expect(audit.report.missing == 0 && audit.report.files.map(\.delivered).reduce(0, +) == 42_000)
            #expect(audit.report.streams.count { $0.agent == "edge-1" && $0.state == .ended } == 1)
            #expect(audit.report.streams.count { $0.agent == "edge-1" && $0.state == .live } == 1)
            print("edge killed: \(audit.verdict)")
            try await cluster.down()
        }
    }

    @Test("An aggregator hangs: it costs one request time-out, and gets its share back when it goes on")
    func aggregatorHangs() async throws {
        try await Workplace.use { place in
            let cluster = place.cluster("hang")
            let sinks = ["first", "second"].map { "edge.sinks.\($0).request-timeout = 1000" }.joined(separator: "\n")
            try await cluster.up(try TopologyCopy.write(edge: sinks, in: place))
            try await cluster.send(5_000)
            try await cluster.run("kill", "aggregator-1", "--signal", "STOP")
            // More than the window of what is not yet in Kafka: it goes on only because the time-out ends.
            try await cluster.send(40_000)
            let hanging = try await cluster.audit()
            #expect(hanging.report.missing == 0 && hanging.report.files.map(\.delivered).reduce(0, +) == 45_000)
            try await cluster.run("kill", "aggregator-1", "--signal", "CONT")
            let before = try await accepted("aggregator-1", cluster)
            try await eventually("aggregator-1 gets its share again") {
                try await cluster.send(2_000)
                return try await accepted("aggregator-1", cluster) > before + 2_000
            }
            let audit = try await cluster.audit()
            #expect(audit.report.missing == 0 && audit.report.unverified == 0, "\(audit.verdict)")
            print("aggregator hung: \(audit.verdict)")
            try await cluster.down()
        }
    }

    @Test("The broker hangs: what is stored in file channels is in channels, and not missing")
    func brokerHangs() async throws {
        try await Workplace.use { place in
            let cluster = place.cluster("hang")
            try await cluster.up("topologies/durable.yaml")
            try await cluster.run("kill", "broker", "--signal", "STOP")
            // Written by hand: `send` would wait for what is read from Kafka.
            let lines = (0..<500).map { "x line=edge-1/\($0)\n" }.joined()
            try Files.write(lines, to: "\(cluster.stateDirectory)/agents/edge-1/logs/app.log")
            try await eventually("all are safe on a disk") {
                try await cluster.status().streams.contains { $0.agent == "edge-1" && $0.safe == 500 }
            }
            let audit = try await cluster.run("audit", expecting: 1)
            #expect(
                audit.output.hasSuffix(
                    "0 missing, 0 duplicates, 0 unverified, 500 still in channels: NOT SETTLED, use --wait\n"),
                "\(audit.story)")
            try await cluster.run("kill", "broker", "--signal", "CONT")
            let settled = try await cluster.audit()
            #expect(settled.ok && settled.report.streams.map(\.delivered).reduce(0, +) == 500, "\(settled.verdict)")
            try await cluster.down()
        }
    }

    private func accepted(_ member: String, _ cluster: Cluster) async throws -> Int {
        let status = try await cluster.status().members.first { $0.name == member }?.status
        return status.map { MemberFigures($0).accepted } ?? 0
    }
}
