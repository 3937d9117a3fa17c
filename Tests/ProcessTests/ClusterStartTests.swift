import Glibc
import TailraceTopology
import Testing

/// `topology up` where something is in its way.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct ClusterStartTests {
    @Test("After kill -9 of the supervisor nothing runs, and up cleans up; a second cluster runs beside it")
    func supervisorKilled() async throws {
        try await Workplace.use { place in
            let cluster = place.cluster("one"), other = place.cluster("two")
            try await cluster.up("topologies/two-tier.yaml")
            try await cluster.send(1_000)
            let supervisor = try await cluster.status().supervisor
            kill(supervisor, SIGKILL)
            try await eventually("all processes are gone with their supervisor") { cluster.processes().isEmpty }
            try await cluster.run("status", expecting: 69)

            try await cluster.up("topologies/two-tier.yaml")
            try await other.up("topologies/two-tier.yaml")
            let again = try await cluster.run("up", "-d", "topologies/two-tier.yaml", expecting: 1)
            #expect(again.errors.contains("a cluster runs in \(cluster.stateDirectory)"), "\(again.errors)")
            let ports = try await cluster.status().members.map(\.port) + other.status().members.map(\.port)
            #expect(Set(ports.filter { $0 != 0 }).count == 8, "each agent has a port of its own: \(ports)")
            try await cluster.send(3_000)
            try await other.send(2_000)
            let audits = [try await cluster.audit(), try await other.audit()]
            #expect(audits.map { $0.report.missing } == [0, 0])
            #expect(audits.map { $0.report.files.map(\.delivered).reduce(0, +) } == [3_000, 2_000])
            try await cluster.down()
            #expect(!other.processes().isEmpty, "the other cluster goes on")
            try await other.down()
        }
    }

    @Test("An agent that cannot start ends up with its last lines, and nothing is left")
    func agentCannotStart() async throws {
        try await Workplace.use { place in
            try Files.write("edge.sources = s\nedge.channels = c\n", to: place.file("edge.properties"))
            try Files.write(
                """
                name: broken
                topics:
                  - name: logs
                tiers:
                  - name: edge
                    count: 1
                    agent: edge
                    configuration: edge.properties
                generator:
                  tier: edge

                """, to: place.file("broken.yaml"))
            let cluster = place.cluster("broken")
            let up = try await cluster.run("up", "-d", place.file("broken.yaml"), expecting: 1)
            #expect(up.errors.contains("edge-1 ended with exit status 78 before it was ready"), "\(up.errors)")
            #expect(
                up.errors.contains("edge.properties:1: error: edge.sources: \"s\" is in the list, but no line configures it"),
                "\(up.errors)")
            #expect(cluster.processes().isEmpty)
        }
    }

    @Test("A Kafka that cannot start: its last lines are told, and nothing is left")
    func kafkaCannotStart() async throws {
        try await Workplace.use { place in
            try Files.makeFolder(place.file("kafka/bin"))
            for name in ["kafka-storage.sh", "kafka-server-start.sh"] {
                try Files.write("#!/bin/sh\necho kafka: no Java found >&2\nexit 1\n", to: place.file("kafka/bin/\(name)"))
                #expect(chmod(place.file("kafka/bin/\(name)"), 0o755) == 0)
            }
            let cluster = place.cluster("home")
            let up = try await cluster.run(
                "up", "-d", "topologies/chaos.yaml", expecting: 1, environment: ["KAFKA_HOME": place.file("kafka")])
            #expect(up.errors.contains("broker ended with exit status 1 before it was ready"), "\(up.errors)")
            #expect(up.errors.contains("kafka: no Java found\n"), "\(up.errors)")
            #expect(!up.errors.contains("does not answer"), "\(up.errors)")
            #expect(cluster.processes().isEmpty)
        }
    }

    @Test("All mistakes of a topology file at once, by line and column")
    func mistakes() async throws {
        try await Workplace.use { place in
            try Files.write(
                """
                name: x
                brokr: embedded
                topics:
                  - name: a
                    partitions: many
                tiers:
                  - name: edge
                    count: 0
                    agent: edge
                    configuration: nope.properties

                """, to: place.file("bad.yaml"))
            let bad = place.file("bad.yaml"), cluster = place.cluster("bad")
            let up = try await cluster.run("up", "-d", bad, expecting: 78)
            for line in [
                "\(bad):2:1: 'brokr' is no key of the topology. Fix: did you mean 'broker'?",
                "\(bad):5:17: 'partitions' is the text \"many\". Fix: write a whole number from 1 to 1024",
                "\(bad):8:12: 'count' is the text \"0\". Fix: write a whole number from 1 to 64",
                "\(bad):10:20: 'nope.properties' cannot be read.",
            ] { #expect(up.errors.contains(line), "\(up.errors)") }
            #expect(access(cluster.stateDirectory, F_OK) != 0, "nothing was made")
            let missing = try await cluster.run("up", "-d", place.file("none.yaml"), expecting: 78)
            #expect(missing.errors.contains("\(place.file("none.yaml"))"), "\(missing.errors)")
        }
    }

    @Test(
        "Commands say that no cluster runs",
        arguments: ["status", "audit", "kill edge-1", "restart edge-1", "send --events 1", "chaos"])
    func noCluster(_ command: String) async throws {
        try await Workplace.use { place in
            let words = command.split(separator: " ").map(String.init)
            let child = try await place.tailrace(["topology"] + words + ["--state-dir", place.file("none")])
            #expect(child.status == 69, "\(child.story)")
            #expect(child.errors.contains("with: tailrace topology up"), "\(child.errors)")
        }
    }
}
