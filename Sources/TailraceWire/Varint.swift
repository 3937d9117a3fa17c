package import TailraceCore

/// Reads base-128 varints one behind the other, as protobuf writes them. One pass, no array between: this runs once per event.
package struct VarintReader {
    private let base: UnsafeRawPointer?
    private let count: Int
    private var at = 0

    package init(_ bytes: UnsafeRawBufferPointer) { (base, count) = (bytes.baseAddress, bytes.count) }

    package var isAtEnd: Bool { at == count }

    /// nil: cut off, or more than 64 bits.
    @inline(__always)
    package mutating func next() -> UInt64? {
        guard at < count else { return nil }
        let first = base!.load(fromByteOffset: at, as: UInt8.self)
        at += 1
        if first < 0x80 { return UInt64(first) }
        return rest(after: first)
    }

    private mutating func rest(after first: UInt8) -> UInt64? {
        var value = UInt64(first & 0x7F), shift: UInt64 = 7
        while at < count {
            let byte = base!.load(fromByteOffset: at, as: UInt8.self)
            at += 1
            if shift == 63, byte > 1 { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { return nil }
        }
        return nil
    }
}

/// Runs of numbers as varints: the gap from the end of the one before (at first from `origin`), then the count.
package enum RunCoding {
    package static func append(_ runs: [Range<UInt64>], from origin: UInt64, to builder: inout BufferBuilder) {
        var end = origin
        for run in runs {
            builder.append(varint64: run.lowerBound - end)
            builder.append(varint64: run.upperBound - run.lowerBound)
            end = run.upperBound
        }
    }

    /// Ascending, not touching, none empty, none beyond `limit`.
    package static func read(_ bytes: UnsafeRawBufferPointer, from origin: UInt64, within limit: UInt64) throws(TailraceError)
        -> [Range<UInt64>]
    {
        var reader = VarintReader(bytes), runs: [Range<UInt64>] = [], end = origin
        while !reader.isAtEnd {
            guard runs.count < Limits.runs else {
                throw .rpcTooMany("runs of numbers", runs.count + 1, limit: Limits.runs)
            }
            guard let gap = reader.next(), let count = reader.next() else { throw .rpcMalformed("the runs are cut off") }
            guard count > 0, runs.isEmpty || gap > 0, gap <= limit - end, count <= limit - end - gap else {
                throw .rpcMalformed("run \(runs.count + 1) (gap \(gap), count \(count)) is outside \(origin)..<\(limit)")
            }
            let low = end + gap
            end = low + count
            runs.append(low..<end)
        }
        return runs
    }
}

extension BufferBuilder {
    /// Base-128 varint of all 64 bits.
    package mutating func append(varint64 value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }
}
