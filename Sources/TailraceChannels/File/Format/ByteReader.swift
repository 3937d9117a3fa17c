import TailraceCore
import TailraceWire

/// Reads what a ``BufferBuilder`` wrote: little-endian integers, varints, and texts with their length in front. nil: cut off.
struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }
    private var rest: Int { bytes.count - at }

    mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) -> Value? {
        guard rest >= MemoryLayout<Value>.size else { return nil }
        defer { at += MemoryLayout<Value>.size }
        return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: Value.self))
    }
    mutating func varint() -> UInt64? {
        var value: UInt64 = 0, shift: UInt64 = 0
        while shift < 64, at < bytes.count {
            let byte = bytes[at]
            at += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }
    /// A varint that counts things of at least one byte each: never more than there are bytes.
    mutating func count() -> Int? {
        guard let value = varint(), value <= UInt64(rest) else { return nil }
        return Int(value)
    }
    mutating func piece() -> UnsafeRawBufferPointer? {
        guard let length = count() else { return nil }
        defer { at += length }
        return UnsafeRawBufferPointer(rebasing: bytes[at..<at + length])
    }
    mutating func text() -> String? { piece().map { String(decoding: $0, as: UTF8.self) } }
}

extension BufferBuilder {
    mutating func append(text: String) {
        append(varint: text.utf8.count)
        append(text.utf8)
    }
    mutating func append(zeros count: Int) { for _ in 0..<count { append(0) } }
}
