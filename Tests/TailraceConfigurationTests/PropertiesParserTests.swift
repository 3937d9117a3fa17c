import TailraceConfiguration
import TailraceCore
import Testing

@Suite struct PropertiesParserTests {
    /// What Java's own parser gives, before Flume trims; checked against java.util.Properties.
    @Test(arguments: [
        ("a = 1   ", "a", "1   "), ("b=2", "b", "2"), ("c:3", "c", "3"), ("d 4 5", "d", "4 5"), ("e", "e", ""),
        ("f\\ g = sp", "f g", "sp"), ("h\\=i = eq", "h=i", "eq"),
        ("j = one \\\n   two \\\n   three", "j", "one two three"),
        ("k = back\\\\slash", "k", "back\\slash"), ("l = \\tTab", "l", "\tTab"), ("m = \\u0041\\u00e9", "m", "Aé"),
        ("n = # notcomment", "n", "# notcomment"), ("o = x \\\\", "o", "x \\"), ("p = q\\zr", "p", "qzr"),
        ("q : = r", "q", "= r"), ("s = a=b:c", "s", "a=b:c"), ("t = trail\\ ", "t", "trail "),
        ("u = end \\\\\\\n  cont", "u", "end \\cont"), ("# comment \\\nv = after", "v", "after"),
        ("w\\\nx = keycont", "wx", "keycont"),
        ("a1.regex = (\\\\d):(\\d)", "a1.regex", "(\\d):(d)"),
        // Beyond the table.
        ("  \t\u{0C}lead = x", "lead", "x"), ("! c\n#d\n\n \t\nx=y", "x", "y"), ("a=b\\", "a", "b"),
        ("a\\:b\\ c:d", "a:b c", "d"),
        ("a=\\\r\n  b\\\r  c\\\n\td", "a", "bcd"), ("a=b\\\n\nc", "a", "b"), ("a=b\\\n#c", "a", "b#c"),
        ("\\\n# no\na=1", "a", "1"),
        ("=v", "", "v"), ("a\t\u{0C}=\u{0C} b", "a", "b"), ("a = \\r\\n\\f|", "a", "\r\n\u{0C}|"), ("a==b", "a", "=b"),
        ("s=\\ud83d\\ude00", "s", "😀"), ("s = 😀é", "s", "😀é"), ("k\\u003d = x", "k=", "x"), ("a=\\\\u0041", "a", "\\u0041"),
        ("\u{FEFF}a=b", "a", "b"),
    ])
    func vectors(text: String, key: String, value: String) {
        let file = PropertiesParser.parse(Array(text.utf8), file: "f")
        #expect(file.entries.first.map { [$0.key, $0.value] } == [key, value])
        #expect(!file.problems.contains { $0.severity == .error })
    }

    @Test func linesAreCountedForEachKindOfLineEnd() {
        let text = "a=1\r\n\r\nb=2\rc=3\n# x \\\nd=\\\n  4\ne=5"
        let file = PropertiesParser.parse(Array(text.utf8), file: "f.properties")
        #expect(file.entries.map { "\($0.key)\($0.line)" } == ["a1", "b3", "c4", "d6", "e8"])
        #expect(file.entries.map(\.value) == ["1", "2", "3", "4", "5"])
        #expect(file.entries.allSatisfy { $0.file == "f.properties" })
        #expect(file.problems.isEmpty)
    }

    @Test(arguments: ["\\u12", "\\u", "\\u12g4", "\\u 123", "\\uéééé"])
    func malformedUnicodeEscapeIsAnErrorWithItsLine(escape: String) {
        let file = PropertiesParser.parse(Array("ok=1\nx = a \\\n  b\\\n \(escape)\nafter = 2".utf8), file: "f")
        #expect(file.entries.map(\.key) == ["ok", "x", "after"])
        let problem = file.problems.first { $0.code == "configuration.escape" }
        #expect(problem?.severity == .error)
        #expect(problem?.line == 4)
        #expect(problem?.key == "x")
        #expect(problem?.message.contains("is not a \\u with four hexadecimal digits") == true)
    }

    @Test func droppedBackslashesAreTold() {
        let file = PropertiesParser.parse(Array("r = (\\d+)\\.\\s\\d \\, \\\" \\: \\= \\\\w \\ x".utf8), file: "f")
        #expect(file.entries.map(\.value) == ["(d+).sd , \" : = \\w  x"])
        #expect(file.problems.map(\.severity) == [.warning])
        #expect(file.problems.first?.message == "the backslash of \\d \\. \\s is dropped, as a properties file has it")
        #expect(file.problems.first?.fix == "write \\\\d where the value needs \\d")
    }

    @Test func halfASurrogatePairIsTold() {
        let file = PropertiesParser.parse(Array("a=\\ud83d!".utf8), file: "f")
        #expect(file.entries.map(\.value) == ["\u{FFFD}!"])
        #expect(file.problems.map(\.code) == ["configuration.surrogate"])
    }

    @Test func bytesThatAreNoUTF8AreReadAsLatin1() {
        let file = PropertiesParser.parse(Array("a = caf".utf8) + [0xE9, 10] + Array("b = 1".utf8), file: "f")
        #expect(file.entries.map(\.value) == ["café", "1"])
        #expect(file.problems.map(\.code) == ["configuration.encoding"])
        #expect(file.problems.map(\.severity) == [.note])
    }

