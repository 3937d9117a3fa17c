import TailraceCore
import TailraceSources
import Testing

struct TaildirLineSplitterTests {
    private func split(
        _ text: some Collection<UInt8>, from start: Int = 0, maximumLine: Int = 100, maximumLines: Int = 100,
        maximumBytes: Int = 1000, isLast: Bool = false
    ) -> (lines: [String], result: LineSplitter.Result) {
        let bytes = Bytes(copying: text)
        let splitter = LineSplitter(maximumLine: maximumLine, maximumLines: maximumLines, maximumBytes: maximumBytes)
        let result = bytes.withUnsafeBytes { splitter.split($0, from: start, isLast: isLast) }
        return (result.bodies.map { bytes[$0.range].text }, result)
    }

    @Test(arguments: [
        ("", [], 0), ("a", [], 0), ("a\n", ["a"], 2), ("a\nb", ["a"], 2), ("\n\n", ["", ""], 2), ("a\r\nb\n", ["a", "b"], 5),
        ("a\r\r\n", ["a\r"], 4), ("\r\n", [""], 2), ("a\rb\n", ["a\rb"], 4), ("a\r", [], 0), ("a\u{0}\t \n", ["a\u{0}\t "], 5),
    ])
    func linesEndWithLineFeedAndOneCarriageReturnBeforeItIsTaken(_ text: String, _ lines: [String], _ next: Int) {
        let found = split(text.utf8)
        #expect(found.lines == lines)
        #expect(found.result.next == next)
        #expect(!found.result.isLimited && found.result.cuts == 0)
    }

    @Test func beginsWhereItIsTold() { #expect(split("xx\nab\n".utf8, from: 3).lines == ["ab"]) }

    @Test(arguments: [("ab", ["ab"]), ("a\nb", ["a", "b"]), ("a\r", ["a\r"]), ("a\n", ["a"])])
    func whatIsLastNeedsNoLineEnd(_ text: String, _ lines: [String]) {
        let found = split(text.utf8, isLast: true)
        #expect(found.lines == lines)
        #expect(found.result.next == text.utf8.count)
    }

    @Test(arguments: [
        ("abcd\n", ["abcd"], 0), ("abcde\n", ["abcd", "e"], 1), ("abcdefghi\nx\n", ["abcd", "efgh", "i", "x"], 2),
        ("abcd\r\n", ["abcd"], 0), ("abcdef", ["abcd"], 1), ("abcde", [], 0), ("abcd\r", [], 0),
        ("abcde\r\n", ["abcd", "e"], 1),
    ])
    func aLineThatIsTooLongIsCutWithoutLoss(_ text: String, _ lines: [String], _ cuts: Int) {
        let found = split(text.utf8, maximumLine: 4)
        #expect(found.lines == lines)
        #expect(found.result.cuts == cuts)
    }

    @Test func stopsAtSoManyLines() {
        let found = split("a\nb\nc\n".utf8, maximumLines: 2)
        #expect(found.lines == ["a", "b"])
        #expect(found.result.isLimited && found.result.next == 4)
        #expect(!split("a\nb\n".utf8, maximumLines: 2).result.isLimited)
    }

    @Test func stopsAtSoManyBytesButTakesOneLine() {
        #expect(split("aaaa\nbbbb\n".utf8, maximumBytes: 6).lines == ["aaaa"])
        #expect(split("aaaaaaaa\nbbbb\n".utf8, maximumBytes: 6).lines == ["aaaaaaaa"])
    }

    /// Every byte of random input is in a body or a line end, however it is limited, and pieces give the same as the whole.
    @Test(arguments: 0..<20) func nothingIsLost(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let signs: [UInt8] = [0x0A, 0x0D, 0x61, 0x62, 0xFF, 0x00]
        for _ in 0..<100 {
            let input = (0..<Int.random(in: 0...60, using: &random)).map { _ in signs.randomElement(using: &random)! }
            let lines = Int.random(in: 1...4, using: &random)
            var start = 0, bodies: [[UInt8]] = []
            while start < input.count {
                let bytes = Bytes(copying: input)
                let splitter = LineSplitter(maximumLine: 50, maximumLines: lines, maximumBytes: 30)
                let result = bytes.withUnsafeBytes { splitter.split($0, from: start, isLast: true) }
                bodies += result.bodies.map { Array(bytes[$0.range]) }
                #expect(result.next > start)
                start = result.next
            }
            var expected = input.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
            let rest = expected.removeLast()
            expected = expected.map { $0.last == 0x0D ? Array($0.dropLast()) : $0 }
            if !rest.isEmpty { expected.append(rest) }
            if expected.allSatisfy({ $0.count <= 50 }) { #expect(bodies == expected) }
        }
    }
}
