import TailraceCore
import Testing

@testable import TailraceTopology

struct YAMLReaderTests {
    private func read(_ text: String) -> YAMLReader.Result { YAMLReader.read(Array(text.utf8), file: "t.yaml") }
    private func problems(_ text: String) -> [String] { read(text).problems.map(\.description) }

    @Test func nodesHaveTheirPlaceAndValuesStayText() throws {
        let root = try #require(read("a: yes\nlist:\n  - 08\n  - {b: ''}\n").root)
        guard case .mapping(let entries) = root.value, case .sequence(let items) = entries[1].value.value else {
            Issue.record("not a mapping")
            return
        }
        #expect(entries[0].value == YAMLNode(.scalar("yes"), at: FilePlace(line: 1, column: 4)))
        #expect(entries[1].place == FilePlace(line: 2, column: 1))
        #expect(items[0] == YAMLNode(.scalar("08"), at: FilePlace(line: 3, column: 5)))
        #expect(items[1].place == FilePlace(line: 4, column: 5))
    }

    @Test(arguments: [
        ("a: [1, 2\nb: 3", "t.yaml:2:2: while parsing a flow sequence (line 1): did not find expected ',' or ']'"),
        ("a: 1\nb: 2\na: 3", "t.yaml:3:1: key 'a' given twice, first in line 1. Fix: remove one of them"),
        ("a: &x 1\nb: *x", "t.yaml:1:4: an anchor (&name)"),
        ("b: *x", "t.yaml:1:4: an alias (*name). Fix: write the value out here"),
        ("a: !!int 1", "t.yaml:1:4: a tag (!name)"),
        ("[a]: 1", "t.yaml:1:1: a key that is a list. Fix: use text as key"),
        ("", "t.yaml:1:1: the file is empty"),
        ("a: 1\n---\nb: 2", "t.yaml:2:1: a second document begins here"),
        ("a: \u{1}", "t.yaml:1:1: control characters are not allowed, at byte 3"),
    ])
    func mistakesAreToldWithTheirPlace(_ text: String, _ expected: String) {
        #expect(problems(text).first?.hasPrefix(expected) == true, "\(problems(text))")
    }

    @Test func depthNodesAndLengthAreLimited() {
        let deep = String(repeating: "[", count: 70)
        #expect(problems(deep) == ["t.yaml:1:65: more than 64 levels. Fix: nest less"])
        let many = "[" + String(repeating: "a,", count: 100_001) + "]"
        #expect(problems(many).first?.contains("more than 100000 values") == true)
        #expect(problems(String(repeating: "#", count: 1 << 20 + 1)).first?.contains("1048577 bytes") == true)
    }

    /// Garbage, cut and changed text: refused or read, in bounded time, and never a crash.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func garbageIsRefusedOrRead(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let whole = Array("name: a\ntiers:\n  - {name: edge, count: 2}\n  - &x [ \"q\\n\", 'z', *x ]\n? k\n: |\n  block\n".utf8)
        let alphabet = Array("[]{}:,-?&*!|>'\"%@`#~ \n\t\\ab\u{0}\u{7f}é".utf8)
        for _ in 0..<400 {
            var bytes = Array(whole.prefix(Int.random(in: 0...whole.count, using: &random)))
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                let byte =
                    Bool.random(using: &random)
                    ? UInt8.random(in: 0...255, using: &random) : alphabet.randomElement(using: &random)!
                bytes.insert(byte, at: Int.random(in: 0...bytes.count, using: &random))
            }
            let result = YAMLReader.read(bytes, file: "t.yaml")
            #expect(result.root != nil || !result.problems.isEmpty)
        }
    }
}
