import TailraceAvro
import TailraceCore
import Testing

struct AvroDatumTests {
    @Test func writesTheDatumThatFlumeWrites() throws {
        var builder = BufferBuilder(capacity: 64)
        AvroDatum.append(headers: [Header("host", "web1")], to: &builder)
        AvroDatum.append(body: Bytes("hello"), to: &builder)
        let bytes = builder.finish()
        #expect(Array(bytes) == [2, 8] + Array("host".utf8) + [8] + Array("web1".utf8) + [0, 10] + Array("hello".utf8))
        let parts = try #require(bytes.withUnsafeBytes { AvroDatum.parse($0) })
        #expect(parts.body == 13..<18 && parts.headers.count == 1 && parts.headers[0] == (2..<6, 7..<11))
    }
    @Test func readsBlocksWithASize() {
        // Two blocks of one header; the first with a negative count and its size.
        let bytes: [UInt8] = [1, 8, 2, 0x61, 2, 0x62] + [2, 2, 0x63, 0] + [0] + [2, 0x78]
        let parts = bytes.withUnsafeBytes { AvroDatum.parse($0) }
        #expect(parts?.headers.count == 2 && parts?.body == 12..<13)
    }
    @Test(arguments: 0..<200) func survivesGarbage(seed: UInt64) {
        var random = SeededRandom(seed: seed), builder = BufferBuilder(capacity: 64)
        AvroDatum.append(headers: [Header("a", "bc"), Header("d", "")], to: &builder)
        AvroDatum.append(body: Bytes("some body"), to: &builder)
        let good = Array(builder.finish())
        for cut in 0..<good.count { #expect(good[..<cut].withUnsafeBytes { AvroDatum.parse($0) } == nil) }
        for _ in 0..<100 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let parts = bytes.withUnsafeBytes { AvroDatum.parse($0) }
            if let parts { #expect(parts.body.upperBound == bytes.count && parts.headers.count <= Limits.headers) }
        }
    }
}
