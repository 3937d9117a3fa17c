import CRdkafka
import TailraceCore
import Testing

@testable import TailraceRdkafka

@Suite struct OutcomesTests {
    private let ok = RD_KAFKA_RESP_ERR_NO_ERROR, large = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE

    /// Reports come in any order, by partition; runs are joined.
    @Test func runsAreSortedAndJoined() {
        var outcomes = Outcomes(count: 10)
        outcomes.add(4..<6, ok)
        outcomes.add(0..<2, ok)
        outcomes.add(2..<4, ok)
        outcomes.add(8..<9, large)
        outcomes.add(9..<10, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT)
        #expect(outcomes.missing == 2)
        outcomes.add(6..<8, large)
        let result = outcomes.result { _ in "t" }
        #expect(result.confirmed == [0..<6])
        #expect(result.rejected.map(\.events) == [6..<9])
        #expect(result.rejected[0].error.message.hasPrefix("3 events for topic t"))
        #expect(result.retriable.map(\.events) == [9..<10])
    }

    @Test func whatHasNoReportIsGivenUp() {
        var outcomes = Outcomes(count: 10)
        outcomes.add(7..<8, ok)
        outcomes.add(2..<4, ok)
        outcomes.giveUp(RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        let result = outcomes.result { _ in "t" }
        #expect(result.confirmed == [2..<4, 7..<8])
        #expect(result.retriable.map(\.events) == [0..<2, 4..<7, 8..<10])
    }

    @Test(arguments: (0..<20).map { UInt64($0) })
    func everyEventIsAnsweredOnce(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let count = Int.random(in: 1...300, using: &random), codes = [ok, large, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT]
        let outcome = (0..<count).map { _ in codes.randomElement(using: &random)! }
        var outcomes = Outcomes(count: count)
        for index in (0..<count).shuffled(using: &random) { outcomes.add(index..<index + 1, outcome[index]) }
        let result = outcomes.result { _ in "t" }
        for index in 0..<count {
            #expect(result.confirmed.contains { $0.contains(index) } == (outcome[index] == ok))
            #expect(result.rejected.contains { $0.events.contains(index) } == (outcome[index] == large))
        }
        #expect((result.confirmed + (result.rejected + result.retriable).map(\.events)).reduce(0) { $0 + $1.count } == count)
    }
}

@Suite struct KafkaErrorsTests {
    @Test(
        arguments: [
            (RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, KafkaVerdict.reject), (RD_KAFKA_RESP_ERR_INVALID_MSG, .reject),
            (RD_KAFKA_RESP_ERR_INVALID_RECORD, .reject), (RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, .reject),
            (RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, .reject), (RD_KAFKA_RESP_ERR__FATAL, .fatal),
            (RD_KAFKA_RESP_ERR_PRODUCER_FENCED, .fatal), (RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, .retry),
            (RD_KAFKA_RESP_ERR__PURGE_QUEUE, .retry), (RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, .retry),
            (RD_KAFKA_RESP_ERR__QUEUE_FULL, .retry), (RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, .retry),
            (RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, .retry), (RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, .retry),
            (RD_KAFKA_RESP_ERR_UNKNOWN, .retry),
        ] as [(rd_kafka_resp_err_t, KafkaVerdict)])
    func verdicts(code: rd_kafka_resp_err_t, verdict: KafkaVerdict) {
        #expect(KafkaErrors.verdict(code) == verdict)
    }

    @Test func tagsOfNeighboursDifferByOne() {
        let tag = ReportTag.make(slot: 3, event: 65_535)
        #expect(tag == ReportTag.make(slot: 3, event: 65_534) + 1)
        #expect(ReportTag.slot(tag) == 3 && ReportTag.event(tag) == 65_535)
        #expect(ReportTag.slot(0) == -1)
    }
}

@Suite struct SettingsTests {
    /// In the library's own words, all at once, and without repeating a secret.
    @Test func refusedSettingsAreNamed() async throws {
        let world = try KafkaWorld()
        let error = #expect(throws: TailraceError.self) {
            _ = try world.makeProducer(["acks": "some", "no.such.name": "1", "sasl.password": "", "batch.size": "-5"])
        }
        #expect(error?.code == "kafka.settings")
        #expect(error?.message.contains("No such configuration property: \"no.such.name\"") == true)
        #expect(error?.message.contains("acks") == true)
        #expect(error?.message.contains("batch.size") == true)
    }

    /// Settings that do not go together are refused by the library when the client is made.
    @Test func refusedCombination() async throws {
        let world = try KafkaWorld()
        let error = #expect(throws: TailraceError.self) {
            _ = try world.makeProducer(["enable.idempotence": "true", "acks": "1"])
        }
        #expect(error?.message.contains("`acks` must be set to `all`") == true)
    }

    @Test func consumerWithoutGroupIsRefused() async throws {
        let world = try KafkaWorld(), owner = TestOwner()
        let error = #expect(throws: TailraceError.self) {
            _ = try world.broker.makeConsumer(["bootstrap.servers": world.bootstraps], owner)
        }
        #expect(error?.code == "kafka.settings")
        #expect(error?.message.contains("group.id") == true)
    }
}

@Suite struct ClientLogTests {
    /// A cluster that is down fills no disk: so many lines per period, then how many were left out.
    @Test func linesAreLimited() {
        let log = TestLog()
        var client = ClientLog(log, "kafka", client: "rdkafka#producer-1")
        let start = Instant(nanoseconds: 0)
        for number in 0..<100 { client.write(.warning, "line \(number)", now: start) }
        #expect(log.lines.count == ClientLog.linesPerPeriod)
        client.write(.warning, "later", now: start + ClientLog.period)
        #expect(log.lines[ClientLog.linesPerPeriod].text == "kafka: rdkafka#producer-1: 80 more lines were left out")
        #expect(log.lines.last?.text == "kafka: rdkafka#producer-1: later")
    }

    @Test(arguments: [(0, LogLevel.error), (3, .warning), (4, .warning), (5, .info), (6, .info), (7, .debug)])
    func levels(syslog: Int, level: LogLevel) { #expect(ClientLog.level(Int32(syslog)) == level) }
}
