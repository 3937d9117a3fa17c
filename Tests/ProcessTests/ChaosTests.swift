import Glibc
import TailraceStatus
import TailraceTopology
import Testing

/// `topology chaos`: faults from a seed under load. Nothing may be missing, whatever the machine's speed makes of them.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct ChaosTests {
    // Stops are longer than the time-out of an answer, so that edges give an aggregator up and come back to it.
    @Test("File channels on both tiers, embedded broker: edges and aggregators are killed, stopped, restarted")
    func durable() async throws {
        try await Workplace.use { place in
            let cluster = place.cluster("chaos")
            let chaos = try await cluster.run(
                "chaos", "topologies/durable.yaml", "--seconds", "14", "--seed", "59", "--every", "1", "--stop", "2", "--json",
                environment: ["REQUEST_TIMEOUT": "1000"])
            let result = try Self.check(chaos, cluster)
            #expect(result.faults.allSatisfy { $0.member != "broker" }, "the embedded broker would forget its records")
        }
    }

    @Test(
        "File channels on both tiers, real Kafka: the broker is killed, stopped and restarted too",
        .enabled(if: Program.kafkaHome != nil))
    func kafka() async throws {
        try await Workplace.use { place in
            let cluster = place.cluster("chaos"), home = try #require(Program.kafkaHome)
            let chaos = try await cluster.run(
                "chaos", "topologies/chaos.yaml", "--seconds", "25", "--seed", "35", "--every", "2", "--stop", "6", "--json",
                environment: ["KAFKA_HOME": home])
            _ = try Self.check(chaos, cluster)
        }
    }

    /// Of a run that brought its cluster up: nothing is missing, and it is down again.
    private static func check(_ chaos: Child, _ cluster: Cluster) throws -> ChaosResult {
        let result = try JSON.read(ChaosResult.self, Files.read(chaos.outPath), from: "chaos")
        #expect(result.ok && result.missing == 0 && result.unverified == 0 && result.inChannels == 0, "\(result.verdict)")
        #expect(result.unexpectedEnds.isEmpty, "\(result.unexpectedEnds)")
        #expect(result.sent > 0 && result.delivered == result.sent)
        let log = Files.text(result.log)
        for fault in result.faults where fault.count > 0 {
            #expect(log.contains(" \(fault.member): \(fault.kind.rawValue)"), "\(log)")
        }
        #expect(result.faults.contains { $0.count > 0 })
        #expect(log.contains("everybody is up"))
        #expect(cluster.processes().isEmpty)
        let faults = result.faults.filter { $0.count > 0 }.map { "\($0.count) \($0.kind.rawValue) of \($0.member)" }
        print("chaos: \(result.sent) lines, \(faults.joined(separator: ", ")): \(result.verdict)")
        return result
    }

    @Test("Ctrl-C puts up again what is stopped and what is killed; what is wrong before it begins is told")
    func interrupted() async throws {
        try await Workplace.use { place in
            let cluster = place.cluster("chaos")
            try await cluster.up("topologies/durable.yaml")
            let long = try await cluster.run("chaos", "--seconds", "604800", "--rate", "1000000", expecting: 1)
            #expect(long.errors.contains("of which half may be used\n    fix: choose fewer --seconds"), "\(long.errors)")

            // One stop and one kill last longer than the test.
            let chaos = try place.start(
                [
                    Program.path, "topology", "chaos", "--seconds", "3000", "--every", "1", "--stop", "1000", "--seed", "29",
                    "--state-dir", cluster.stateDirectory,
                ])
            try await eventually("one is stopped and one is gone") {
                let members = try await cluster.status().members
                return members.contains { $0.state == .exited } && members.contains { $0.state == .ready && !$0.isAnswering }
            }
            chaos.signal(SIGINT)
            #expect(try await chaos.ended() == 130, "\(chaos.story)")
            #expect(chaos.output.contains("interrupted: no audit was made"), "\(chaos.story)")
            let members = try await cluster.status().members
            #expect(members.allSatisfy { $0.state == .ready && $0.isAnswering }, "\(members)")
            let audit = try await cluster.audit()
            #expect(audit.ok && audit.report.missing == 0, "\(audit.verdict)")

            try await cluster.run("kill", "edge-1")
            let down = try await cluster.run("chaos", expecting: 1)
            #expect(
                down.errors.contains("edge-1 is ended (signal 9)\n    fix: start it with: tailrace topology restart edge-1"))
            try await cluster.down()
        }
    }

    @Test(
        "Wrong arguments are told",
        arguments: [
            (["--seconds", "0"], "--seconds"), (["--seed", "x"], "--seed"), (["--rate", "0"], "--rate"),
            (["--every", "-1"], "--every"), (["--stop", "many"], "--stop"), (["--most-down", "65"], "--most-down"),
            (["a.yaml", "b.yaml"], "b.yaml"),
        ])
    func wrongArguments(_ arguments: [String], _ named: String) async throws {
        try await Workplace.use { place in
            let chaos = try await place.tailrace(["topology", "chaos"] + arguments)
            #expect(chaos.status == 64 && chaos.errors.contains(named) && chaos.errors.contains("fix: "), "\(chaos.story)")
        }
    }
}
