import TailraceAvro
import TailraceCore
import Testing

@testable import TailraceKafka

struct RecordBuilderTests {
    private func build(
        _ lines: [String: String], _ batch: EventBatch, partitions: Int? = nil, isAgain: Bool = false
    ) throws -> RecordBuilder.Built {
        var table = PartitionTable(random: SeededRandom(seed: 1))
        if let partitions {
            for topic in ["logs", "other"] {
                _ = table.isDue(topic, now: Instant(nanoseconds: 0))
                table.learned(topic, Array(repeating: true, count: partitions))
            }
        }
        let builder = try RecordBuilder(makeSinkConfiguration(lines))
        return builder.build(batch, &table, isAgain: isAgain)
    }

    @Test func choosesTheTopic() throws {
        let batch = makeBatch(3) { $0 == 1 ? [Header("topic", "other")] : [Header("host", "h\($0)")] }
        func topics(_ lines: [String: String]) throws -> [String] {
            let records = try #require(try build(lines, batch).records)
            return (0..<3).map { records.topic[$0] }
        }
        #expect(try topics([:]) == ["logs", "other", "logs"])
        #expect(try topics(["kafka.topic": "l-%{host}"]) == ["l-h0", "other", "l-h2"])
        #expect(try topics(["allowTopicOverride": "false"]) == ["logs", "logs", "logs"])
        #expect(try topics(["topicHeader": "host"]) == ["h0", "logs", "h2"])
    }
    @Test func sharedHeadersDecideForAll() throws {
        let batch = makeBatch(2, shared: [Header("topic", "other"), Header("key", "abc"), Header("host", "h")])
        let built = try build(["header.host": "from"], batch, partitions: 7)
        let records = try #require(built.records)
        guard case .all("other") = records.topic, case .all(.some(let partition)) = records.partition,
            case .all(let headers) = records.headers, case .all(let key) = records.key
        else { Issue.record("\(records)"); return }
        #expect(partition == Murmur2.partition(Bytes("abc"), of: 7) && key == Bytes("abc"))
        #expect(headers == [RecordHeader(name: "from", value: Bytes("h"))])
    }
    @Test func badTopicsAndPartitionsAreRejected() throws {
        let batch = makeBatch(5) {
            [[Header("topic", "")], [Header("p", "x")], [Header("p", "-1")], [Header("p", "2")], []][$0]
        }
        let built = try build(["partitionIdHeader": "p", "defaultPartitionId": "1"], batch)
        #expect(built.rejected.map(\.events) == [0..<1, 1..<2, 2..<3])
        #expect(built.rejected.map(\.error.code) == ["kafka.topic-name", "kafka.partition", "kafka.partition"])
        let records = try #require(built.records)
        #expect(records.bodies == ["event 3", "event 4"] && built.kept == [3..<5])
        #expect((0..<2).map { records.partition[$0] } == [2, 1])
    }
    @Test func aPartitionAboveThoseThatAreThereIsRejectedAtTheSecondTry() throws {
        #expect(try build(["defaultPartitionId": "4"], makeBatch(1), partitions: 2).rejected.isEmpty)
        let again = try build(["defaultPartitionId": "4"], makeBatch(1), partitions: 2, isAgain: true)
        #expect(again.rejected.first?.error.message == "topic logs has 2 partitions, and none of number 4")
    }
    @Test func timesComeFromTheHeader() throws {
        let batch = makeBatch(3) { [[Header("ts", "123")], [Header("ts", "noon")], []][$0] }
        let built = try build(["timestampHeader": "ts"], batch)
        let records = try #require(built.records)
        #expect((0..<3).map { records.timestamp[$0]?.milliseconds } == [123, nil, nil] && built.timesIgnored == 1)
    }
    @Test func writesFlumesEventFormat() throws {
        let batch = makeBatch(2, shared: [Header("host", "web1")]) { $0 == 0 ? [] : [Header("a", "b")] }
        let records = try #require(try build(["useFlumeEventFormat": "true"], batch).records)
        let values = try #require(records.encoded)
        let headers = try values.map { value in
            let parts = try #require(value.withUnsafeBytes { AvroDatum.parse($0) })
            let bytes = Array(value)
            #expect(String(decoding: bytes[parts.body], as: UTF8.self).hasPrefix("event "))
            return parts.headers.map { String(decoding: bytes[$0.name], as: UTF8.self) }
        }
        #expect(headers == [["host"], ["a", "host"]])
    }
    @Test func identityIsTheClientsWork() throws {
        #expect(try build(["identityHeaders": "true"], makeBatch(1)).records?.identityHeader == true)
    }
}
