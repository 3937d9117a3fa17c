import TailraceCore

/// A real Apache Kafka from a folder: one node in KRaft mode that is broker and controller, as
/// `$KAFKA_HOME/config/kraft/server.properties` describes one. What is written and started, without doing it.
package struct KafkaHome: Sendable {
    package var home: String
    /// Absolute; data, properties, Kafka's own logs.
    package var directory: String
    package var port: Int
    package var controllerPort: Int

    package init(home: String, directory: String, port: Int, controllerPort: Int) {
        (self.home, self.directory, self.port, self.controllerPort) = (home, directory, port, controllerPort)
    }

    package var propertiesFile: String { "\(directory)/server.properties" }
    package var dataDirectory: String { "\(directory)/data" }

    /// Backslashes, so that a folder's name stays what it is in Java's properties syntax.
    private func escaped(_ path: String) -> String { path.replacing("\\", with: "\\\\") }

    package var properties: String {
        """
        # Written by tailrace topology up; overwritten by the next one.
        process.roles=broker,controller
        node.id=1
        controller.quorum.voters=1@127.0.0.1:\(controllerPort)
        listeners=PLAINTEXT://127.0.0.1:\(port),CONTROLLER://127.0.0.1:\(controllerPort)
        advertised.listeners=PLAINTEXT://127.0.0.1:\(port)
        listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
        controller.listener.names=CONTROLLER
        inter.broker.listener.name=PLAINTEXT
        log.dirs=\(escaped(dataDirectory))
        num.partitions=4
        offsets.topic.num.partitions=4
        offsets.topic.replication.factor=1
        transaction.state.log.num.partitions=4
        transaction.state.log.replication.factor=1
        transaction.state.log.min.isr=1
        group.initial.rebalance.delay.ms=0
        auto.create.topics.enable=false

        """
    }

    package func formatCommand(clusterID: String) -> [String] {
        ["\(home)/bin/kafka-storage.sh", "format", "-t", clusterID, "-c", propertiesFile]
    }
    package var startCommand: [String] { ["\(home)/bin/kafka-server-start.sh", propertiesFile] }

    /// On top of ours.
    package func environment(heap: String?) -> [String: String] {
        ["LOG_DIR": "\(directory)/kafka-logs", "KAFKA_HEAP_OPTS": heap ?? "-Xmx512m -Xms64m"]
    }

    /// 16 random bytes as Kafka writes them: base64 for addresses, without padding; not beginning with a hyphen, which its
    /// own tool would take for an option.
    package static func clusterID(_ random: inout some RandomNumberGenerator) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var letters = (0..<21).map { _ in alphabet.randomElement(using: &random)! }
        // 128 bits are 21 letters and 2 bits more: the last letter has 4 low bits of zero.
        letters.append(
            [UInt8(ascii: "A"), UInt8(ascii: "Q"), UInt8(ascii: "g"), UInt8(ascii: "w")].randomElement(using: &random)!)
        if letters[0] == UInt8(ascii: "-") { letters[0] = UInt8(ascii: "A") }
        return String(decoding: letters, as: UTF8.self)
    }
}
