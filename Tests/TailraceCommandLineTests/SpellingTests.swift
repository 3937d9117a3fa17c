import TailraceCommandLine
import Testing

@Suite struct SpellingTests {
    static let keys = ["batchSize", "capacity", "transactionCapacity", "kafka.topic", "bind", "port", "hostname"]

    @Test(
        arguments: [
            ("bachSize", "batchSize"), ("batch-size", "batchSize"), ("capasity", "capacity"),
            ("transactioncapacity", "transactionCapacity"),
            ("kafka.topics", "kafka.topic"), ("prot", "port"), ("host", nil), ("x", nil), ("", nil), ("pirates", nil),
            ("hostnmae", "hostname"), ("BIND", "bind"),
        ] as [(String, String?)])
    func nearest(word: String, expected: String?) {
        #expect(Spelling.nearest(to: word, in: Self.keys) == expected)
    }

    @Test func theWordItselfIsNoSuggestion() {
        #expect(Spelling.nearest(to: "port", in: ["port"]) == nil)
        #expect(Spelling.nearest(to: "port", in: ["port", "ports"]) == "ports")
    }

    @Test(arguments: [("", "", 0), ("ab", "", 2), ("ab", "ba", 1), ("kitten", "sitting", 3), ("abc", "abxc", 1)])
    func distance(a: String, b: String, expected: Int) {
        #expect(Spelling.distance(Array(a.utf8), Array(b.utf8)) == expected)
    }

    @Test func aVeryLongWordIsNotCompared() {
        #expect(
            Spelling.nearest(to: String(repeating: "a", count: 100_000), in: [String(repeating: "a", count: 99_999)]) == nil)
    }
}
