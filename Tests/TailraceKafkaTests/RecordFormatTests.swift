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
