import TailraceCore

/// How far a file was read, with evidence of what stood there: hashes of the first bytes and of the last bytes before the
/// offset. A file that was truncated and written again, or another file that got the same inode, does not have these bytes.
package struct FilePlace: Hashable, Sendable {
    /// Bytes of evidence at each end; less where the offset is smaller.
    package static let evidenceBytes = 256

    package var offset: Int64
    /// Of bytes 0 ..< min(offset, ``evidenceBytes``).
    package var head: UInt64
    /// Of the min(offset, ``evidenceBytes``) bytes before the offset.
    package var tail: UInt64

    package init(offset: Int64, head: UInt64, tail: UInt64) { (self.offset, self.head, self.tail) = (offset, head, tail) }

    package static let start = FilePlace(
        offset: 0, head: hash(UnsafeRawBufferPointer(start: nil, count: 0)),
        tail: hash(UnsafeRawBufferPointer(start: nil, count: 0)))

    package var evidenceCount: Int { Self.evidenceCount(offset) }
    package static func evidenceCount(_ offset: Int64) -> Int { Int(min(offset, Int64(evidenceBytes))) }

    /// 64 bits, the same on every machine. It tells files apart that are different by chance, not by intent.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(bytes.count), index = 0
        func mix(_ word: UInt64) {
            state = (state ^ word) &* 0xFF51_AFD7_ED55_8CCD
            state ^= state >> 32
        }
        while index + 8 <= bytes.count {
            mix(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
            index += 8
        }
        while index < bytes.count {
            mix(UInt64(bytes[index]))
            index += 1
        }
        return state
    }
}

extension ReadableFile {
    /// So many bytes from `offset` on, or fewer at the end of the file.
    func bytes(at offset: Int64, _ count: Int) throws(TailraceError) -> Bytes {
        var builder = BufferBuilder(capacity: count)
        try fill(&builder, upTo: count, at: offset)
        return builder.finish()
    }

    /// Reads behind what `builder` has until it has `count` bytes or the file ends; its first byte stands at `offset`.
    func fill(_ builder: inout BufferBuilder, upTo count: Int, at offset: Int64) throws(TailraceError) {
        while builder.count < count {
            let space = UnsafeMutableRawBufferPointer(rebasing: builder.spare[..<(count - builder.count)])
            let read = try read(at: offset + Int64(builder.count), into: space)
            guard read > 0 else { return }
            builder.filled(read)
        }
    }

    /// What a reader that is at `offset` would remember of this file; nil: it is shorter.
    func place(at offset: Int64) throws(TailraceError) -> FilePlace? {
        let count = FilePlace.evidenceCount(offset)
        let head = try bytes(at: 0, count), tail = try bytes(at: offset - Int64(count), count)
        guard head.count == count, tail.count == count else { return nil }
        return FilePlace(
            offset: offset, head: head.withUnsafeBytes { FilePlace.hash($0) }, tail: tail.withUnsafeBytes { FilePlace.hash($0) }
        )
    }
}
