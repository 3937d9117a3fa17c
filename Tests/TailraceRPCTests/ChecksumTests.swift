import CChecksum
import TailraceCore
import Testing

@Suite struct ChecksumTests {
    private func both(_ bytes: [UInt8], from start: Int = 0, seed: UInt32 = 0) -> (UInt32, UInt32) {
        bytes.withUnsafeBytes {
            let slice = UnsafeRawBufferPointer(rebasing: $0[start...])
            return (
                cchecksum_crc32c(seed, slice.baseAddress, slice.count),
                cchecksum_crc32c_portable(seed, slice.baseAddress, slice.count)
            )
        }
    }

    /// RFC 3720, B.4.
    @Test func vectors() {
        #expect(both(Array("123456789".utf8)) == (0xE306_9283, 0xE306_9283))
        #expect(both([UInt8](repeating: 0, count: 32)).0 == 0x8A91_36AA)
        #expect(both([UInt8](repeating: 0xFF, count: 32)).0 == 0x62A8_AB43)
        #expect(both(Array(0..<32)).0 == 0x46DD_794E)
    }

    /// The interleaved sum by instruction is the one by table, at every length around the block sizes and every alignment.
    @Test(arguments: [0, 1, 2, 3] as [UInt64])
    func theInstructionAgreesWithTheTable(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let bytes = (0..<40_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        for around in [0, 256, 768, 1536, 4096, 12_288, 24_576, 39_000] {
            for length in max(0, around - 10)...around + 10 {
                let start = Int.random(in: 0..<16, using: &random), initial = UInt32.random(in: 0...UInt32.max, using: &random)
                let (fast, table) = both(Array(bytes[0..<start + length]), from: start, seed: initial)
                #expect(fast == table, "length \(length)")
            }
        }
    }

    @Test func itContinues() {
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let whole = both(bytes).0
        for cut in stride(from: 0, through: 10_000, by: 997) {
            let first = both(Array(bytes[..<cut])).0
            #expect(both(bytes, from: cut, seed: first).0 == whole)
        }
    }
}
