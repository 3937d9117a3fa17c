import Glibc
import TailraceCore
import TailraceRdkafka
import Testing

/// The shipped samples, run as Flume's users run them; only addresses and the tailed file are replaced.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct FlumeTests {
    /// bin/flume-ng and conf/, as scripts/install lays them out.
    private func install(_ place: Workplace, _ sample: String, _ replaced: [(String, String)]) throws -> Child {
        try Files.makeFolder(place.file("bin"))
        try Files.makeFolder(place.file("conf"))
        guard symlink(Program.path, place.file("bin/tailrace")) == 0, symlink("tailrace", place.file("bin/flume-ng")) == 0
        else {
            throw TestFailure("no links in \(place.path)")
        }
        var text = Files.text("\(Program.checkout)/topologies/samples/\(sample)")
        for (old, new) in replaced {
            #expect(text.contains(old), "\(sample) has no \(old)")
            text = text.replacing(old, with: new)
        }
        try Files.write(text, to: place.file("conf/\(sample)"))
        return try place.start(
            [place.file("bin/flume-ng"), "agent", "-n", "agentckafka", "-c", "conf", "-f", "conf/\(sample)"],
            environment: ["HOME": place.path])
    }

    @Test("exec tail -F to Kafka: flume-kafka-sink.properties")
    func kafkaSink() async throws {
        try await Workplace.use { place in
            let broker = try EmbeddedBroker()
            defer { broker.close() }
            try broker.createTopic("mytopic", partitions: 4)
            let log = place.file("app.log")
            try Files.write("", to: log)
            let agent = try install(
                place, "flume-kafka-sink.properties", [("/var/log/app.log", log), ("localhost:9092", broker.bootstraps)])
            let reader = try TopicReader(broker.bootstraps, "mytopic", partitions: 4)
            // tail -F begins with the last lines: from the first one that it sees, all must come, in Kafka's order per partition.
            try Files.append("first\n", to: log)
            _ = try await reader.read("the first line is in Kafka") { !$0.isEmpty }
            try Files.append((0..<500).map { "line \($0) caf\u{E9}\n" }.joined(), to: log)
            let records = try await reader.read("all lines are in Kafka") { $0.count >= 501 }
            #expect(Set(records.map(\.text)) == Set(["first"] + (0..<500).map { "line \($0) caf\u{E9}" }))
            #expect(records.count == 501 && records.allSatisfy { $0.headers.isEmpty })
            #expect(agent.output.isEmpty && agent.errors.contains("note"), "what Flume ignores is told: \(agent.errors)")
            #expect(Files.text(place.file("logs/flume.log")).contains("agent agentckafka runs"))

            let tail = try #require(children(of: agent.process).first, "tail runs")
            agent.signal(SIGTERM)
            #expect(try await agent.ended() == 0, "\(agent.story)")
            try await eventually("tail has ended with its agent") { Files.read("/proc/\(tail)/cmdline").isEmpty }
        }
    }

    @Test("Kafka to logs/flume.log: flume-kafka-source.properties")
    func kafkaSource() async throws {
        try await Workplace.use { place in
            let broker = try EmbeddedBroker()
            defer { broker.close() }
            for topic in ["test1", "test2"] { try broker.createTopic(topic, partitions: 2) }
            let agent = try install(place, "flume-kafka-source.properties", [("localhost:9092", broker.bootstraps)])
            let log = place.file("logs/flume.log")
            // A new group begins at the end of its topics, so what is sent before it has joined is not for it.
            var number = 0
            try await eventually("records of both topics are in the log") {
                guard agent.isRunning else { throw TestFailure("it ended: \(agent.story)") }
                number += 1
                for topic in ["test1", "test2"] {
                    let line = Bytes("\(topic) \(number)\n")
                    let figures = try PlainProducer.run(line, bootstraps: broker.bootstraps, topic: topic)
                    #expect(figures.failed == 0)
                }
                let text = Files.text(log)
                return text.contains("test1 \(number - 1) }") && text.contains("test2 \(number - 1) }")
            }
            // As Flume's LoggerSink writes it: headers, the first 16 bytes as hexadecimal, and as text.
            let line = try #require(Files.text(log).split(separator: "\n").first { $0.contains("test1 ") })
            #expect(line.contains(" - Event: { headers:{") && line.contains("topic=test1"), "\(line)")
            #expect(line.contains(" body: 74 65 73 74 31 20 "), "\(line)")
            #expect(agent.output.isEmpty, "\(agent.output)")
            agent.signal(SIGTERM)
            #expect(try await agent.ended() == 0, "\(agent.story)")
        }
    }

    @Test("-Dflume.root.logger=INFO,console logs to the terminal")
    func console() async throws {
        try await Workplace.use { place in
            guard symlink(Program.path, place.file("flume-ng")) == 0 else { throw TestFailure("no link") }
            try Files.write(AgentTests.idle, to: place.file("idle.properties"))
            let agent = try place.start(
                [place.file("flume-ng"), "agent", "-n", "a", "-f", "idle.properties", "-Dflume.root.logger=INFO,console"],
                environment: ["HOME": place.path])
            try await eventually("it runs") { agent.errors.contains("agent a runs") }
            #expect(access(place.file("logs"), F_OK) != 0)
            agent.signal(SIGINT)
            #expect(try await agent.ended() == 0)
        }
    }

    @Test("The scripts are correct bash", arguments: Program.names(in: Program.checkout + "/scripts"))
    func scripts(_ name: String) async throws {
        try await Workplace.use { place in
            let check = try place.start(["/bin/bash", "-n", "\(Program.checkout)/scripts/\(name)"])
            #expect(try await check.ended() == 0, "\(check.story)")
        }
    }

    private func children(of process: pid_t) -> [pid_t] {
        Program.names(in: "/proc").compactMap { pid_t($0) }.filter { child in
            let line = Files.text("/proc/\(child)/stat")
            guard let end = line.lastIndex(of: ")") else { return false }
            let isTail = Files.text("/proc/\(child)/cmdline").hasPrefix("tail")
            return isTail && line[end...].split(separator: " ").dropFirst(2).first == "\(process)"
        }
    }
}
