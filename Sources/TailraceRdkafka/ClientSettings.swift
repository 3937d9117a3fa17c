import CRdkafka
import TailraceCore

/// Settings of a client by librdkafka's names, and how a handle is made of them.
struct ClientSettings {
    private var values: [String: String]

    /// `given` wins over `defaults`, `forced` over both.
    init(_ given: [String: String], defaults: [String: String], forced: [String: String]) {
        values = defaults.merging(given) { $1 }.merging(forced) { $1 }
    }

    /// All that the library refuses is in the one error, in its own words. `more`: what has no name, before the handle is made.
    func makeHandle(
        _ type: rd_kafka_type_t, _ more: (_ settings: OpaquePointer) -> Void
    ) throws(TailraceError) -> OpaquePointer {
        let settings = rd_kafka_conf_new()!
        var refused: [String] = []
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
            for (name, value) in values.sorted(by: { $0.key < $1.key }) {
                if rd_kafka_conf_set(settings, name, value, text.baseAddress!, text.count) == RD_KAFKA_CONF_OK { continue }
                // A refused secret is not repeated in a log.
                refused.append(Self.isSecret(name) ? "\(name): value refused" : String(cString: text.baseAddress!))
            }
        }
        guard refused.isEmpty else {
            rd_kafka_conf_destroy(settings)
            throw Self.refusal(refused.joined(separator: "; "))
        }
        more(settings)
        var reason = ""
        let handle = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
            let handle = rd_kafka_new(type, settings, text.baseAddress!, text.count)
            if handle == nil { reason = String(cString: text.baseAddress!) }
            return handle
        }
        guard let handle else {
            rd_kafka_conf_destroy(settings)  // only a handle that was made owns them
            throw Self.refusal(reason)
        }
        return handle
    }

    func makeHandle(_ type: rd_kafka_type_t, events: Int32) throws(TailraceError) -> OpaquePointer {
        try makeHandle(type) { rd_kafka_conf_set_events($0, events) }
    }

    private static func refusal(_ reason: String) -> TailraceError {
        TailraceError(
            code: "kafka.settings", message: reason,
            fix: "correct the setting; librdkafka's CONFIGURATION.md lists names, ranges and values.")
    }

    private static func isSecret(_ name: String) -> Bool {
        name.contains("password") || name.contains("key.pem") || name.contains("secret") || name.contains("jaas")
    }
}

/// A setting as the library understood it.
func effectiveSetting(_ name: String, of handle: OpaquePointer) -> Int? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
        var size = text.count
        guard rd_kafka_conf_get(rd_kafka_conf(handle), name, text.baseAddress!, &size) == RD_KAFKA_CONF_OK else { return nil }
        return Int(String(cString: text.baseAddress!))
    }
}
