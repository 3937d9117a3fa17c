import Glibc
import TailraceTopology
import Testing

/// The chain into a real Apache Kafka, with lines that real systems wrote.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct KafkaTests {
    // Skipped without a Kafka in $KAFKA_HOME or in the folder "shared" beside the checkout.
    @Test(
        "Aggregator and broker are killed: all lines are in Kafka, byte for byte, in the order of their files",
        .enabled(if: Program.kafkaHome != nil))
    func kafkaAtHome() async throws {
        try await Workplace.use { place in
            let cluster = place.cluster("kafka"), home = try #require(Program.kafkaHome)
            let topology = try TopologyCopy.write(
                edge: "edge.sources.files.fileHeader = true", aggregator: "aggregator.sinks.kafka.header.file = file",
                replaced: [("broker: embedded", "broker: home"), ("partitions: 16", "partitions: 4")], in: place)
            try await cluster.up(topology, environment: ["KAFKA_HOME": home])
            try await cluster.send(20_000)
            try await cluster.run("kill", "aggregator-1")
            try await cluster.send(20_000)

            // The first half of each file, while one aggregator is down.
            let logs = Program.sampleLogs.map { Self.ended(Files.read($0)) }
            let copies = Program.sampleLogs.map {
                "\(cluster.stateDirectory)/agents/edge-1/logs/\($0.split(separator: "/").last!)"
            }
            for (log, copy) in zip(logs, copies) { try Files.write(Array(log[..<(log.count / 2)]), to: copy) }
            try await cluster.run("restart", "aggregator-1")

            // The rest while the broker is down.
            let kafka = try #require(cluster.processes().first { $0.arguments.contains("kafka.Kafka") }, "Kafka runs")
            kill(kafka.process, SIGKILL)
            try await eventually("the cluster sees it") {
                try await cluster.status().members.first { $0.name == "broker" }?.state == .exited
            }
            for (log, copy) in zip(logs, copies) { try Files.append(Array(log[(log.count / 2)...]), to: copy) }
            try await cluster.run("restart", "broker")
            try await cluster.send(5_000)

            let lines = logs.map(Self.lines), sent = 45_000 + lines.reduce(0) { $0 + $1.count }
            let reader = try TopicReader(try await cluster.status().bootstrapServers, "logs", partitions: 4)
            let records = try await reader.read("\(sent) lines are in Kafka") { records in
                records.count >= sent && Set(records.map { Identity($0) }).count >= sent
            }
            let audit = try await cluster.audit()
            #expect(audit.report.missing == 0 && audit.report.unverified == 0, "\(audit.verdict)")
            print("real Kafka: \(sent) lines, \(lines.count) files of real logs, \(audit.verdict)")

            var byFile: [String: [UInt64: [UInt8]]] = [:]
            for record in records {
                guard let file = record.headers["file"], let number = record.identity?.number else { continue }
                let name = String(decoding: file, as: UTF8.self)
                if let other = byFile[name]?.updateValue(record.value, forKey: number) { #expect(other == record.value) }
                byFile[name, default: [:]][number] = record.value
            }
            for (expected, copy) in zip(lines, copies) {
                let found = (byFile[copy] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
                #expect(found == expected, "\(copy): \(found.count) of \(expected.count) lines, or others")
            }
            try await cluster.down()
        }
    }

    private struct Identity: Hashable {
        let stream, number: UInt64
        init(_ record: TopicReader.Record) { (stream, number) = record.identity ?? (0, 0) }
    }

    /// A line without line end would wait for it.
    private static func ended(_ log: [UInt8]) -> [UInt8] {
        log.last == UInt8(ascii: "\n") ? log : log + [UInt8(ascii: "\n")]
    }

    /// Each line without its LF, and without exactly one CR before it.
    private static func lines(_ bytes: [UInt8]) -> [[UInt8]] {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map { Array($0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0) }
    }
}
