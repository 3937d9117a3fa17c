import FoundationEssentials
package import TailraceCore

/// Documents of ours as JSON text: keys sorted, so that two runs can be compared.
package enum JSON {
    /// `pretty`: for people, one key a line. Without a line end behind it.
    package static func text(_ value: some Encodable, pretty: Bool = false) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            pretty
            ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
            : [
                .sortedKeys, .withoutEscapingSlashes,
            ]
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            preconditionFailure("a document of ours cannot be written as JSON: \(error)")
        }
    }

    /// Throws `status.json` for what is longer than `limit`, no JSON, or not of that form. Unknown keys are skipped, so that
    /// programs of two versions understand each other.
    package static func read<Value: Decodable>(
        _ type: Value.Type, _ bytes: [UInt8], limit: Int = AgentStatus.largestAnswerBytes, from who: String
    ) throws(TailraceError) -> Value {
        guard bytes.count <= limit else {
            throw TailraceError(
                code: "status.json", message: "\(who) answered with more than \(limit) bytes",
                fix: "check that a tailrace process of the same version answers there")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw TailraceError(
                code: "status.json",
                message: "\(who) answered with \(bytes.count) bytes that are not the expected JSON (\(error))",
                fix: "check that a tailrace process of the same version answers there")
        }
    }
}

extension AgentStatus {
    /// One line of JSON and a line end.
    package func json() -> String { JSON.text(self) + "\n" }
    package static func read(_ bytes: [UInt8], from who: String) throws(TailraceError) -> AgentStatus {
        try JSON.read(AgentStatus.self, bytes, from: who)
    }
}
