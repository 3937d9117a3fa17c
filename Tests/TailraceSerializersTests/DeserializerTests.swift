import TailraceCore
import TailraceSerializers
import Testing

/// Reads a whole file as a source would: blocks of some size, batches of some size; and begins anew at the place behind each
/// batch, so that every place is tried.
func readAll(
    _ file: [UInt8], blocks: Int, events: Int = 3, restarts: Bool = false,
    _ make: (DeserializerPlace) throws -> any EventDeserializer
) throws -> (bodies: [Bytes], places: [DeserializerPlace]) {
    var deserializer = try make(.start), bodies: [Bytes] = [], places: [DeserializerPlace] = []
    while true {
        let start = Int(deserializer.offset), end = min(file.count, start + max(blocks, deserializer.wanted))
        let block = Bytes(copying: file[start..<end])
        let batch = try deserializer.next(block, isEnd: end == file.count, upTo: BatchSize(events: events, bytes: 1 << 20))
        #expect(batch.count <= events)
        batch.forEach { _, event in bodies.append(event.body) }
        if batch.count == 0 {
            guard deserializer.offset == start else { continue }
            #expect(start == file.count, "stopped at \(start) of \(file.count)")
            return (bodies, places)
        }
        places.append(deserializer.place)
        if restarts { deserializer = try make(deserializer.place) }
    }
}

@Suite struct DeserializerTests {
    private func line(
        _ configure: (inout LineDeserializerConfiguration, inout TextInput) -> Void = { _, _ in }
    ) -> (DeserializerPlace) -> any EventDeserializer {
        var configuration = LineDeserializerConfiguration(), input = TextInput()
        configure(&configuration, &input)
        let made = configuration, text = input
        return { LineDeserializer(made, text, at: $0, cutLines: Counter()) }
    }
    private func lines(
        _ text: String, _ configure: (inout LineDeserializerConfiguration, inout TextInput) -> Void = { _, _ in }
    ) throws -> [String] {
        try readAll(Array(text.utf8), blocks: 7, line(configure)).bodies.map(\.text)
    }

    /// Only LF ends a line; a last line without it is one; nothing comes of an empty file.
    @Test func lines() throws {
        #expect(try lines("a\nbc\n\nd") == ["a", "bc", "", "d"])
        #expect(try lines("a\r\nb\rc\n") == ["a\r", "b\rc"])
        #expect(try lines("\n") == [""])
        #expect(try lines("") == [])
        #expect(try lines("zürich ☃ 😀\n") == ["zürich ☃ 😀"])
    }

    /// `maxLineLength` is in UTF-16 units, as in Java. A line of just this length gives one event.
    @Test(arguments: [
        ("12345\n6\n", ["12345", "6"]), ("123456\n", ["12345", "6"]), ("12345678901\n", ["12345", "67890", "1"]),
        ("ééééé\n", ["ééééé"]), ("éééééé\n", ["ééééé", "é"]), ("☃☃☃☃☃☃", ["☃☃☃☃☃", "☃"]), ("😀😀\n", ["😀😀"]),
        ("😀😀😀\n", ["😀😀", "😀"]), ("12345", ["12345"]), ("123456", ["12345", "6"]),
    ])
    func longLines(text: String, expected: [String]) throws {
        let found = try lines(text) { configuration, _ in configuration.maxLineLength = 5 }
        #expect(found == expected)
    }

    @Test func cutLinesAreCounted() throws {
        let counter = Counter()
        var configuration = LineDeserializerConfiguration()
        configuration.maxLineLength = 2
        _ = try readAll(Array("12345\n12\n1\n".utf8), blocks: 64) {
            LineDeserializer(configuration, TextInput(), at: $0, cutLines: counter)
        }
        #expect(counter.value == 2)
    }

