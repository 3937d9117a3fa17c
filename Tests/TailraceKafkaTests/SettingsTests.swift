import TailraceCore
import Testing

@testable import TailraceKafka

struct SettingsTests {
    typealias Row = (name: String, value: String, becomes: String, with: String)

    private func set(_ lines: [(String, String)], _ rules: [String: SettingRule]) throws -> (ClientSettings, [String]) {
        var settings = ClientSettings(), notes: [String] = []
        for (name, value) in lines { if let note = try settings.set(name, value, by: rules) { notes.append(note) } }
        return (settings, notes)
    }

    @Test(
        arguments: [
            ("acks", "-1", "acks", "all"), ("acks", "ALL", "acks", "all"), ("acks", "1", "acks", "1"),
            ("request.required.acks", "0", "acks", "0"), ("batch.size", "16384", "batch.size", "16384"),
            ("batch.size", "0", "batch.size", "1"), ("linger.ms", "20", "linger.ms", "20"),
            ("queue.buffering.max.ms", "7", "linger.ms", "7"),
            ("buffer.memory", "33554432", "queue.buffering.max.kbytes", "32768"),
            ("max.request.size", "5242880", "message.max.bytes", "5242880"),
            ("compression.type", "LZ4", "compression.type", "lz4"),
            ("compression.codec", "zstd", "compression.type", "zstd"), ("retries", "3", "retries", "3"),
            ("max.in.flight.requests.per.connection", "1", "max.in.flight.requests.per.connection", "1"),
            ("enable.idempotence", "False", "enable.idempotence", "false"), ("client.id", "x", "client.id", "x"),
            ("request.timeout.ms", "5000", "request.timeout.ms", "5000"),
            ("send.buffer.bytes", "-1", "socket.send.buffer.bytes", "0"),
            ("receive.buffer.bytes", "65536", "socket.receive.buffer.bytes", "65536"),
            ("reconnect.backoff.ms", "50", "reconnect.backoff.ms", "50"),
            ("metadata.max.age.ms", "1000", "metadata.max.age.ms", "1000"),
            ("security.protocol", "SASL_SSL", "security.protocol", "sasl_ssl"),
            ("sasl.mechanisms", "scram-sha-256", "sasl.mechanism", "SCRAM-SHA-256"),
            ("ssl.endpoint.identification.algorithm", "", "ssl.endpoint.identification.algorithm", "none"),
            ("ssl.truststore.certificates", "PEM", "ssl.ca.pem", "PEM"),
            ("ssl.ca.location", "/ca.pem", "ssl.ca.location", "/ca.pem"),
            ("socket.keepalive.enable", "true", "socket.keepalive.enable", "true"),
            ("partitioner", "murmur2", "partitioner", "murmur2"),
        ] as [(String, String, String, String)])
    func translatesProducerSettings(name: String, value: String, becomes: String, with: String) throws {
        let (settings, notes) = try set([(name, value)], ClientSettings.producerRules)
        #expect(settings.values == [becomes: with])
        #expect(notes.isEmpty)
    }

    @Test(
        arguments: [
            ("auto.offset.reset", "none", "auto.offset.reset", "error"),
            ("auto.offset.reset", "earliest", "auto.offset.reset", "earliest"), ("group.id", "g", "group.id", "g"),
            ("fetch.max.wait.ms", "100", "fetch.wait.max.ms", "100"),
            ("request.timeout.ms", "3000", "socket.timeout.ms", "3000"),
            ("fetch.message.max.bytes", "99", "max.partition.fetch.bytes", "99"),
            ("session.timeout.ms", "6000", "session.timeout.ms", "6000"),
            (
                "partition.assignment.strategy",
                "org.apache.kafka.clients.consumer.RangeAssignor, org.apache.kafka.clients.consumer.RoundRobinAssignor",
                "partition.assignment.strategy", "range,roundrobin"
            ),
            ("isolation.level", "read_committed", "isolation.level", "read_committed"),
        ] as [(String, String, String, String)])
    func translatesConsumerSettings(name: String, value: String, becomes: String, with: String) throws {
        let (settings, notes) = try set([(name, value)], ClientSettings.consumerRules)
        #expect(settings.values == [becomes: with])
        #expect(notes.isEmpty)
    }

