import Glibc
import TailraceCore
import Testing

@testable import TailraceIO

@Suite struct FileTests {
    private func read(_ file: any ReadableFile, at offset: Int64 = 0, count: Int = 4096) throws -> String {
        let space = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        defer { space.deallocate() }
        let read = try file.read(at: offset, into: space)
        return String(decoding: space[0..<read], as: UTF8.self)
    }

    @Test func aFileIsReadAtAnyPlaceAndLivesByItsDescriptor() throws {
        let files = LocalFileSystem(try EpollLoop())
        let directory = try TemporaryDirectory()
        put("one\ntwo\n", at: directory.file("log"))
        let file = try files.open(directory.file("log"))
        #expect(try read(file, at: 4) == "two\n")
        #expect(try read(file, at: 8).isEmpty)
        let before = try file.information()
        #expect(before.name == "log" && before.kind == .file && before.size == 8 && before.links == 1)
        #expect(try files.information(directory.file("log")) == before)
        #expect(abs(before.modified.milliseconds - SystemClock.wallTime().milliseconds) < 60_000)
        unlink(directory.file("log"))
        #expect(try file.information().links == 0)
        #expect(try read(file) == "one\ntwo\n")
        file.close()
        file.close()
        let error = #expect(throws: TailraceError.self) { try file.information() }
        #expect(error?.code == "file.closed")
    }

    /// Opening a FIFO for reading waits for a writer, unless one takes care.
    @Test(.timeLimit(.minutes(1))) func onlyRegularFilesAreOpenedAndNoneBlocks() throws {
        let files = LocalFileSystem(try EpollLoop())
        let directory = try TemporaryDirectory()
        try #require(mkfifo(directory.file("fifo"), 0o600) == 0)
        let socketPath = directory.file("socket")
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        let address = try SocketAddress(path: socketPath)
        try #require(address.withAddress { bind(descriptor, $0, $1) } == 0)
        symlink("loop", directory.file("loop"))
        for path in [directory.file("fifo"), socketPath, directory.path, "/dev/null", directory.file("loop")] {
            let error = #expect(throws: TailraceError.self) { try files.open(path) }
            #expect(error?.code == "file.kind", "\(path): \(String(describing: error))")
        }
        let missing = #expect(throws: TailraceError.self) { try files.open(directory.file("none")) }
        #expect(missing?.code == "file.missing")
        #expect(missing?.message == "cannot open \(directory.file("none")): No such file or directory")
        #expect(#expect(throws: TailraceError.self) { try files.information(directory.file("none")) }?.code == "file.missing")
        #expect(#expect(throws: TailraceError.self) { try files.scan(directory.file("none")) }?.code == "file.missing")
        put("x", at: directory.file("real"))
        symlink("real", directory.file("link"))
        #expect(try read(files.open(directory.file("link"))) == "x")
    }

    @Test func aScanGivesEachEntryOnce() throws {
        let files = LocalFileSystem(try EpollLoop())
        let directory = try TemporaryDirectory()
        for index in 0..<25 { put("\(index)", at: directory.file("file\(index)")) }
        mkdir(directory.file("sub"), 0o755)
        symlink("file0", directory.file("link"))
        let scan = try files.scan(directory.path)
        var kinds: [String: FileKind] = [:]
        while true {
            let part = try scan.next(10)
            #expect(part.count <= 10)
            if part.isEmpty { break }
            for entry in part {
                #expect(kinds[entry.name] == nil)
                kinds[entry.name] = entry.kind
            }
        }
        #expect(kinds.count == 27)
        #expect(kinds["file24"] == .file && kinds["sub"] == .directory && kinds["link"] == .link)
        #expect(try scan.next(10).isEmpty)
    }
}

@Suite struct DirectoryWatchTests {
    private func watch(_ files: LocalFileSystem, _ path: String) throws -> (Note<[String]?>, any Cancellable) {
        let note = Note<[String]?>()
        return (note, try files.watch(path) { note.values.append($0) })
    }
    private func names(_ note: Note<[String]?>) -> Set<String> { Set(note.values.compactMap { $0 }.joined()) }

