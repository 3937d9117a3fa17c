import TailraceCore
import TailracePatterns
import Testing

struct PatternTests {
    @Test func wholeMatchesAllBytesAndSearchAnywhere() throws {
        let whole = try Pattern(#"app\.log(\.\d+)?"#, .whole)
        #expect(whole.matches("app.log") && whole.matches("app.log.12"))
        #expect(!whole.matches("app.log.gz") && !whole.matches("xapp.log") && !whole.matches("appxlog"))
        #expect(try !Pattern("a|ab", .whole).matches("abc"))
        #expect(try Pattern("a|ab", .whole).matches("ab"), "takes the alternative that fits the whole")
        let search = try Pattern("ERROR|FATAL")
        #expect(search.matches("x ERROR y") && !search.matches("all is well"))
        #expect(try Pattern("", .whole).matches("") && !Pattern("", .whole).matches("a"))
    }

    @Test func groupsAreRanges() throws {
        let pattern = try Pattern(#"status=(\d+)( x)?"#)
        let ranges = Bytes("a status=200.").withUnsafeBytes { pattern.firstMatch($0) }
        #expect(ranges == [2..<12, 9..<12, nil])
        #expect(Bytes("status=1 status=2").withUnsafeBytes { pattern.firstMatch($0, from: 3) }?[1] == 16..<17)
        #expect(Bytes("none").withUnsafeBytes { pattern.firstMatch($0) } == nil)
        #expect(Bytes("none").withUnsafeBytes { pattern.firstMatch($0, from: 5) } == nil)
        #expect(pattern.groupCount == 2)
    }

    @Test func bytesThatAreNotUTF8MatchNothingAndBreakNothing() throws {
        let pattern = try Pattern("b.d")
        #expect(pattern.matches(Bytes(copying: [0xFF, 0x62, 0x63, 0x64, 0x80])))
        #expect(!pattern.matches(Bytes(copying: [0x62, 0xFF, 0x64])))
        #expect(pattern.matches("böd"))
    }

    @Test func aPatternThatBacktracksStopsAtItsLimit() throws {
        let pattern = try Pattern("(a+)+$")
        #expect(!pattern.matches(String(repeating: "a", count: 5_000) + "b"))
        #expect(pattern.limitedMatches == 1)
        #expect(pattern.matches("aaa"), "works afterwards")
    }

    @Test(arguments: [
        (#"\u0041+"#, "AAA", true), (#"\0101"#, "A", true), (#"\07"#, "\u{7}", true), (#"\0477"#, "'7", true),
        (#"\p{Alpha}+"#, "abZ", true), (#"\p{Alpha}+"#, "ä", false), (#"\P{Alpha}"#, "ä", true),
        (#"[\p{Digit}x]+"#, "1x2", true),
        (#"[^\P{Digit}]+"#, "12", true), (#"\p{L}+"#, "ä", true), (#"\Q[a&&b]\E"#, "[a&&b]", true), (#"[a&b]+"#, "a&b", true),
        (#"\x{1F600}"#, "😀", true), (#"a.c"#, "a\rc", false), (#"(?i)ab"#, "AB", true), (#"(?<n>a)\k<n>"#, "aa", true),
        (#"\w+"#, "ä", false), (#"[\[\]]+"#, "[]", true), (#"(?=a)a"#, "a", true), (#"a\\Q"#, #"a\Q"#, true),
    ])
    func isUnderstoodAsJavaDoes(_ text: String, _ subject: String, _ expected: Bool) throws {
        #expect(try Pattern(text, .whole).matches(subject) == expected)
    }

    @Test(arguments: [
        (#"[a-z&&[^b]]"#, 4, "intersection"), ("[a[bc]]", 2, "union"), ("a(?U)b", 3, "ungreedy"), ("(?d)a", 2, "flag d"),
        ("(?iu:a)", 3, "flag u"), (#"a\b{g}"#, 1, "grapheme"), (#"\p{IsLatin}"#, 0, "IsLatin"), (#"\p{InGreek}"#, 0, "InGreek"),
        (#"\p{javaLowerCase}"#, 0, "javaLowerCase"), (#"\ud83d"#, 0, "surrogate"), (#"\u00"#, 0, "four hexadecimal"),
        (#"\09"#, 0, "octal"), ("[]a]", 1, "closes"), ("(*UTF)a", 0, "repeats nothing"),
    ])
    func whatJavaMeansOtherwiseIsNamed(_ text: String, _ offset: Int, _ word: String) {
        let error = #expect(throws: TailraceError.self) { try Pattern(text) }
        #expect(error?.code == "pattern.java")
        #expect(error?.message.contains("at offset \(offset): ") == true, "\(error!)")
        #expect(error?.message.contains(word) == true, "\(error!)")
        #expect(error?.fix != nil)
    }

    @Test(arguments: [
        ("a(b", 3), ("a)b", 1), ("[ab", 3), ("a***", 2), (#"\u0041(("#, 8), (#"\p{Nope}"#, 8), ("(?<=a*)b", 0), (#"\"#, 1),
    ])
    func mistakesAreToldWithTheirPlace(_ text: String, _ offset: Int) {
        let error = #expect(throws: TailraceError.self) { try Pattern(text) }
        #expect(error?.code == "pattern.syntax")
        #expect(error?.message.hasPrefix("\"\(text)\" at offset \(offset): ") == true, "\(error!)")
    }

    @Test func aPatternHasABoundedLength() {
        let error = #expect(throws: TailraceError.self) { try Pattern(String(repeating: "a", count: 5_000)) }
        #expect(error?.code == "pattern.too-long")
        #expect(error?.message == "a pattern of 5000 bytes; at most 4096 are allowed")
    }

    @Test(arguments: 0..<20) func garbageNeverCrashes(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let signs = Array(#"abU01xupPQEk\\\[[]](())?*+{}^$.|&&-:=!<>,"#)
        for _ in 0..<500 {
            let text = String((0..<Int.random(in: 0...24, using: &random)).map { _ in signs.randomElement(using: &random)! })
            guard let pattern = try? Pattern(text, Bool.random(using: &random) ? .whole : .search) else { continue }
            _ = pattern.matches("aab[]01x--")
            _ = Bytes("ab01").withUnsafeBytes { pattern.firstMatch($0) }
        }
    }
}