    @Test func charsets() throws {
        let latin = Array("caf".utf8) + [0xE9, 0x0A] + Array("x\n".utf8)
        let found = try readAll(latin, blocks: 64, line { $1.charset = .latin1 })
        #expect(found.bodies.map(\.text) == ["café", "x"])
        for (charset, text) in [(Charset.utf16be, "zü\n\u{0A0A}😀\n"), (.utf16le, "zü\n\u{0A0A}😀\n")] {
            let file = charset.encode(text)
            #expect(try readAll(file, blocks: 4, line { $1.charset = charset }).bodies.map(\.text) == ["zü", "\u{0A0A}😀"])
        }
        let written = try readAll(
            Array("é€\n".utf8), blocks: 64, line { configuration, _ in configuration.outputCharset = .latin1 })
        #expect(written.bodies.map(Array.init) == [[0xE9, 0x3F]], "? for what the charset does not have")
    }

    /// FAIL gives what stands before, then the error with the offset; the others go on.
    @Test func bytesThatAreNoText() throws {
        let file = Array("good\nb".utf8) + [0xFF, 0xC3] + Array("d\nafter\n".utf8)
        func read(_ policy: TextInput.ErrorPolicy) throws -> [String] {
            try readAll(file, blocks: 64, line { $1.onError = policy }).bodies.map(\.text)
        }
        #expect(try read(.replace) == ["good", "b\u{FFFD}\u{FFFD}d", "after"])
        #expect(try read(.ignore) == ["good", "bd", "after"])
        let deserializer = line()(.start), block = Bytes(copying: file)
        let first = try deserializer.next(block, isEnd: true, upTo: .unlimited)
        #expect(first.count == 1 && deserializer.place.offset == 5)
        let rest = block[block.startIndex + 5..<block.endIndex]
        let error = #expect(throws: TailraceError.self) { try deserializer.next(rest, isEnd: true, upTo: .unlimited) }
        #expect(error?.code == "deserializer.charset")
        #expect(error?.message == "the line of 4 bytes at offset 5 is not UTF-8")
    }

    @Test func blobs() throws {
        func read(_ text: String, _ limit: Int) throws -> [String] {
            try readAll(Array(text.utf8), blocks: 4) { BlobDeserializer(limit, at: $0) }.bodies.map(\.text)
        }
        #expect(try read("a\nbc\n", 100) == ["a\nbc\n"])
        #expect(try read("abcdefg", 3) == ["abc", "def", "g"])
        #expect(try read("abc", 3) == ["abc"])
        #expect(try read("", 3) == [])
    }

    /// Any bytes, any block and batch size, beginning anew anywhere: the same events, which joined give the file again.
    @Test(arguments: 0..<60 as Range<UInt64>) func anyBytes(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let letters: [[UInt8]] = [[0x0A], [0x0D], [0x41], [0xC3, 0xA9], [0xF0, 0x9F, 0x98, 0x80], [0xFF], [0xE2, 0x98], [0]]
        let file = (0..<Int.random(in: 0..<200, using: &random)).flatMap { _ in letters.randomElement(using: &random)! }
        let limit = Int.random(in: 1..<12, using: &random)
        let make = line { configuration, input in
            configuration.maxLineLength = limit
            input.charset = .latin1
            configuration.outputCharset = .latin1
        }
        let whole = try readAll(file, blocks: 10_000, events: 1_000, make).bodies
        for _ in 0..<4 {
            let blocks = Int.random(in: 1..<40, using: &random), events = Int.random(in: 1..<5, using: &random)
            let pieces = try readAll(file, blocks: blocks, events: events, restarts: Bool.random(using: &random), make)
            #expect(pieces.bodies == whole)
            #expect(pieces.places.map(\.offset) == pieces.places.map(\.offset).sorted())
        }
        #expect(whole.allSatisfy { $0.count <= limit && !$0.contains(0x0A) })
        #expect(whole.flatMap { Array($0) } == file.filter { $0 != 0x0A })
        // In UTF-8 no byte is lost either, with REPLACE at most changed, and the limit holds in UTF-16 units.
        for policy in [TextInput.ErrorPolicy.replace, .ignore] {
            let text = try readAll(
                file, blocks: 16,
                line { configuration, input in
                    configuration.maxLineLength = max(2, limit)
                    input.onError = policy
                })
            #expect(text.bodies.allSatisfy { $0.text.utf16.count <= max(2, limit) })
        }
    }
}
