package import TailraceCore

/// Settings of a Kafka client as a file gives them (`kafka.producer.*`, `kafka.consumer.*`), translated one by one to
/// librdkafka's names and values. What several keys decide together (key stores, JAAS) is resolved by ``resolved()``.
package struct ClientSettings: Equatable, Sendable {
    /// librdkafka's name → its value.
    package private(set) var values: [String: String] = [:]
    /// How long a batch may be undelivered, if the file gave the client's limit: it is the sink's own.
    package var deliveryTimeoutMilliseconds: Int?
    var trustStore = KeyStore()
    var keyStore = KeyStore()
    var loginModule: LoginModule?

    package init() {}

    package subscript(name: String) -> String? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// Applies one line. Returns a note for the user, or nil. Throws for unknown names (with the near miss), refused ones and
    /// values out of range.
    mutating func set(_ name: String, _ value: String, by rules: [String: SettingRule]) throws(TailraceError) -> String? {
        if let rule = rules[name] { return try rule.apply(&self, value) }
        let near = nearest(name, in: rules.keys.sorted())
        throw TailraceError(
            code: "kafka.setting-unknown", message: "neither the Java client nor librdkafka has a setting \"\(name)\"",
            fix: near.map { "did you mean \"\($0)\"?" }
                ?? "remove the line, or look the name up in librdkafka's CONFIGURATION.md")
    }

    /// All of it in librdkafka's terms; throws where keys contradict each other.
    package func resolved() throws(TailraceError) -> [String: String] {
        var result = values
        try trustStore.addTrust(to: &result)
        try keyStore.addKey(to: &result)
        try loginModule?.add(to: &result)
        if result["sasl.mechanism"] == "PLAIN" || result["sasl.mechanism"]?.hasPrefix("SCRAM") == true,
            result["sasl.username"] == nil
        {
            throw TailraceError(
                code: "kafka.setting-sasl",
                message: "sasl.mechanism \(result["sasl.mechanism"]!) needs a user name and a password",
                fix: "set sasl.jaas.config, or sasl.username and sasl.password")
        }
        return result
    }

    /// The same as problems of a configuration: `prefix` is "kafka.producer." or "kafka.consumer.".
    func problems(_ prefix: String) -> [ConfigurationProblem] {
        do throws(TailraceError) {
            _ = try resolved()
            return []
        } catch {
            return [ConfigurationProblem(.error, code: error.code, key: prefix + "*", message: error.message, fix: error.fix)]
        }
    }

    static func table(_ rules: [[SettingRule]]) -> [String: SettingRule] {
        // A name that stands twice keeps its first rule: the special tables stand before the common one.
        Dictionary(rules.joined().map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }
}

/// The name that needs the fewest changed letters, if those are few.
func nearest(_ name: String, in names: [String]) -> String? {
    let wanted = Array(name.utf8)
    var best: (name: String, distance: Int)?
    for candidate in names {
        let distance = editDistance(wanted, Array(candidate.utf8))
        if distance < best?.distance ?? (max(2, wanted.count / 4) + 1) { best = (candidate, distance) }
    }
    return best?.name
}

private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, y) in b.enumerated() {
            let change = diagonal + (x == y ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(change, diagonal + 1, row[j] + 1)
        }
    }
    return row[b.count]
}
