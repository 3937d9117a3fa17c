import TailraceConfiguration
import TailraceCore
import TailraceSerializers
import Testing

@testable import TailraceSources

struct SpoolConfigurationTests {
    private func parse(
        _ lines: [String: String]
    ) -> (configuration: SpoolDirectorySourceConfiguration, problems: [ConfigurationProblem]) {
        var problems: [ConfigurationProblem] = []
        let all = ["spoolDir": "/spool"].merging(lines) { $1 }
        let entries = all.sorted { $0.key < $1.key }.map { ConfigurationEntry(key: $0.key, value: $0.value) }
        return (SpoolDirectorySource.declaration.parse(entries, prefix: "a.sources.r", &problems), problems)
    }

    @Test func everyKey() throws {
        let (made, problems) = parse([
            "spoolDir": "/var/spool/flume/", "fileSuffix": ".DONE", "deletePolicy": "IMMEDIATE", "fileHeader": "true",
            "fileHeaderKey": "f", "basenameHeader": "true", "basenameHeaderKey": "b", "includePattern": "a.*",
            "ignorePattern": "b.*", "trackerDir": "t", "trackingPolicy": "rename", "consumeOrder": "youngest",
            "pollDelay": "7", "recursiveDirectorySearch": "true", "batchSize": "5", "inputCharset": "latin1",
            "decodeErrorPolicy": "replace", "deserializer": "line", "deserializer.maxLineLength": "99",
        ])
        #expect(problems == [])
        #expect(made.spoolPath == "/var/spool/flume" && made.trackerPath == "/var/spool/flume/t")
        #expect(made.fileSuffix == ".DONE" && made.deletePolicy == .immediate && made.trackingPolicy == .rename)
        #expect(made.fileHeader && made.fileHeaderKey == "f" && made.basenameHeader && made.basenameHeaderKey == "b")
        #expect(made.includePattern == "a.*" && made.ignorePattern == "b.*" && made.consumeOrder == .youngest)
        #expect(made.pollDelayMilliseconds == 7 && made.recursiveDirectorySearch && made.batchSize == 5)
        #expect(made.input.charset == .latin1 && made.input.onError == .replace)
        let line = try made.deserializerConfiguration() as? LineDeserializerConfiguration
        #expect(line?.maxLineLength == 99)
    }

    @Test func theManualSaysWhatIsPromised() throws {
        var catalogue = Catalogue()
        catalogue.add(source: SpoolDirectorySource.self)
        let manual = try #require(catalogue.manual(of: "spooldir"))
        for text in ["nothing is read twice after a crash", "An empty file is one event", "maxLineLength", "maxBackoff"] {
            #expect(manual.contains(text), "\(text)")
        }
    }

    @Test func oldAndIgnoredKeys() throws {
        let (made, problems) = parse(["bufferMaxLineLength": "77", "bufferMaxLines": "10", "maxBackoff": "4000"])
        #expect(problems.count == 3 && problems.allSatisfy { $0.severity == .note }, "\(problems)")
        let line = try made.deserializerConfiguration() as? LineDeserializerConfiguration
        #expect(line?.maxLineLength == 77)
        let blob = parse(["deserializer": "org.apache.flume.sink.solr.morphline.BlobDeserializer$Builder"])
        #expect(blob.problems == [] && blob.configuration.deserializer.type == "blob")
    }

    @Test(arguments: [
        (["inputCharset": "Shift_JIS"], "iconv -f Shift_JIS -t UTF-8"),
        (["deletePolicy": "immediate", "trackingPolicy": "tracker_dir"], "set deletePolicy = never"),
        (["includePattern": "("], "pattern"), (["fileSuffix": "a/b"], "without /"), (["consumeOrder": "newest"], "youngest"),
        (["deletePolicy": "later"], "never, immediate"), (["deserializer": "LINES"], "line"),
        (["batchSize": "0"], "1 to"), (["spoolDirr": "/x"], "did you mean"),
        (["decodeErrorPolicy": "SKIP"], "FAIL, REPLACE"),
    ])
    func mistakes(lines: [String: String], text: String) {
        let errors = parse(lines).problems.filter { $0.severity == .error }
        #expect(errors.contains { "\($0.message) \($0.fix ?? "") \($0.code)".contains(text) }, "\(errors)")
    }

    @Test func positionsAreOrderedAndComeBack() {
        var random = SeededRandom(seed: 5), last: SourcePosition?
        for offset in 0..<200 {
            let entry = SpoolEntry(
                incarnation: random.next(), inode: random.next(), size: Int64(offset) * 3,
                modified: WallTime(milliseconds: offset % 2 == 0 ? -5 : 1_767_225_600_000),
                place: FilePlace(offset: Int64(offset), head: random.next(), tail: random.next()), skip: offset % 3,
                path: "/spool/\(offset) ü\n")
            #expect(SpoolEntry(key: entry.key, position: entry.position) == entry)
            if let last { #expect(last < entry.position) }
            last = entry.position
        }
    }

    /// Whatever stands in the state file, it is read as it was written or refused.
    @Test(arguments: UInt64(0)..<50) func damagedStateIsRefused(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let entries = (0..<Int.random(in: 0...4, using: &random)).map { number in
            SpoolEntry(
                incarnation: random.next(), inode: 5, size: 10, modified: WallTime(milliseconds: 3), path: "/a\(number)")
        }
        let good = SpoolStateFile.encode(entries)
        #expect(try SpoolStateFile.decode(good) == entries)
        var bad = Array(good)
        switch seed % 3 {
        case 0: bad.removeLast(Int.random(in: 1...bad.count, using: &random))
        case 1: bad[Int.random(in: 0..<bad.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
        default: bad = (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        #expect(throws: TailraceError.self) { try SpoolStateFile.decode(Bytes(copying: bad)) }
    }
}
