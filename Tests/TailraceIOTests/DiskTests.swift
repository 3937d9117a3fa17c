import Glibc
import TailraceCore
import Testing

@testable import TailraceIO

@Suite struct DiskTests {
    /// Runs the loop until the call has answered.
    private func wait<Value>(
        _ loop: EpollLoop, _ call: (@escaping (Result<Value, TailraceError>) -> Void) -> Void
    ) throws(TailraceError) -> Value {
        let results = Note<Result<Value, TailraceError>>()
        call { results.values.append($0) }
        #expect(results.values.isEmpty, "an answer comes in a later turn")
        loop.run(until: { !results.values.isEmpty })
        #expect(results.values.count == 1)
        return try results.values[0].get()
    }
    private func failure<Value>(_ loop: EpollLoop, _ call: (@escaping (Result<Value, TailraceError>) -> Void) -> Void)
        -> TailraceError?
    {
        do throws(TailraceError) {
            _ = try wait(loop, call)
            return nil
        } catch {
            return error
        }
    }

    @Test func aFileIsWrittenReadCutAndRenamed() throws {
        let loop = try EpollLoop()
        let directory = try TemporaryDirectory()
        let disk = try LocalFileSystem(loop).disk(directory.file("a/b/c"))
        #expect(disk.directory == directory.file("a/b/c"))
        let file: any File = try wait(loop) { disk.open("data", preallocating: 0, $0) }
        try wait(loop) { file.append([Bytes("hello "), Bytes(), Bytes("world")], at: 0, sync: true, $0) }
        try wait(loop) { file.append([Bytes("!")], at: 11, sync: false, $0) }
        #expect(contents(directory.file("a/b/c/data")) == "hello world!")
        let part = try wait(loop) { file.read(at: 6, count: 5, $0) }
        #expect(part.text == "world")
        let rest = try wait(loop) { file.read(at: 6, count: 500, $0) }
        #expect(rest.text == "world!")
        try wait(loop) { file.truncate(to: 5, $0) }
        #expect(try file.information().size == 5)
        #expect(try file.information().name == "data")
        file.close()
        try wait(loop) { disk.rename("data", to: "other", $0) }
        try wait(loop) { disk.sync($0) }
        let again: any File = try wait(loop) { disk.open("other", preallocating: 0, $0) }
        #expect(try wait(loop) { again.read(at: 0, count: 10, $0) }.text == "hello")
        try wait(loop) { disk.remove("other", $0) }
        #expect(contents(directory.file("a/b/c/other")) == nil)
        #expect(try again.information().links == 0)
    }

    @Test func aGroupOfManyPiecesIsWrittenWhole() throws {
        let loop = try EpollLoop()
        let directory = try TemporaryDirectory()
        let disk = try LocalFileSystem(loop).disk(directory.path)
        let file: any File = try wait(loop) { disk.open("many", preallocating: 1 << 20, $0) }
        #expect(try file.information().size == 1 << 20)
        let pieces = (0..<3000).map { Bytes("piece \($0)\n") }
        try wait(loop) { file.append(pieces, at: 100, sync: true, $0) }
        let whole = pieces.map(\.text).joined()
        #expect(try wait(loop) { file.read(at: 100, count: whole.utf8.count, $0) }.text == whole)
        #expect(try file.information().size == 1 << 20)
    }

    @Test func answersComeInTheOrderOfTheCalls() throws {
        let loop = try EpollLoop()
        let directory = try TemporaryDirectory()
        let disk = try LocalFileSystem(loop).disk(directory.path)
        let file: any File = try wait(loop) { disk.open("f", preallocating: 0, $0) }
        let order = Note<Int>()
        for index in 0..<100 {
            file.append([Bytes("\(index % 10)")], at: Int64(index), sync: index % 25 == 0) { _ in order.values.append(index) }
        }
        disk.rename("f", to: "g") { _ in order.values.append(100) }
        loop.run(until: { order.values.count == 101 })
        #expect(order.values == Array(0...100))
        #expect(contents(directory.file("g"))?.count == 100)
    }

    @Test func replacingLeavesTheOldOrTheNewContent() throws {
        let loop = try EpollLoop()
        let directory = try TemporaryDirectory()
        let disk = try LocalFileSystem(loop).disk(directory.path)
        try wait(loop) { disk.replace("state", with: Bytes("one"), $0) }
        try wait(loop) { disk.replace("state", with: Bytes("2"), $0) }
        #expect(contents(directory.file("state")) == "2")
        #expect(contents(directory.file(".state.new")) == nil)
        mkdir(directory.file("taken"), 0o755)
        let error = failure(loop) { disk.replace("taken", with: Bytes("x"), $0) }
        #expect(error?.message.hasPrefix("cannot rename \(directory.path)/.taken.new to taken") == true)
        #expect(contents(directory.file(".taken.new")) == nil)
    }

