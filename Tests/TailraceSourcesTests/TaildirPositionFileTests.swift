import TailraceCore
import TailraceSources
import Testing

struct TaildirPositionFileTests {
    // MARK: Flume's

    @Test func readsWhatFlumeWrites() {
        let text =
            #"[{"inode":11386929,"pos":15,"file":"DIR/logs/app.log.2"},{"inode":11387265,"pos":3,"file":"DIR/logs/app.log.1"}]"#
        let (positions, problems) = FlumePositionFile.decode(Bytes(text))
        #expect(positions.map(\.inode) == [11_386_929, 11_387_265])
        #expect(positions.map(\.offset) == [15, 3])
        #expect(positions[0].path == "DIR/logs/app.log.2")
        #expect(problems.isEmpty)
    }

    @Test func takesMembersInAnyOrderBlanksAndEscapes() {
        let text =
            "\n [ { \"file\" : \"\\/a\\u003db\\\"\\ud83d\\ude00\", \"more\": true, \"x\":\"y\", \"pos\":0 , \"inode\":1 } ] \n"
        let (positions, problems) = FlumePositionFile.decode(Bytes(text))
        #expect(positions == [FlumePosition(inode: 1, offset: 0, path: "/a=b\"😀")])
        #expect(problems.isEmpty)
    }

    @Test func writesWhatItReads() {
        let positions = [
            FlumePosition(inode: .max, offset: .max, path: "/ö/\"a\\b\"\n\u{1}"), FlumePosition(inode: 1, offset: 0, path: ""),
        ]
        #expect(FlumePositionFile.encode([]).text == "[]")
        #expect(
            FlumePositionFile.encode([FlumePosition(inode: 7, offset: 53, path: "/l/a")]).text
                == #"[{"inode":7,"pos":53,"file":"/l/a"}]"#)
        #expect(FlumePositionFile.decode(FlumePositionFile.encode(positions)).positions == positions)
    }

    @Test(arguments: [
        ("", "it is empty; 0 entries"), ("hello", "[ is missing at byte 0 of 5"), ("[", "{ is missing at byte 1 of 1"),
        ("{}", "[ is missing"), ("[] x", "something stands behind"), (#"[{"inode":1.5}]"#, "a whole number is missing"),
        (#"[{"inode":1,"pos":2,"file":"a"},{"ino"#, "a text does not end at byte 37 of 37; 1 entries before it are used"),
        (#"[{"inode":1,"pos":2,"file":"a"}"#, "a comma or ] is missing"), (#"[{"x":[1]}]"#, "a value is missing"),
        (#"[{"inode":1,"pos":-4,"file":"a"}]"#, "pos -4 of a is not possible"),
        (#"[{"inode":-1,"pos":4,"file":"a"}]"#, "inode -1 of a is not possible"),
        (#"[{"inode":1,"pos":9223372036854775808,"file":"a"}]"#, "pos 9223372036854775808 of a is not possible"),
        (#"[{"inode":99999999999999999999,"pos":1,"file":"a"}]"#, "inode 99999999999999999999 of a is not possible"),
        (#"[{"inode":1,"pos":1}]"#, "the entry at byte 1 lacks inode, pos or file"),
        (#"[{"file":"\q"}]"#, "an escape is not known"),
    ])
    func damageIsTold(_ text: String, _ message: String) {
        let problems = FlumePositionFile.decode(Bytes(text)).problems
        #expect(problems.count == 1)
        #expect(problems.first?.contains(message) == true, "\(problems)")
    }

    @Test func entriesBeforeACutAreUsed() {
        let whole = FlumePositionFile.encode((1...9).map { FlumePosition(inode: UInt64($0), offset: 5, path: "/log/\($0)") })
        for count in 0..<whole.count {
            let (positions, problems) = FlumePositionFile.decode(Bytes(copying: whole.prefix(count)))
            #expect(problems.count == 1)
            #expect(positions.map(\.inode) == (0..<positions.count).map { UInt64($0 + 1) })
        }
    }

    @Test(arguments: 0..<20) func garbageNeverCrashes(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let whole = Array(#"[{"inode":12,"pos":-3,"file":"a\u00e4"},{"x":null,"inode":1,"pos":1,"file":"b"}]"#.utf8)
        for _ in 0..<500 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert(whole.randomElement(using: &random)!, at: index)
                }
            }
            for position in FlumePositionFile.decode(Bytes(copying: bytes)).positions { #expect(position.offset >= 0) }
        }
    }

    // MARK: Our own

    private let entries = [
        TaildirEntry(
            identity: FileIdentity(device: 2049, inode: 7), incarnation: .max,
            place: FilePlace(offset: 53, head: 1, tail: .max),
            path: "/log/a b%\n.log"),
        TaildirEntry(
            identity: FileIdentity(device: 0, inode: .max), incarnation: 0, place: .start, path: "", isFinished: true),
    ]

    @Test func ourStateIsReadAsItWasWritten() throws {
        #expect(try TaildirStateFile.decode(TaildirStateFile.encode(entries)) == entries)
        #expect(try TaildirStateFile.decode(TaildirStateFile.encode([])) == [])
        let lines = TaildirStateFile.encode(entries).text.split(separator: "\n")
        #expect(lines[0] == "tailrace taildir 1")
        #expect(lines[1] == "2049 7 ffffffffffffffff 53 1 ffffffffffffffff - /log/a b%25%0a.log")
    }

    @Test func aPositionIsReadAsItWasWrittenAndOrderedByOffset() {
        var entry = entries[0]
        #expect(TaildirEntry(key: TaildirEntry.key(entry.incarnation), position: entry.position) == entry)
        let before = entry.position
        entry.place.offset = 256
        entry.identity.device = 0
        #expect(before < entry.position)
        #expect(TaildirEntry(key: "x", position: before) == nil)
        #expect(TaildirEntry(key: "1", position: SourcePosition(bytes: Array(before.bytes.prefix(39)))) == nil)
        #expect(TaildirEntry(key: "1", position: SourcePosition(bytes: [UInt8](repeating: 255, count: 40))) == nil)
    }

    @Test func eachCutAndEachChangedByteIsNoticed() {
        let whole = Array(TaildirStateFile.encode(entries))
        for count in 0..<whole.count {
            #expect(throws: TailraceError.self) { try TaildirStateFile.decode(Bytes(copying: whole.prefix(count))) }
        }
        for index in whole.indices {
            var bytes = whole
            bytes[index] ^= 0x01
            let decoded = try? TaildirStateFile.decode(Bytes(copying: bytes))
            #expect(decoded == nil, "byte \(index)")
        }
    }

    @Test func damageIsExplained() {
        let error = #expect(throws: TailraceError.self) { try TaildirStateFile.decode(Bytes("tailrace taildir 1\n1 2")) }
        #expect(error?.code == "taildir.state-damaged")
        #expect(error?.message == "the state file is damaged: it does not end with a line end")
        #expect(error?.fix != nil)
    }
}
