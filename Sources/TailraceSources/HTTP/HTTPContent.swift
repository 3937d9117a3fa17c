import TailraceCore

/// What a Content-Type says about the body of a request with events.
struct HTTPContent {
    enum Form { case array, jsonLines, lines }
    var form = Form.array
    var encoding = TextEncoding.utf8

    /// Errors: `http.415` for a charset that Flume's handler does not take either. The media type of JSON is not checked, as in Flume.
    init(_ contentType: String?) throws(TailraceError) {
        guard let contentType else { return }
        let parts = contentType.split(separator: ";").map { $0.trimmedOfBlanks.lowercased() }
        switch parts.first ?? "" {
        case "text/plain": form = .lines
        case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines": form = .jsonLines
        default: break
        }
        for parameter in parts.dropFirst() where parameter.hasPrefix("charset=") {
            let name = parameter.dropFirst("charset=".count).filter { $0 != "\"" }
            guard let known = TextEncoding(rawValue: name) else {
                throw .http(415, "charset \"\(name)\" is not taken", fix: "send UTF-8, UTF-16 or UTF-32")
            }
            encoding = known
        }
    }

    static func looksLikeArray(_ text: Bytes) -> Bool {
        text.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D } == UInt8(ascii: "[")
    }
}

/// The charsets of Flume's JSONHandler. Bodies of events are encoded as the request was, as there.
enum TextEncoding: String {
    case utf8 = "utf-8"
    case utf16 = "utf-16"
    case utf32 = "utf-32"

    /// Without byte order mark. What cannot be decoded becomes U+FFFD. Errors: `http.400` when bytes are cut off.
    func utf8(_ body: Bytes) throws(TailraceError) -> Bytes {
        switch self {
        case .utf8: return body.starts(with: [0xEF, 0xBB, 0xBF]) ? body.dropFirst(3) : body
        case .utf16:
            let units = try units(of: body, size: 2, mark: 0xFEFF, swapped: 0xFFFE).map { UInt16(truncatingIfNeeded: $0) }
            return Bytes(String(decoding: units, as: UTF16.self))
        case .utf32:
            let units = try units(of: body, size: 4, mark: 0xFEFF, swapped: 0xFFFE_0000)
            return Bytes(String(decoding: units, as: UTF32.self))
        }
    }

    /// Big-endian unless a byte order mark says otherwise.
    private func units(of body: Bytes, size: Int, mark: UInt32, swapped: UInt32) throws(TailraceError) -> [UInt32] {
        guard body.count % size == 0 else {
            throw .http(400, "\(body.count) bytes are no whole number of \(rawValue) units")
        }
        var units: [UInt32] = []
        units.reserveCapacity(body.count / size)
        body.withUnsafeBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: size) {
                units.append(bytes[start..<start + size].reduce(0) { $0 << 8 | UInt32($1) })
            }
        }
        if units.first == swapped { units = units.map { $0.byteSwapped >> (size == 2 ? 16 : 0) } }
        if units.first == mark { units.removeFirst() }
        return units
    }

    func encode(_ batch: EventBatch) -> EventBatch {
        guard self != .utf8 else { return batch }
        var builder = EventBatchBuilder(capacity: 4 * batch.size.bytes)
        batch.forEach { _, event in builder.append(encoded(event.body.text), headers: event.headers) }
        return builder.finish()
    }
    /// As Java does it: UTF-16 with a byte order mark, UTF-32 without, both big-endian.
    private func encoded(_ text: String) -> [UInt8] {
        switch self {
        case .utf8: Array(text.utf8)
        case .utf16:
            text.isEmpty ? [] : ([0xFEFF] + text.utf16).flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
        case .utf32:
            text.unicodeScalars.flatMap { scalar in
                stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: scalar.value >> UInt32($0)) }
            }
        }
    }
}

extension Substring {
    fileprivate var trimmedOfBlanks: Substring {
        var rest = self
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return rest
    }
}
