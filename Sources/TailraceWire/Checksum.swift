import CChecksum

/// CRC32C (Castagnoli), continued from `crc`.
package func crc32c(_ bytes: UnsafeRawBufferPointer, _ crc: UInt32 = 0) -> UInt32 {
    guard let base = bytes.baseAddress else { return crc }
    return cchecksum_crc32c(crc, base, bytes.count)
}
