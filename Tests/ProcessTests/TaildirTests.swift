import Glibc
import TailraceCore
import TailraceIO
import TailraceRdkafka
import Testing

/// Log files on a real disk, rotated under load, while the edge is killed again and again: no line is lost.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct TaildirTests {
    @Test("Rotation under load with kill -9 of the edge: no line is lost")
    func rotationUnderKills() async throws {
        try await Workplace.use { place in
            let broker = try EmbeddedBroker()
            defer { broker.close() }
            try broker.createTopic("logs", partitions: 16)
            let aggregator = try Agent("aggregator", Self.aggregator(broker.bootstraps), in: place)
            try await aggregator.isReady()
            try Files.makeFolder(place.file("logs"))
            let edge = try Agent("edge", Self.edge(place, port: try await aggregator.port()), in: place)
            try await edge.isReady()
            let reader = try TopicReader(broker.bootstraps, "logs", partitions: 16)

            let rounds = 12, linesPerFile = 2_500
            var written = 0, kills = 0
            for round in 0..<rounds {
                for part in 0..<5 {
                    let lines = (written..<written + linesPerFile / 5).map { "2026-11-24 INFO request \($0) served\n" }
                    try Files.append(lines.joined(), to: place.file("logs/app.log"))
                    written += lines.count
                    reader.read()
                    if part == 2, round % 3 == 1 {
                        try await edge.child.kill()
                        kills += 1
                        // The rotation of this round happens while it is down.
                    }
                }
                let rotated = rename(place.file("logs/app.log"), place.file("logs/app.log.\(round)"))
                #expect(rotated == 0)
                if !edge.child.isRunning { try edge.restart() }
                let count = reader.records.count
                // Some lines of this round arrive before the next: kills hit a busy edge, not one that has yet to begin.
                _ = try await reader.read("lines come after round \(round)") { $0.count > count }
            }
            var seen: Set<Int> = [], looked = 0
            let records = try await reader.read("all \(written) lines are in Kafka") { records in
                for record in records[looked...] { seen.insert(Self.number(record)) }
                looked = records.count
                return seen.count >= written
            }
            #expect(seen == Set(0..<written))
            print("taildir: \(written) lines, \(rounds) rotations, \(kills) kills: \(records.count - written) duplicates")
            #expect(try await edge.stop() == 0)
            #expect(try await aggregator.stop() == 0)
        }
    }
    private static func number(_ record: TopicReader.Record) -> Int {
        record.text.split(separator: " ").dropFirst(3).first.flatMap { Int($0) } ?? -1
    }

    static func aggregator(_ bootstraps: String) -> String {
        """
        aggregator.sources = r
        aggregator.channels = c
        aggregator.sinks = k
        aggregator.sources.r.type = rpc
        aggregator.sources.r.bind = 127.0.0.1
        aggregator.sources.r.port = 0
        aggregator.sources.r.channels = c
        aggregator.channels.c.type = memory
        aggregator.sinks.k.type = kafka
        aggregator.sinks.k.kafka.bootstrap.servers = \(bootstraps)
        aggregator.sinks.k.kafka.topic = logs
        aggregator.sinks.k.identityHeaders = true
        aggregator.sinks.k.channel = c

        """
    }
    private static func edge(_ place: Workplace, port: Int) -> String {
        """
        edge.sources = t
        edge.channels = c
        edge.sinks = k
        edge.sources.t.type = taildir
        edge.sources.t.filegroups = f
        edge.sources.t.filegroups.f = \(place.file("logs"))/app\\\\.log.*
        edge.sources.t.positionFile = \(place.file("positions.json"))
        edge.sources.t.writePosInterval = 100
        edge.sources.t.channels = c
        edge.channels.c.type = memory
        edge.sinks.k.type = rpc
        edge.sinks.k.hostname = 127.0.0.1
        edge.sinks.k.port = \(port)
        edge.sinks.k.channel = c

        """
    }
}