    @Test(arguments: [
        ("max.block.ms", "1"), ("key.serializer", "org.apache.kafka.common.serialization.StringSerializer"),
        ("value.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer"), ("bootstrap.servers", "x:1"),
        ("partitioner.class", "org.apache.kafka.clients.producer.RoundRobinPartitioner"), ("ssl.enabled.protocols", "TLSv1.2"),
        ("metadata.max.idle.ms", "1"),
    ])
    func notesWhatHasNoEffect(name: String, value: String) throws {
        let (settings, notes) = try set([(name, value)], ClientSettings.producerRules)
        #expect(settings.values.isEmpty)
        #expect(notes.count == 1 && notes[0].contains(name))
    }

    @Test(arguments: [
        ("transactional.id", "x", "does not write Kafka transactions yet"), ("interceptor.classes", "a.B", "Java classes"),
        ("metric.reporters", "a.B", "Java classes"), ("key.serializer", "io.confluent.Avro", "would need Java"),
        ("partitioner.class", "my.Partitioner", "Java code"), ("acks", "2", "allowed: all, -1, 0, 1"),
        ("linger.ms", "-5", "allowed: a whole number from 0 to 900000"), ("compression.type", "br", "none, gzip"),
        ("sasl.jaas.config", "com.sun.security.auth.module.Krb5LoginModule required;", "Kerberos"),
        ("sasl.jaas.config", "a.PlainLoginModule required username=\"u\";", "no password"),
        ("dr_cb", "x", "neither the Java client nor librdkafka"), ("enabled_events", "1", "neither the Java client"),
    ])
    func refusesWithAReason(name: String, value: String, reason: String) {
        let error = #expect(throws: TailraceError.self) { try set([(name, value)], ClientSettings.producerRules) }
        #expect(error?.message.contains(reason) == true && error?.fix?.isEmpty == false, "\(String(describing: error))")
    }
    @Test func suggestsTheNearMiss() {
        let error = #expect(throws: TailraceError.self) { try set([("compresion.type", "lz4")], ClientSettings.producerRules) }
        #expect(error?.fix == "did you mean \"compression.type\"?")
    }

    @Test func keepsTheDeliveryTimeoutForItself() throws {
        let (settings, notes) = try set([("delivery.timeout.ms", "30000")], ClientSettings.producerRules)
        #expect(settings.values.isEmpty && settings.deliveryTimeoutMilliseconds == 30000)
        #expect(notes.count == 1)
    }

    @Test func resolvesJAASAndStores() throws {
        let (settings, _) = try set(
            [
                (
                    "sasl.jaas.config",
                    "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password='p;\\'q';"
                ),
                ("sasl.mechanism", "PLAIN"), ("ssl.truststore.location", "/ca"), ("ssl.truststore.type", "pem"),
                ("ssl.keystore.location", "/c.p12"), ("ssl.keystore.password", "s"),
            ], ClientSettings.producerRules)
        #expect(
            try settings.resolved() == [
                "sasl.mechanism": "PLAIN", "sasl.username": "u", "sasl.password": "p;'q", "ssl.ca.location": "/ca",
                "ssl.keystore.location": "/c.p12", "ssl.keystore.password": "s",
            ])
    }
    @Test func refusesJavaKeyStoresWithTheCommand() throws {
        let (settings, _) = try set([("ssl.truststore.location", "/t.jks")], ClientSettings.producerRules)
        let error = #expect(throws: TailraceError.self) { try settings.resolved() }
        #expect(error?.fix?.contains("keytool -list -rfc -keystore /t.jks") == true)
    }
    @Test func refusesAMechanismThatIsNotTheModules() throws {
        let (settings, _) = try set(
            [("sasl.jaas.config", "a.ScramLoginModule required username=u password=p;"), ("sasl.mechanism", "PLAIN")],
            ClientSettings.producerRules)
        let error = #expect(throws: TailraceError.self) { try settings.resolved() }
        #expect(error?.message == "sasl.jaas.config is for SCRAM, but sasl.mechanism is PLAIN")
    }
}
