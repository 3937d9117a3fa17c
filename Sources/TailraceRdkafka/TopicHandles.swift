import CRdkafka
import TailraceCore

/// Topics by name, so that a record set costs one look-up. Bounded, for a name may come from a header of an event.
struct TopicHandles {
    static let limit = 1024
    private let client: ClientHandle
    private var handles: [String: OpaquePointer] = [:]

    init(_ client: ClientHandle) { self.client = client }

    /// nil: no topic can have that name. librdkafka would find out only at the broker, and its mock broker never.
    mutating func topic(_ name: String) -> OpaquePointer? {
        if let handle = handles[name] { return handle }
        guard Self.isValid(name) else { return nil }
        // Messages under way hold references of their own.
        if handles.count == Self.limit { destroyAll() }
        guard let handle = rd_kafka_topic_new(client.pointer, name, nil) else { return nil }
        handles[name] = handle
        return handle
    }

    mutating func destroyAll() {
        for handle in handles.values { rd_kafka_topic_destroy(handle) }
        handles = [:]
    }

    /// Kafka's rule: 1 to 249 letters, digits, '.', '_' and '-', but not "." and "..".
    static func isValid(_ name: String) -> Bool {
        guard (1...249).contains(name.utf8.count), name != ".", name != ".." else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
    }
}