    @Test func changesAreNamedOnceATurn() throws {
        let loop = try EpollLoop()
        let files = LocalFileSystem(loop)
        let directory = try TemporaryDirectory()
        put("x", at: directory.file("old"))
        let (note, watch) = try watch(files, directory.path)
        loop.turn(waitingAtMost: .milliseconds(1))
        #expect(note.values.isEmpty)
        put("x", at: directory.file("new"))
        put("y", at: directory.file("old"), flags: O_APPEND)
        put("z", at: directory.file("old"), flags: O_APPEND)
        loop.run(until: { !note.values.isEmpty })
        #expect(note.values == [["new", "old"]])
        rename(directory.file("new"), directory.file("renamed"))
        unlink(directory.file("old"))
        loop.run(until: { names(note) == ["new", "old", "renamed"] })
        watch.cancel()
        watch.cancel()
        put("x", at: directory.file("later"))
        loop.turn(waitingAtMost: .milliseconds(5))
        #expect(!names(note).contains("later"))
    }

    @Test func oftenChangedIsToldOnceAMillisecond() throws {
        let loop = try EpollLoop()
        let files = LocalFileSystem(loop)
        let directory = try TemporaryDirectory()
        let (note, watch) = try watch(files, directory.path)
        loop.turn(waitingAtMost: .zero)
        let start = loop.now
        for index in 0..<500 {
            put("x", at: directory.file("log\(index % 3)"), flags: O_CREAT | O_APPEND)
            loop.turn(waitingAtMost: .zero)
        }
        put("x", at: directory.file("last"))
        loop.run(until: { names(note).contains("last") })
        let milliseconds = (loop.now - start).milliseconds
        #expect(note.values.count <= milliseconds + 2)
        #expect(names(note) == ["log0", "log1", "log2", "last"])
        watch.cancel()
    }

    @Test func twoWatchesOfOneDirectory() throws {
        let loop = try EpollLoop()
        let files = LocalFileSystem(loop)
        let directory = try TemporaryDirectory()
        let (first, firstWatch) = try watch(files, directory.path)
        let (second, secondWatch) = try watch(files, directory.path + "/.")
        put("x", at: directory.file("a"))
        loop.run(until: { names(first) == ["a"] && names(second) == ["a"] })
        firstWatch.cancel()
        put("x", at: directory.file("b"))
        loop.run(until: { names(second) == ["a", "b"] })
        #expect(names(first) == ["a"])
        secondWatch.cancel()
    }

    @Test func lostChangesAreToldAsNil() throws {
        let loop = try EpollLoop()
        let watcher = try DirectoryWatcher(loop)
        let directory = try TemporaryDirectory()
        let note = Note<[String]?>()
        let watch = try watcher.watch(directory.path) { note.values.append($0) }
        // Watch number -1, IN_Q_OVERFLOW, no cookie, no name.
        let overflow: [UInt32] = [.max, UInt32(IN_Q_OVERFLOW), 0, 0]
        overflow.withUnsafeBytes { watcher.note($0) }
        watcher.tell()
        #expect(note.values == [nil])
        watch.cancel()
    }

    @Test func aDirectoryThatComesBackIsWatchedAgain() throws {
        let loop = try EpollLoop()
        let files = LocalFileSystem(loop)
        let directory = try TemporaryDirectory()
        let path = directory.file("logs")
        mkdir(path, 0o755)
        let (note, watch) = try watch(files, path)
        rename(path, directory.file("gone"))
        mkdir(path, 0o755)
        loop.run(until: { note.values.contains(nil) })
        let lost = note.values.count
        loop.run(until: { note.values.count > lost })  // a directory is there again: scan
        put("x", at: path + "/new")
        loop.run(until: { names(note).contains("new") })
        rmdir(directory.file("gone"))
        watch.cancel()
    }

    @Test func aDirectoryThatIsMissing() throws {
        let files = LocalFileSystem(try EpollLoop())
        let directory = try TemporaryDirectory()
        let error = #expect(throws: TailraceError.self) { try watch(files, directory.file("none")) }
        #expect(error?.code == "file.missing")
    }

    @Test func manyNamesAreTooMany() {
        var changes = ChangedNames()
        for index in 0..<ChangedNames.limit { changes.insert("\(index)") }
        changes.insert("0")
        #expect(changes.take()?.count == ChangedNames.limit)
        for index in 0...ChangedNames.limit { changes.insert("\(index)") }
        #expect(changes.take() == nil)
        #expect(changes.isEmpty)
    }

    /// What the kernel gives is trusted no further than its length.
    @Test(arguments: (0..<20).map { UInt64($0) }) func garbageEventsStayInBounds(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            let bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            var count = 0
            bytes.withUnsafeBytes { forEachEvent($0) { _, _, _ in count += 1 } }
            #expect(count <= bytes.count / 16)
        }
    }
}
