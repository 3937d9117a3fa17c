import TailraceCore

/// The hash by which the Java client chooses a partition for a key.
enum Murmur2 {
    static func hash(_ key: Bytes) -> UInt32 {
        key.withUnsafeBytes { bytes in
            let factor: UInt32 = 0x5BD1_E995
            var hash: UInt32 = 0x9747_B28C ^ UInt32(truncatingIfNeeded: bytes.count)
            var at = 0
            while at + 4 <= bytes.count {
                var word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
                word &*= factor
                word ^= word >> 24
                word &*= factor
                hash = (hash &* factor) ^ word
                at += 4
            }
            if at < bytes.count {
                for index in (at..<bytes.count).reversed() { hash ^= UInt32(bytes[index]) << UInt32(8 * (index - at)) }
                hash &*= factor
            }
            hash ^= hash >> 13
            hash &*= factor
            return hash ^ (hash >> 15)
        }
    }

    /// As the Java client's default partitioner: by the hash without its sign.
    static func partition(_ key: Bytes, of count: Int) -> Int32 {
        Int32(truncatingIfNeeded: Int(hash(key) & 0x7FFF_FFFF) % count)
    }
}
