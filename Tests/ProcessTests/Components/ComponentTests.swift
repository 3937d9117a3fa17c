import Glibc
import TailraceRdkafka
import Testing

/// Each component with a real Kafka: 10,000 events through it, with a broker that is killed and restarted in the middle.
@Suite(
    .serialized, .timeLimit(.minutes(5)), .enabled(if: KafkaServer.script != nil, "no Kafka by TAILRACE_SHARED or ../shared"))
struct ComponentTests {
    private static let events = 10_000

    @Test("All events arrive, whatever the security", arguments: KafkaServer.Security.allCases)
    func components(security: KafkaServer.Security) async throws {
        try await Workplace.use { place in
            try await KafkaServer.use(security, in: place) { server in
                let topics = ComponentRow.all.map { ($0.output, 4) } + [("source-in", 4), ("channel-topic", 4)]
                try TopicAdministration.create(
                    topics.map { (name: $0.0, partitions: $0.1) }, at: server.plainServers, within: .seconds(60))
                var agents: [Agent] = [], readers: [TopicReader] = []
                for row in ComponentRow.all {
                    let input = place.file("\(row.name).log")
                    try Files.write("", to: input)
                    agents.append(try Agent(row.name, row.properties(server, input), in: place))
                    readers.append(try TopicReader(server.plainServers, row.output, partitions: 4))
                }
                for agent in agents { try await agent.isReady() }
                let half = Self.events / 2
                try await feed(0..<half, agents, server, place) { _ in true }
                // In the middle: some of it is there.
                for (row, reader) in zip(ComponentRow.all, readers) {
                    _ = try await reader.read("\(row.name) begins") { $0.count > 100 }
                }
                try await server.killNode()
                try await feed(half..<Self.events, agents, server, place) { $0.feedsWithoutBroker }
                try await server.restartNode()
                try await feed(half..<Self.events, agents, server, place) { !$0.feedsWithoutBroker }
                for (row, reader) in zip(ComponentRow.all, readers) { try await check(row, reader, security) }
                for agent in agents {
                    #expect(try await agent.stop() == 0)
                    #expect(!agent.child.errors.contains("tailrace-secret"), "no secret in a log")
                }
            }
        }
    }

    private func feed(
        _ numbers: Range<Int>, _ agents: [Agent], _ server: KafkaServer, _ place: Workplace,
        _ isWanted: (ComponentRow) -> Bool
    ) async throws {
        for (row, agent) in zip(ComponentRow.all, agents) where isWanted(row) {
            let lines = numbers.map { ComponentRow.line(row.name, $0) + "\n" }.joined()
            try await row.feed(lines, agent, server, place.file("\(row.name).log"))
        }
    }
    private func check(_ row: ComponentRow, _ reader: TopicReader, _ security: KafkaServer.Security) async throws {
        let records = try await reader.read("\(row.name): all events are in Kafka") { records in
            records.count >= Self.events && Set(records.map(\.text)).count >= Self.events
        }
        let texts = Set(records.map(\.text)), sent = Set((0..<Self.events).map { ComponentRow.line(row.name, $0) })
        #expect(texts == sent, "\(row.name): \(sent.subtracting(texts).count) missing, \(texts.subtracting(sent).count) others")
        print("\(security) \(row.name): \(Self.events) events, \(records.count - texts.count) duplicates")
    }
}