    @Test func aFileThatIsTooLargeIsRefused() {
        let file = PropertiesParser.parse(Array(repeating: 0x61, count: Limits.configurationBytes + 1), file: "f")
        #expect(file.entries.isEmpty)
        #expect(file.problems.map(\.message) == ["the file has 4194305 bytes; at most 4194304 are read"])
    }

    @Test func aFullSizeFileOfOddLinesIsBounded() {
        let line = Array("\\d\n".utf8)
        let file = PropertiesParser.parse(Array((0..<100_000).flatMap { _ in line }), file: "f")
        #expect(file.entries.count == 100_000)
        #expect(file.problems.count == Limits.configurationProblems)
    }

    /// Never traps; each entry has a line of the file; the parse says the same twice.
    @Test(arguments: 0..<200)
    func garbage(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let spice = Array("\\\\\\\n\r\r\n=: \t\u{0C}#!u0dD8".utf8)
        let bytes = (0..<Int.random(in: 0...600, using: &random)).map { _ in
            Int.random(in: 0..<4, using: &random) == 0
                ? UInt8.random(in: 0...255, using: &random) : spice.randomElement(using: &random)!
        }
        let file = PropertiesParser.parse(bytes, file: "f")
        let lines = bytes.reduce(1) { $0 + ($1 == 10 || $1 == 13 ? 1 : 0) }
        #expect(file.entries.allSatisfy { (1...lines).contains($0.line) })
        #expect(file.problems.allSatisfy { (0...lines).contains($0.line) })
        #expect(file == PropertiesParser.parse(bytes, file: "f"))
        var set = PropertySet()
        set.add(bytes, file: "f")
        #expect(Set(set.entries.map(\.key)).count == set.entries.count)
    }

    /// Any key and value, escaped as Java writes them, come back as they were.
    @Test(arguments: 0..<200)
    func roundTrip(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let letters = Array("ab=: #!\\\t\n\r\u{0C}é😀\u{1}.$".unicodeScalars)
        func text(_ least: Int) -> String {
            let count = Int.random(in: least...12, using: &random)
            return String(String.UnicodeScalarView((0..<count).map { _ in letters.randomElement(using: &random)! }))
        }
        func hexadecimal(_ unit: UInt16) -> String {
            let digits = String(unit, radix: 16, uppercase: Bool.random(using: &random))
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
        func escaped(_ text: String) -> String {
            if Bool.random(using: &random) { return text.utf16.map(hexadecimal).joined() }
            return text.unicodeScalars.map { scalar in
                switch scalar {
                case "\t": "\\t"
                case "\n": "\\n"
                case "\r": "\\r"
                case "\u{0C}": "\\f"
                case "=", ":", " ", "#", "!", "\\": "\\\(scalar)"
                default: String(Character(scalar))
                }
            }.joined()
        }
        let key = text(1), value = text(0)
        let line = escaped(key) + [" = ", "=", ":", " ", "\t:\u{0C}"].randomElement(using: &random)! + escaped(value)
        let file = PropertiesParser.parse(Array("# before\n\(line)\r\n".utf8), file: "f")
        #expect(file.entries == [ConfigurationEntry(key: key, value: value, file: "f", line: 2)])
        #expect(file.problems.isEmpty)
    }
}

@Suite struct PropertySetTests {
    private func set(_ files: String...) -> PropertySet {
        var set = PropertySet()
        for (index, text) in files.enumerated() { set.add(Array(text.utf8), file: "f\(index + 1)") }
        return set
    }

    @Test func trimsAsFlumeDoes() {
        #expect(set("a = x \\t \\ ").entries.map(\.value) == ["x"])
        #expect(set("\\ a\\ =x").entries.map(\.key) == ["a"])
    }

    @Test func emptyValuesAndKeysAreIgnoredWithAWarning() {
        let set = set("a=1\nb =\n= c\nb = \\t")
        #expect(set.entries.map(\.key) == ["a"])
        #expect(
            set.problems.map { "\($0.line) \($0.severity) \($0.code)" } == [
                "2 warning configuration.empty-value", "3 warning configuration.no-key", "4 warning configuration.empty-value",
            ])
    }

    @Test func aKeyThatIsSetTwiceIsToldWithBothLines() {
        let set = set("a.type = seq\nx=1\na.type : netcat\nx=1")
        #expect(set["a.type"]?.value == "netcat")
        #expect(
            set.problems.map(\.message) == [
                "set twice, in lines 1 and 3; the value of line 3 counts", "set twice, in lines 2 and 4",
            ])
        #expect(set.problems.allSatisfy { $0.severity == .warning })
    }

    @Test func aLaterFileOverridesWithoutAWord() {
        let set = set("a=1\nb=2", "a=3")
        #expect(set.entries.map { "\($0.key)=\($0.value) \($0.file):\($0.line)" } == ["a=3 f2:1", "b=2 f1:2"])
        #expect(set.problems.isEmpty)
    }

    @Test func tooManyKeysAreRefused() {
        let set = set((0...Limits.configurationEntries).map { "a.sources.s\($0).type = seq" }.joined(separator: "\n"))
        #expect(set.entries.count == Limits.configurationEntries)
        #expect(set.problems.map(\.message) == ["the files have more than 20000 keys; what follows is not read"])
    }
}
