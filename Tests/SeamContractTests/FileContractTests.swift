import TailraceCore
import Testing

/// Up to `count` bytes at `offset`, by as many reads as it takes.
func read(_ file: any ReadableFile, at offset: Int64, _ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try withUnsafeTemporaryAllocation(byteCount: max(count, 1), alignment: 8) { space in
        while bytes.count < count {
            let part = UnsafeMutableRawBufferPointer(rebasing: space.prefix(count - bytes.count))
            let read = try file.read(at: offset + Int64(bytes.count), into: part)
            if read == 0 { return }
            bytes.append(contentsOf: part.prefix(read))
        }
    }
    return bytes
}
func text(_ file: any ReadableFile) throws -> String { String(decoding: try read(file, at: 0, 100_000), as: UTF8.self) }

@Suite struct FileContractTests {
    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch let error as TailraceError { return error.code } catch { return "\(error)" }
    }

    /// "The number of bytes read into the front of `space`; 0 at the end."
    @Test(arguments: Seams.allCases) func readsAtAnOffsetAndWhatIsAppendedLater(_ seams: Seams) throws {
        let fixture = try seams.make(), path = fixture.directory + "/a.log"
        defer { fixture.end() }
        try fixture.others.write(path, "first\nsecond\n")
        let file = try fixture.environment.files.open(path)
        #expect(try read(file, at: 6, 6) == Array("second".utf8))
        #expect(try read(file, at: 13, 10).isEmpty)
        #expect(try read(file, at: 1000, 10).isEmpty)
        try fixture.others.append(path, "third\n")
        #expect(try read(file, at: 13, 100) == Array("third\n".utf8))
        let information = try file.information()
        #expect(information.name == "a.log" && information.kind == .file && information.size == 19 && information.links == 1)
        file.close()
    }

    /// "0 when it was deleted and lives by its descriptor only"
    @Test(arguments: Seams.allCases) func aDeletedFileIsReadByItsDescriptor(_ seams: Seams) throws {
        let fixture = try seams.make(), path = fixture.directory + "/a.log"
        defer { fixture.end() }
        try fixture.others.write(path, "kept")
        let file = try fixture.environment.files.open(path)
        try fixture.others.remove(path)
        #expect(try text(file) == "kept")
        #expect(try file.information().links == 0)
        #expect(code { _ = try fixture.environment.files.open(path) } == "file.missing")
        #expect(code { _ = try fixture.environment.files.information(path) } == "file.missing")
        file.close()
    }

    @Test(arguments: Seams.allCases) func aRenamedFileKeepsItsIdentityAndANewOneHasAnother(_ seams: Seams) throws {
        let fixture = try seams.make(), path = fixture.directory + "/a.log", files = fixture.environment.files
        defer { fixture.end() }
        try fixture.others.write(path, "old")
        let file = try files.open(path), identity = try file.information().identity
        try fixture.others.rename(path, to: path + ".1")
        try fixture.others.write(path, "new")
        #expect(try files.information(path + ".1").identity == identity)
        #expect(try files.information(path).identity != identity)
        #expect(try text(file) == "old")
        try fixture.others.truncate(path + ".1", to: 1)
        #expect(try text(file) == "o" && file.information().size == 1)
        file.close()
    }

    /// "anything but a regular file is refused (`file.kind`)", "without waiting for a pipe's writer"
    @Test(arguments: Seams.allCases) func onlyRegularFilesAreOpened(_ seams: Seams) throws {
        let fixture = try seams.make(), directory = fixture.directory
        defer { fixture.end() }
        try fixture.others.makeFifo(directory + "/pipe")
        try fixture.others.makeDirectory(directory + "/sub")
        #expect(code { _ = try fixture.environment.files.open(directory + "/pipe") } == "file.kind")
        #expect(code { _ = try fixture.environment.files.open(directory + "/sub") } == "file.kind")
        #expect(code { _ = try fixture.environment.files.open(directory + "/nothing") } == "file.missing")
        #expect(code { _ = try fixture.environment.files.scan(directory + "/nothing") } == "file.missing")
        #expect(code { _ = try fixture.environment.files.watch(directory + "/nothing") { _ in } } == "file.missing")
    }

    /// "following symbolic links"; "a symbolic link is a `link`" in a scan
    @Test(arguments: Seams.allCases) func linksAreFollowedAndScansTellThemApart(_ seams: Seams) throws {
        let fixture = try seams.make(), directory = fixture.directory, files = fixture.environment.files
        defer { fixture.end() }
        try fixture.others.write(directory + "/real", "content")
        try fixture.others.symlink(directory + "/soft", to: "real")
        try fixture.others.symlink(directory + "/dangling", to: "nowhere")
        try fixture.others.link(directory + "/real", directory + "/hard")
        try fixture.others.makeDirectory(directory + "/sub")
        try fixture.others.makeFifo(directory + "/pipe")
        let identity = try files.information(directory + "/real").identity
        #expect(try text(files.open(directory + "/soft")) == "content")
        #expect(try files.information(directory + "/soft").identity == identity)
        #expect(code { _ = try files.open(directory + "/dangling") } == "file.missing")

        let scan = try files.scan(directory)
        var found: [FileInformation] = []
        while case let some = try scan.next(2), !some.isEmpty {
            #expect(some.count <= 2)
            found += some
        }
        let kinds = Dictionary(uniqueKeysWithValues: found.map { ($0.name, $0.kind) })
        #expect(
            kinds == ["real": .file, "hard": .file, "soft": .link, "dangling": .link, "sub": .directory, "pipe": .other])
        #expect(found.filter { $0.identity == identity }.map(\.links) == [2, 2])
    }

    /// "names of entries that were made, renamed, removed or written to"
    @Test(arguments: Seams.allCases) func aWatchTellsNames(_ seams: Seams) throws {
        let fixture = try seams.make(), directory = fixture.directory, others = fixture.others
        defer { fixture.end() }
        try others.write(directory + "/before", "x")
        var names: Set<String> = []
        let watch = try fixture.environment.files.watch(directory) { names.formUnion($0 ?? ["(lost)"]) }
        fixture.settle()
        #expect(names.isEmpty, "says nothing about what was there before")

        func expect(_ wanted: Set<String>, _ change: () throws -> Void) throws {
            names = []
            try change()
            #expect(names.isEmpty, "told within the call")
            #expect(fixture.run { !names.isSuperset(of: wanted) })
            fixture.settle()
            #expect(names == wanted)
        }
        try expect(["made"]) { try others.write(directory + "/made", "") }
        try expect(["before"]) { try others.append(directory + "/before", "more") }
        try expect(["before", "after"]) { try others.rename(directory + "/before", to: directory + "/after") }
        try expect(["after"]) { try others.truncate(directory + "/after", to: 0) }
        try expect(["made"]) { try others.remove(directory + "/made") }
        try expect(["sub"]) { try others.makeDirectory(directory + "/sub") }
        try expect(["pulled"]) {
            try others.write(directory + "/sub/inside", "x")
            try others.rename(directory + "/sub/inside", to: directory + "/pulled")
        }
        watch.cancel()
        names = []
        try others.write(directory + "/late", "x")
        fixture.settle()
        #expect(names.isEmpty, "told after cancel")
    }
}
