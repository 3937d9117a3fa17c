import TailraceCore

/// What Kafka accepts as a topic's name. Checked here, because a client may accept more than a broker does.
enum TopicName {
    static let longest = 249

    static func isValid(_ name: String) -> Bool {
        guard !name.isEmpty, name.utf8.count <= longest, name != ".", name != ".." else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    static func invalid(_ name: String) -> TailraceError {
        let shown = name.utf8.count > 80 ? "of \(name.utf8.count) bytes" : "\"\(name)\""
        return TailraceError(
            code: "kafka.topic-name", message: "the topic name \(shown) is not allowed",
            fix: "1 to \(longest) of the letters a-z, A-Z, 0-9, \".\", \"_\" and \"-\", but not \".\" or \"..\"")
    }
}
