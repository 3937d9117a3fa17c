package import TailraceCore

/// Flume's event as one bare Avro datum (`useFlumeEventFormat`): a map of texts (the headers), then bytes (the body). Numbers
/// are zigzag varints; the map is blocks of `count · (name · value)…`, ended by 0; a negative count is followed by the
/// block's size in bytes.
package enum AvroDatum {
    /// The headers, closed: the same for all events that have the same.
    package static func append(headers: [Header], to builder: inout BufferBuilder) {
        if !headers.isEmpty {
            append(headers.count, to: &builder)
            for header in headers {
                append(header.name.utf8.count, to: &builder)
                builder.append(header.name.utf8)
                append(header.value.utf8.count, to: &builder)
                builder.append(header.value.utf8)
            }
        }
        builder.append(0)
    }
    package static func append(body: Bytes, to builder: inout BufferBuilder) {
        append(body.count, to: &builder)
        builder.append(body)
    }
    /// Lengths are never negative, so that zigzag is a shift.
    private static func append(_ number: Int, to builder: inout BufferBuilder) { builder.append(varint: number << 1) }

    /// Where a datum's parts lie in its bytes, from their start.
    package struct Parts: Equatable {
        package var headers: [(name: Range<Int>, value: Range<Int>)] = []
        package var body: Range<Int> = 0..<0
        package static func == (a: Parts, b: Parts) -> Bool {
            a.body == b.body && a.headers.elementsEqual(b.headers) { $0 == $1 }
        }
    }

    /// nil: not such a datum, or more than one, or more headers than ``Limits`` allow. Reads nothing behind its end.
    package static func parse(_ bytes: UnsafeRawBufferPointer) -> Parts? {
        var at = 0
        func number() -> Int? {
            var result: UInt64 = 0, shift: UInt64 = 0
            while at < bytes.count, shift < 64 {
                let byte = bytes[at]
                at += 1
                result |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return Int(Int64(bitPattern: result >> 1) ^ -Int64(bitPattern: result & 1)) }
                shift += 7
            }
            return nil
        }
        func piece(limit: Int) -> Range<Int>? {
            guard let length = number(), length >= 0, length <= bytes.count - at, length <= limit else { return nil }
            defer { at += length }
            return at..<at + length
        }
        var parts = Parts()
        while true {
            guard var count = number() else { return nil }
            if count == 0 { break }
            if count < 0 {
                guard let size = number(), size >= 0, count != .min else { return nil }
                count = -count
            }
            guard count <= Limits.headers - parts.headers.count else { return nil }
            for _ in 0..<count {
                guard let name = piece(limit: Limits.headerBytes), let value = piece(limit: Limits.headerBytes) else {
                    return nil
                }
                parts.headers.append((name, value))
            }
        }
        guard let body = piece(limit: .max), at == bytes.count else { return nil }
        parts.body = body
        return parts
    }
}
