import TailraceCore

/// One record that Kafka will never accept, or that cannot be read, as a line of JSON: with all that a replay needs. Bytes are
/// in base64, since they need not be text. Lines that are empty or not whole (a crash while one was written) are to be skipped.
///
/// ```
/// {"time":1700000000000,"component":"agg.sinks.k1","code":"kafka.too-large","reason":"…","topic":"logs","partition":3,
///  "offset":null,"timestamp":null,"stream":"00000000000000ab","sequence":17,"eventHeaders":{"host":"web1"},
///  "recordHeaders":[["trace","YWJj"]],"key":"azE=","body":"aGVsbG8="}
/// ```
struct DeadLetter {
    var time: WallTime
    var component: String
    var error: TailraceError
    var topic: String?
    var partition: Int32?
    /// Of a record that a source could not read.
    var offset: Int64?
    var timestamp: WallTime?
    var stream: StreamID?
    var sequence: UInt64?
    var eventHeaders: [Header] = []
    var recordHeaders: [RecordHeader] = []
    var key: Bytes?
    var body: Bytes

    func append(to line: inout BufferBuilder) {
        line.append("{\"time\":\(time.milliseconds),\"component\":".utf8)
        JSONText.append(component, to: &line)
        line.append(",\"code\":".utf8)
        JSONText.append(error.code, to: &line)
        line.append(",\"reason\":".utf8)
        JSONText.append(error.message, to: &line)
        line.append(",\"topic\":".utf8)
        if let topic { JSONText.append(topic, to: &line) } else { line.append("null".utf8) }
        line.append(",\"partition\":\(number(partition)),\"offset\":\(number(offset))".utf8)
        line.append(",\"timestamp\":\(number(timestamp?.milliseconds)),\"stream\":".utf8)
        if let stream { JSONText.append(stream.description, to: &line) } else { line.append("null".utf8) }
        line.append(",\"sequence\":\(number(sequence)),\"eventHeaders\":{".utf8)
        for (index, header) in eventHeaders.enumerated() {
            if index > 0 { line.append(UInt8(ascii: ",")) }
            JSONText.append(header.name, to: &line)
            line.append(UInt8(ascii: ":"))
            JSONText.append(header.value, to: &line)
        }
        line.append("},\"recordHeaders\":[".utf8)
        for (index, header) in recordHeaders.enumerated() {
            line.append((index > 0 ? ",[" : "[").utf8)
            JSONText.append(header.name, to: &line)
            line.append(UInt8(ascii: ","))
            JSONText.append(base64: header.value, to: &line)
            line.append(UInt8(ascii: "]"))
        }
        line.append("],\"key\":".utf8)
        if let key { JSONText.append(base64: key, to: &line) } else { line.append("null".utf8) }
        line.append(",\"body\":".utf8)
        JSONText.append(base64: body, to: &line)
        line.append("}\n".utf8)
    }
    private func number(_ value: (some BinaryInteger)?) -> String { value.map { String($0) } ?? "null" }
}

/// Texts and bytes as JSON strings.
enum JSONText {
    private static let digits = Array("0123456789abcdef".utf8)
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func append(_ text: String, to line: inout BufferBuilder) {
        line.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                line.append(UInt8(ascii: "\\"))
                line.append(byte)
            case 0..<0x20:
                line.append("\\u00".utf8)
                line.append(digits[Int(byte >> 4)])
                line.append(digits[Int(byte & 15)])
            default: line.append(byte)
            }
        }
        line.append(UInt8(ascii: "\""))
    }

    static func append(base64 bytes: Bytes, to line: inout BufferBuilder) {
        line.append(UInt8(ascii: "\""))
        line.reserve((bytes.count + 2) / 3 * 4)
        bytes.withUnsafeBytes { raw in
            var at = 0
            while at < raw.count {
                let left = raw.count - at
                let a = raw[at], b = left > 1 ? raw[at + 1] : 0, c = left > 2 ? raw[at + 2] : 0
                line.append(alphabet[Int(a >> 2)])
                line.append(alphabet[Int((a & 3) << 4 | b >> 4)])
                line.append(left > 1 ? alphabet[Int((b & 15) << 2 | c >> 6)] : UInt8(ascii: "="))
                line.append(left > 2 ? alphabet[Int(c & 63)] : UInt8(ascii: "="))
                at += 3
            }
        }
        line.append(UInt8(ascii: "\""))
    }
}
