import TailraceCore
import Testing

@testable import TailraceKafka

struct KafkaSinkConfigurationTests {
    @Test func hasSafeDefaults() throws {
        let settings = try makeSinkConfiguration().producerSettings()
        #expect(settings["bootstrap.servers"] == "b:9092")
        #expect(settings["acks"] == "all" && settings["enable.idempotence"] == "true")
        #expect(settings["message.timeout.ms"] == "0" && settings["socket.nagle.disable"] == "true")
        #expect(settings["partitioner"] == "murmur2_random" && settings["linger.ms"] == "5")
    }
    @Test func readsAllKeys() {
        let configuration = makeSinkConfiguration([
            "kafka.topic": "t", "flumeBatchSize": "20", "useFlumeEventFormat": "true", "allowTopicOverride": "false",
            "topicHeader": "th", "defaultPartitionId": "3", "partitionIdHeader": "ph", "timestampHeader": "ts",
            "header.host": "h", "header.a.b": "x", "kafka.producer.linger.ms": "1", "identityHeaders": "true",
            "deadLetterFile": "/d/x", "deliveryTimeoutMilliseconds": "5000", "window": "4", "timeZone": "utc",
        ])
        #expect(configuration.topic == "t" && configuration.flumeBatchSize == 20 && configuration.useFlumeEventFormat)
        #expect(!configuration.allowTopicOverride && configuration.topicHeader == "th" && configuration.defaultPartitionId == 3)
        #expect(configuration.partitionIdHeader == "ph" && configuration.timestampHeader == "ts")
        #expect(configuration.recordHeaders == [Header("a.b", "x"), Header("host", "h")])
        #expect(configuration.producer["linger.ms"] == "1" && configuration.identityHeaders)
        #expect(configuration.deadLetterFile == "/d/x" && configuration.deliveryTimeout == .seconds(5))
        #expect(configuration.window == 4 && configuration.timeZone == .utc)
    }
    @Test(arguments: [
        ("brokerList", "x:1"), ("topic", "t"), ("batchSize", "7"), ("kafka.topics", "t"), ("kafka.flumeBatchSize", "7"),
        ("requiredAcks", "1"), ("serializer.class", "x"), ("key.serializer.class", "x"),
        ("kafka.producer.delivery.timeout.ms", "1000"),
    ])
    func takesOldNamesWithANote(key: String, value: String) {
        let problems = sinkProblems([key: value]).filter { $0.key.hasSuffix(key) }
        #expect(problems.count >= 1 && problems.allSatisfy { $0.severity != .error }, "\(problems)")
    }
    /// The file of Flume users that the issue names.
    @Test func acksOneSwitchesIdempotenceOffWithANote() throws {
        let lines = ["kafka.topic": "t", "kafka.flumeBatchSize": "20", "kafka.producer.acks": "1"]
        let configuration = makeSinkConfiguration(lines)
        #expect(configuration.flumeBatchSize == 20)
        let settings = try configuration.producerSettings()
        #expect(settings["acks"] == "1" && settings["enable.idempotence"] == "false")
        let note = sinkProblems(lines).first { $0.code == "kafka.idempotence" }
        #expect(note?.severity == .note && note?.message.contains("acks = 1 switches idempotence off") == true)
    }
    @Test(arguments: [
        (["kafka.producer.acks": "1", "kafka.producer.enable.idempotence": "true"], "exclude each other"),
        (["kafka.producer.retries": "0", "kafka.producer.enable.idempotence": "true"], "exclude each other"),
        (["kafka.topic": "a b"], "the topic name \"a b\" is not allowed"), (["kafka.topics": "a,b"], "\"a,b\" is not allowed"),
        (["allowTopicOverride": "false", "kafka.topic": "a-%{h}"], "is not allowed"),
        (["kafka.topic": "a-%D"], "%D has slashes"),
        (["defaultPartitionId": "-1"], "0 or more"), (["flumeBatchSize": "0"], "1 to 65536"),
        (["kafka.bootstrap.servers": "noport"], "host:port"), (["kafka.producer.acs": "1"], "a setting \"acs\""),
        (["kafka.producer.ssl.truststore.location": "/x.jks"], "JKS store"),
        (["flumeBatchSize": "100", "kafka.producer.queue.buffering.max.messages": "50"], "do not fit into the client's queue"),
    ])
    func tellsMistakes(lines: [String: String], text: String) {
        let errors = sinkProblems(lines).filter { $0.severity == .error }
        #expect(errors.contains { $0.message.contains(text) && $0.fix?.isEmpty != true }, "\(errors)")
    }
    @Test func requiredAcksGivesWayToTheNewName() throws {
        #expect(try makeSinkConfiguration(["requiredAcks": "-1"]).producerSettings()["acks"] == "all")
        #expect(try makeSinkConfiguration(["requiredAcks": "0", "kafka.producer.acks": "1"]).producerSettings()["acks"] == "1")
    }
}
