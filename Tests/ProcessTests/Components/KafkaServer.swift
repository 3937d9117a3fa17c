import Glibc
import Testing

/// A real Apache Kafka of one node, with one kind of security, for the tests of components. Tests themselves read and write by
/// its plain listener.
struct KafkaServer {
    enum Security: String, CaseIterable, Sendable {
        case plain, saslPlain, saslScram, tls

        var options: [String] {
            switch self {
            case .plain: []
            case .saslPlain: ["--sasl", "plain"]
            case .saslScram: ["--sasl", "scram"]
            // Clients must show a certificate.
            case .tls: ["--tls", "--set", "ssl.client.auth=required"]
            }
        }
    }
    static let script: String? = {
        let path = Program.shared + "/servers/kafka/cluster"
        return access(path, X_OK) == 0 ? path : nil
    }()

    let security: Security
    let folder: String
    private let place: Workplace
    /// For components, and for the tests.
    let servers: String, plainServers: String

    /// Runs one for `body`; whatever happens there, it is stopped.
    static func use(_ security: Security, in place: Workplace, _ body: (KafkaServer) async throws -> Void) async throws {
        let server = try await KafkaServer(security, place)
        do {
            try await body(server)
            try await server.command("stop")
        } catch {
            try await server.command("stop")
            throw error
        }
    }
    private init(_ security: Security, _ place: Workplace) async throws {
        (self.security, self.place, folder) = (security, place, place.file("kafka"))
        let script = try #require(Self.script), start = 20_000 + Int(getpid()) % 400 * 24
        let port = try #require(stride(from: start, to: 32_000, by: 8).first { TCP.isFree([$0, $0 + 1, $0 + 2]) })
        let child = try place.start([script, "start", "--data", folder, "--port", "\(port)"] + security.options)
        guard try await child.ended() == 0 else { throw TestFailure("no Kafka: \(child.story)") }
        let lines = child.output.split(separator: "\n").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        var told: [String: String] = [:]
        for line in lines where line.count == 2 { told[line[0]] = line[1] }
        servers = try #require(told["bootstrap.servers"])
        plainServers = told["plaintext.bootstrap.servers"] ?? servers
    }

    func command(_ name: String, _ more: String...) async throws {
        let child = try place.start([Self.script!, name, "--data", folder] + more)
        guard try await child.ended() == 0 else { throw TestFailure("\(name): \(child.story)") }
    }
    func killNode() async throws { try await command("kill", "--node", "0") }
    func restartNode() async throws { try await command("restart", "--node", "0") }

    /// The lines of a component that speaks with it. `role`: "producer" or "consumer"; as a Flume's file has them.
    func lines(_ component: String, _ roles: String..., changed: [String: String] = [:]) -> String {
        let login = "required username=\"tailrace\" password=\"tailrace-secret\";"
        var settings: [String: String] =
            switch security {
            case .plain: [:]
            case .saslPlain:
                [
                    "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
                    "sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule \(login)",
                ]
            case .saslScram:
                [
                    "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256",
                    "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule \(login)",
                ]
            case .tls:
                [
                    "security.protocol": "SSL", "ssl.truststore.location": "\(folder)/tls/ca.pem",
                    "ssl.truststore.type": "PEM", "ssl.certificate.location": "\(folder)/tls/client.pem",
                    "ssl.key.location": "\(folder)/tls/client.key",
                ]
            }
        // A broker that comes back is found soon.
        settings["reconnect.backoff.max.ms"] = "500"
        settings.merge(changed) { $1 }
        var text = "\(component).kafka.bootstrap.servers = \(settings.removeValue(forKey: "bootstrap.servers") ?? servers)\n"
        for role in roles {
            for (name, value) in settings.sorted(by: { $0.key < $1.key }) where !value.isEmpty {
                text += "\(component).kafka.\(role).\(name) = \(value)\n"
            }
        }
        return text
    }
}
