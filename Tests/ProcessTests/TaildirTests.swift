import Glibc
import TailraceCore
import TailraceIO
import TailraceRdkafka
import TailraceStatus
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

            let rounds = 12
            var written = 0, kills = 0
            func append(_ count: Int) throws {
                try Files.append(Self.lines(written..<written + count), to: place.file("logs/app.log"))
                written += count
            }
            for round in 0..<rounds {
                for _ in 0..<3 { try append(500) }
                let isKilled = round % 3 == 1
                if isKilled {
                    // In the middle of a large piece; the rotation then happens while it is down.
                    let before = try edge.status()?.streams.first?.submitted ?? 0
                    try append(40_000)
                    try await eventually("the edge works on it") {
                        try edge.status()?.streams.first.map { $0.submitted > before + 5_000 } ?? false
                    }
                    try await edge.child.kill()
                    kills += 1
                }
                try append(500)
                let rotated = rename(place.file("logs/app.log"), place.file("logs/app.log.\(round)"))
                #expect(rotated == 0)
                if isKilled { try edge.restart() }
                reader.read()
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
    @Test("Killed, and its file rotated out of the pattern while it is down: the old file is found, and read to its end")
    func rotatedAwayWhileDown() async throws {
        try await Workplace.use { place in
            let broker = try EmbeddedBroker()
            defer { broker.close() }
            try broker.createTopic("logs", partitions: 16)
            let aggregator = try Agent("aggregator", Self.aggregator(broker.bootstraps), in: place)
            try await aggregator.isReady()
            let log = place.file("logs/app.log")
            try Files.makeFolder(place.file("logs"))
            try Files.write(Self.lines(0..<1_000), to: log)
            let edge = try Agent(
                "edge", Self.edge(place, port: try await aggregator.port(), pattern: "app\\\\.log"), in: place)
            let reader = try TopicReader(broker.bootstraps, "logs", partitions: 16)
            _ = try await reader.read("the first lines are in Kafka") { $0.count >= 1_000 }
            var status = stat()
            #expect(stat(log, &status) == 0)
            try await eventually("its position is on disk") {
                Files.text(place.file("positions.json")).contains("\"inode\":\(status.st_ino)")
            }
            try Files.append(Self.lines(1_000..<2_000), to: log)
            try await edge.child.kill()
            try Files.append(Self.lines(2_000..<3_000), to: log)
            #expect(rename(log, place.file("logs/yesterday")) == 0)
            try Files.write(Self.lines(3_000..<4_000), to: log)
            try edge.restart()
            let records = try await reader.read("all lines are in Kafka") { Set($0.map(Self.number)).count >= 4_000 }
            #expect(Set(records.map(Self.number)) == Set(0..<4_000))
            print("taildir, rotated away while down: \(records.count - 4_000) duplicates")
            #expect(try await edge.stop() == 0)
            #expect(try await aggregator.stop() == 0)
        }
    }

    private static func lines(_ numbers: Range<Int>) -> String {
        numbers.map { "2026-11-24 INFO request \($0) served\n" }.joined()
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
    private static func edge(_ place: Workplace, port: Int, pattern: String = "app\\\\.log.*") -> String {
        """
        edge.sources = t
        edge.channels = c
        edge.sinks = k
        edge.sources.t.type = taildir
        edge.sources.t.filegroups = f
        edge.sources.t.filegroups.f = \(place.file("logs"))/\(pattern)
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
