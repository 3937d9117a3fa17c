#if canImport(Glibc)
    import Glibc
#endif

/// Part of a buffer that many share: keeping it keeps the buffer, copying it copies nothing. Indices are positions in the
/// buffer, as in an ArraySlice.
package struct Bytes: RandomAccessCollection, Sendable {
    package let buffer: Buffer
    package let startIndex: Int
    package let endIndex: Int

    package init(_ buffer: Buffer, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= buffer.count)
        (self.buffer, startIndex, endIndex) = (buffer, range.lowerBound, range.upperBound)
    }
    package init(_ buffer: Buffer) { self.init(buffer, 0..<buffer.count) }
    package init() { self.init(.empty) }
    package init(copying bytes: some Collection<UInt8>) {
        var builder = BufferBuilder(capacity: bytes.count)
        builder.append(bytes)
        self.init(builder.finishBuffer())
    }
    package init(copying bytes: UnsafeRawBufferPointer) {
        var builder = BufferBuilder(capacity: bytes.count)
        builder.append(bytes)
        self.init(builder.finishBuffer())
    }
    package init(_ text: String) { self.init(copying: text.utf8) }

    package var count: Int { endIndex - startIndex }
    package var isEmpty: Bool { startIndex == endIndex }
    package func index(after i: Int) -> Int { i + 1 }
    package func index(before i: Int) -> Int { i - 1 }

    package subscript(position: Int) -> UInt8 {
        precondition(position >= startIndex && position < endIndex)
        return buffer.base.load(fromByteOffset: position, as: UInt8.self)
    }
    package subscript(bounds: Range<Int>) -> Bytes {
        precondition(bounds.lowerBound >= startIndex && bounds.upperBound <= endIndex)
        return Bytes(buffer, bounds)
    }

    package func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: buffer.base + startIndex, count: count))
    }
    package func withContiguousStorageIfAvailable<R>(_ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R? {
        let raw = UnsafeRawBufferPointer(start: buffer.base + startIndex, count: count)
        return try raw.withMemoryRebound(to: UInt8.self) { try body($0) }
    }

    /// As text; bytes that are not UTF-8 become U+FFFD. For people, and for headers.
    package var text: String { String(decoding: self, as: UTF8.self) }
}

extension Bytes: Hashable {
    package static func == (a: Bytes, b: Bytes) -> Bool {
        guard a.count == b.count else { return false }
        return a.withUnsafeBytes { left in b.withUnsafeBytes { memcmp(left.baseAddress!, $0.baseAddress!, left.count) == 0 } }
    }
    package func hash(into hasher: inout Hasher) { withUnsafeBytes { hasher.combine(bytes: $0) } }
}

/// What a connection still has to write: pieces in order, taken from the front.
package struct OutputQueue {
    private var pieces: [Bytes] = []
    private var first = 0
    package private(set) var byteCount = 0

    package init() {}

    package var isEmpty: Bool { byteCount == 0 }

    package mutating func append(_ piece: Bytes) {
        guard !piece.isEmpty else { return }
        pieces.append(piece)
        byteCount += piece.count
    }
    /// The pieces that are not yet written, at most `limit`.
    package func front(_ limit: Int) -> ArraySlice<Bytes> { pieces[first...].prefix(limit) }

    /// So many bytes were written.
    package mutating func remove(_ bytes: Int) {
        precondition(bytes <= byteCount)
        byteCount -= bytes
        var rest = bytes
        while rest > 0 {
            let piece = pieces[first]
            if rest < piece.count {
                pieces[first] = piece[piece.startIndex + rest..<piece.endIndex]
                break
            }
            rest -= piece.count
            pieces[first] = Bytes()  // lets go of the buffer now
            first += 1
        }
        if byteCount == 0 || first > 256 {
            pieces.removeFirst(first)
            first = 0
        }
    }
    package mutating func removeAll() { self = OutputQueue() }
}
