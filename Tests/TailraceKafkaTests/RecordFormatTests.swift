import TailraceCore
import Testing

@testable import TailraceKafka

struct RecordFormatTests {
    /// The vectors of the Java client's own test.
    @Test(arguments: [
        ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829), ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ])
    func hashesAsJava(key: String, hash: Int) {
        #expect(Int32(bitPattern: Murmur2.hash(Bytes(key))) == Int32(hash))
        let partition = Int(Murmur2.partition(Bytes(key), of: 7))
        #expect(partition == (hash & 0x7FFF_FFFF) % 7)
    }

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

    @Test(arguments: [
        ("logs", "logs"), ("l-%{host}", "l-web1"), ("l-%{none}x", "l-x"), ("l-%Y.%m.%d", "l-2023.11.14"),
        ("%y%n%e%j", "231114318"),
        ("h%H%I%k%l%M%S", "h2210221013" + "20"), ("%p-%a-%A-%b-%B", "PM-Tue-Tuesday-Nov-November"), ("%s", "1700000000"),
        ("%t", "1700000000123"), ("a%qb", "ab"), ("100%-x", "100%-x"),
    ])
    func expandsTopics(text: String, expanded: String) throws {
        let headers = ["host": "web1", "timestamp": "1700000000123"]
        let template = try TopicTemplate(text)
        #expect(try template.expanded(.utc) { headers[$0].map { Bytes($0) } } == expanded)
    }
    @Test func wantsATimestampForTimes() throws {
        let template = try TopicTemplate("l-%Y")
        #expect(template.constant == nil)
        let error = #expect(throws: TailraceError.self) { try template.expanded(.utc) { _ in nil } }
        #expect(error?.code == "kafka.topic-time" && error?.message.contains("no header \"timestamp\"") == true)
        #expect(throws: TailraceError.self) { try template.expanded(.utc) { _ in Bytes("noon") } }
    }
    @Test(arguments: ["a-%c", "a-%D", "a-%z", "a-%%", "a-%[localhost]"]) func refusesEscapesThatNoTopicCanHave(text: String) {
        #expect(throws: TailraceError.self) { try TopicTemplate(text) }
    }
    @Test func knowsTopicNames() {
        for good in ["a", "A.b_c-9", String(repeating: "x", count: 249)] { #expect(TopicName.isValid(good)) }
        for bad in ["", ".", "..", "a b", "ü", "a/b", String(repeating: "x", count: 250)] { #expect(!TopicName.isValid(bad)) }
    }

    @Test func writesDeadLettersAsJSON() {
        var line = BufferBuilder(capacity: 16)
        DeadLetter(
            time: WallTime(milliseconds: 5), component: "a.sinks.k", error: TailraceError(code: "c", message: "say \"no\"\n"),
            topic: "t", partition: 3, timestamp: nil, stream: StreamID(value: 171), sequence: 17,
            eventHeaders: [Header("h", "v")], recordHeaders: [RecordHeader(name: "r", value: Bytes("abc"))], key: Bytes("k1"),
            body: Bytes("hello!")
        ).append(to: &line)
        #expect(
            line.finish().text == """
                {"time":5,"component":"a.sinks.k","code":"c","reason":"say \\"no\\"\\u000a","topic":"t","partition":3,"offset":null,\
                "timestamp":null,"stream":"00000000000000ab","sequence":17,"eventHeaders":{"h":"v"},"recordHeaders":[["r","YWJj"]],\
                "key":"azE=","body":"aGVsbG8h"}

                """)
    }
}