    @Test func whatIsMissingOrWrongIsSaid() throws {
        let loop = try EpollLoop()
        let directory = try TemporaryDirectory()
        let disk = try LocalFileSystem(loop).disk(directory.path)
        #expect(failure(loop) { disk.remove("none", $0) }?.code == "file.missing")
        #expect(failure(loop) { disk.rename("none", to: "some", $0) }?.code == "file.missing")
        mkfifo(directory.file("fifo"), 0o600)
        #expect(failure(loop) { disk.open("fifo", preallocating: 0, $0) }?.code == "file.kind")
        put("x", at: directory.file("file"))
        let error = #expect(throws: TailraceError.self) { try LocalFileSystem(loop).disk(directory.file("file/sub")) }
        #expect(error?.code == "file.missing" || error?.code == "file.failed", "\(String(describing: error))")
    }

    @Test func noSpaceForAFileIsSaidAndLeavesNoFile() throws {
        let loop = try EpollLoop()
        let directory = try TemporaryDirectory()
        let disk = try LocalFileSystem(loop).disk(directory.path)
        #expect(try disk.freeBytes() > 0)
        let error = try #require(failure(loop) { disk.open("huge", preallocating: 1 << 50, $0) })
        #expect(["disk.full", "file.failed"].contains(error.code), "\(error)")
        #expect(error.message.hasPrefix("cannot reserve 1125899906842624 bytes for \(directory.path)/huge: "))
        #expect(contents(directory.file("huge")) == nil)
    }

    @Test func completionsComeAlsoWhenTheDiskIsLetGo() throws {
        let loop = try EpollLoop()
        let directory = try TemporaryDirectory()
        var disk: (any Disk)? = try LocalFileSystem(loop).disk(directory.path)
        let done = Note<Bool>()
        for index in 0..<10 {
            disk!.replace("f\(index)", with: Bytes("x")) {
                if case .success = $0 { done.values.append(true) }
            }
        }
        disk = nil
        loop.run(until: { done.values.count == 10 })
    }

    @Test func aSecondLockIsRefusedWithTheOwner() throws {
        let loop = try EpollLoop()
        let directory = try TemporaryDirectory()
        let files = LocalFileSystem(loop)
        let disk = try files.disk(directory.path)
        let lock = try disk.lock()
        let error = #expect(throws: TailraceError.self) { try files.disk(directory.path + "/.").lock() }
        #expect(error?.code == "disk.locked")
        #expect(error?.message == "the directory \(directory.path) is in use by this process")
        lock.release()
        lock.release()
        // As another process would: by the kernel's lock alone.
        let raw = open(directory.file(".lock"), O_RDWR)
        defer { close(raw) }
        put("4711\n", at: directory.file(".lock"))
        try #require(flock(raw, LOCK_EX | LOCK_NB) == 0)
        let foreign = #expect(throws: TailraceError.self) { try disk.lock() }
        #expect(foreign?.message == "the directory \(directory.path) is in use by process 4711")
        flock(raw, LOCK_UN)
        let third = try disk.lock()
        #expect(contents(directory.file(".lock")) == "\(getpid())\n")
        third.release()
    }

    @Test func readsDoNotWaitBehindWrites() throws {
        let loop = try EpollLoop()
        let directory = try TemporaryDirectory()
        let gate = BlockingQueue<Int>()
        let threads = DiskThreads(loop, try OpenDirectory(directory.path)) { request, directory in
            if case .syncDirectory = request { _ = gate.takeAll() }
            return request.perform(in: directory)
        }
        let disk = LocalDisk(directory.path, threads)
        let file: any File = try wait(loop) { disk.open("f", preallocating: 0, $0) }
        try wait(loop) { file.append([Bytes("head")], at: 0, sync: true, $0) }
        let order = Note<String>()
        disk.sync { _ in order.values.append("sync") }
        file.append([Bytes("more")], at: 4, sync: true) { _ in order.values.append("write") }
        let head = try wait(loop) { file.read(at: 0, count: 4, $0) }
        #expect(head.text == "head")
        #expect(order.values.isEmpty)
        gate.finish()
        loop.run(until: { order.values == ["sync", "write"] })
    }

    @Test func aFailedSyncIsNotForgotten() throws {
        let path = try TemporaryDirectory()
        let raw = open(path.file("f"), O_RDWR | O_CREAT, 0o600)
        let file = OpenFile(raw, "f")
        file.distrust()
        let error = #expect(throws: TailraceError.self) { try file.append([Bytes("x")], 0, true) }
        #expect(error?.code == "disk.failed")
    }
}
