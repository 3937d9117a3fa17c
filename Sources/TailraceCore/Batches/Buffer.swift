// Buffers with a stable address that many batches, frames and librdkafka's messages can point into at once: Array gives no
// such address, and copies on write.

#if canImport(Glibc)
    import Glibc
#endif

/// Memory that was filled by one ``BufferBuilder`` and is only read from then on. Freed with its last reference.
///
/// `@unchecked Sendable`: nobody writes after `finish()`, and the builder, which did, is gone by then.
package final class Buffer: @unchecked Sendable {
    package let base: UnsafeMutableRawPointer
    package let count: Int
    /// Called with the count when the memory is freed: gives budget back.
    private let released: (@Sendable (Int) -> Void)?

    fileprivate init(taking base: UnsafeMutableRawPointer, count: Int, released: (@Sendable (Int) -> Void)?) {
        (self.base, self.count, self.released) = (base, count, released)
    }
    deinit {
        free(base)
        released?(count)
    }

    package static let empty = BufferBuilder(capacity: 0).finishBuffer()
}

/// Fills a new buffer. It grows by doubling; `capacity` avoids that.
package struct BufferBuilder: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    package private(set) var capacity: Int
    package private(set) var count = 0

    package init(capacity: Int) {
        self.capacity = max(capacity, 16)
        base = Self.allocated(malloc(self.capacity), self.capacity)
    }
    deinit { free(base) }

    private static func allocated(_ memory: UnsafeMutableRawPointer?, _ bytes: Int) -> UnsafeMutableRawPointer {
        guard let memory else { fatalError("out of memory: \(bytes) bytes were asked for") }
        return memory
    }

    /// Makes room for `bytes` more.
    package mutating func reserve(_ bytes: Int) {
        guard count + bytes > capacity else { return }
        capacity = max(capacity * 2, count + bytes)
        base = Self.allocated(realloc(base, capacity), capacity)
    }

    /// What is allocated and not yet filled: where a read may put its bytes. Valid until the next mutation.
    package var spare: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: base! + count, count: capacity - count)
    }
    /// So many bytes of ``spare`` were filled.
    package mutating func filled(_ bytes: Int) {
        precondition(bytes >= 0 && bytes <= capacity - count)
        count += bytes
    }
    /// What was filled so far. Valid until the next mutation.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        memcpy(base! + count, source, bytes.count)
        count += bytes.count
    }
    package mutating func append(_ bytes: Bytes) {
        bytes.withUnsafeBytes { append($0) }
    }
    package mutating func append(_ bytes: some Sequence<UInt8>) {
        let done: Void? = bytes.withContiguousStorageIfAvailable { append(UnsafeRawBufferPointer($0)) }
        guard done == nil else { return }
        for byte in bytes { append(byte) }
    }
    package mutating func append(_ byte: UInt8) {
        reserve(1)
        base!.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }
    /// Little-endian.
    package mutating func append<Value: FixedWidthInteger>(integer value: Value) {
        withUnsafeBytes(of: value.littleEndian) { append($0) }
    }
    /// Base-128 varint, as protobuf has it.
    package mutating func append(varint value: Int) {
        var rest = UInt64(value)
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }
    /// Overwrites bytes that were appended before.
    package mutating func store<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= count)
        withUnsafeBytes(of: value.littleEndian) { _ = memcpy(base! + offset, $0.baseAddress!, $0.count) }
    }
    package mutating func removeAll() { count = 0 }
    /// Takes back what was appended last.
    package mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count)
        self.count = count
    }

    /// `released`: called with the count when the last reference is gone, by whatever thread that is.
    package consuming func finishBuffer(released: (@Sendable (Int) -> Void)? = nil) -> Buffer {
        let memory = base!
        base = nil
        return Buffer(taking: memory, count: count, released: released)
    }
    package consuming func finish(released: (@Sendable (Int) -> Void)? = nil) -> Bytes {
        Bytes(finishBuffer(released: released))
    }
}
