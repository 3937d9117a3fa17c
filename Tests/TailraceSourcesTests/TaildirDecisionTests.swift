import TailraceCore
import TailraceSources
import Testing

struct TaildirDecisionTests {
    private let place = FilePlace(offset: 100, head: 1, tail: 2)

    @Test func aFileGoesOnOnlyWithTheBytesThatWereRead() {
        #expect(FileDecision.check(place, size: 100, found: place) == .goOn)
        #expect(FileDecision.check(place, size: 500, found: place) == .goOn)
        #expect(FileDecision.check(place, size: 99, found: nil) == .shorter)
        #expect(FileDecision.check(place, size: 0, found: nil) == .shorter)
        #expect(FileDecision.check(place, size: 100, found: FilePlace(offset: 100, head: 1, tail: 3)) == .rewritten)
        #expect(FileDecision.check(place, size: 500, found: FilePlace(offset: 100, head: 0, tail: 2)) == .rewritten)
        #expect(FileDecision.check(.start, size: 0, found: .start) == .goOn)
    }

    private func entry(_ offset: Int64, device: UInt64 = 1, inode: UInt64 = 7, _ path: String = "/a", hash: UInt64 = 5)
        -> TaildirEntry
    {
        let place = offset == 0 ? .start : FilePlace(offset: offset, head: hash, tail: hash)
        return TaildirEntry(identity: FileIdentity(device: device, inode: inode), incarnation: 1, place: place, path: path)
    }
    private func choose(_ entries: [TaildirEntry], size: Int64 = 1000, path: String = "/a") -> Int? {
        FileDecision.choose(entries, identity: FileIdentity(device: 1, inode: 7), path: path, size: size) {
            FilePlace(offset: $0, head: 5, tail: 5)
        }
    }

    @Test func amongMemoriesOfAnInodeTheFurthestOneWithEvidenceIsTaken() {
        #expect(choose([]) == nil)
        #expect(choose([entry(100)]) == 0)
        #expect(choose([entry(100), entry(300), entry(200)]) == 1)
        #expect(choose([entry(100), entry(300, hash: 6), entry(200)]) == 2, "the furthest is another file's")
        #expect(choose([entry(100), entry(300)], size: 200) == 0, "too short for the furthest")
        #expect(choose([entry(300)], size: 200) == nil)
        #expect(choose([entry(0)], size: 0) == 0)
        #expect(choose([entry(0), entry(50, hash: 6)]) == 0)
        #expect(choose([entry(100, inode: 8)]) == nil)
        #expect(choose([entry(100, "/b")]) == 0, "renamed")
    }

    @Test func anotherDeviceNumberNeedsMuchEvidenceOrTheSamePath() {
        #expect(choose([entry(100, device: 2)]) == 0)
        #expect(choose([entry(100, device: 2, "/b")]) == nil)
        #expect(choose([entry(256, device: 2, "/b")]) == 0)
        #expect(choose([entry(0, device: 2, "/b")]) == nil)
    }

    @Test(arguments: [
        (Int64(0), "/a", Int64(10), UInt8(0x61), Int64(0), false),
        (3, "/a", 10, 0x61, 3, false),  // the same path: whatever stands before
        (10, "/a", 10, 0x0A, 10, false),
        (11, "/a", 10, 0x0A, 0, true),  // beyond the end
        (3, "/b", 10, 0x0A, 3, true),  // renamed
        (3, "/b", 10, 0x61, 0, true),  // another file with that inode
    ])
    func beginsByFlumesEntry(_ pos: Int64, _ path: String, _ size: Int64, _ before: UInt8, _ offset: Int64, _ isTold: Bool) {
        let begin = FileDecision.begin(FlumePosition(inode: 1, offset: pos, path: "/a"), path: path, size: size, before: before)
        #expect(begin.offset == offset)
        #expect((begin.note != nil) == isTold)
    }

    @Test func configurationMistakesAreTold() throws {
        var configuration = TaildirSourceConfiguration()
        configuration.fileGroups = ["a", "b", "c", "d"]
        configuration.paths = ["a": "/var/log/.*", "b": "relative/.*", "c": "/var/log/[a-z&&[^b]]", "e": "/x/y"]
        configuration.headers = ["f": [Header("k", "v")]]
        let problems = configuration.problems()
        #expect(problems.map(\.key) == ["filegroups.b", "filegroups.c", "filegroups.d", "filegroups.e", "headers.f"])
        #expect(problems.map(\.severity) == [.error, .error, .error, .warning, .warning])
        #expect(problems[1].message.contains("at offset 4: && is the intersection"))
        #expect(problems.allSatisfy { $0.fix != nil })
    }

    @Test(arguments: [("/var/log/a.*", "/var/log"), ("/a", "/"), ("//var//log/x", "/var/log")])
    func aGroupIsADirectoryAndAPatternForTheWholeName(_ path: String, _ directory: String) throws {
        #expect(try FileGroup(name: "g", path: path, headers: []).directory == directory)
    }
}
