import TailraceCore
import Testing

@Suite struct DiskContractTests {
    private func disk(_ fixture: any SeamFixture) throws -> any Disk {
        try fixture.environment.files.disk(fixture.directory + "/parent/data")
    }
    private func open(_ fixture: any SeamFixture, _ disk: any Disk, _ name: String, _ size: Int64 = 0) throws -> any File {
        try fixture.wait { disk.open(name, preallocating: size, $0) }
    }

    /// "made if missing (parents too)"; "Writes the pieces behind each other, all of them"
    @Test(arguments: Seams.allCases) func whatIsAppendedIsRead(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let disk = try disk(fixture), file = try open(fixture, disk, "segment")
        let pieces = (0..<100).map { Bytes("piece \($0)\n") }, whole = pieces.flatMap { Array($0) }
        try fixture.wait { file.append(pieces, at: 0, sync: false, $0) }
        try fixture.wait { file.append([Bytes("end")], at: Int64(whole.count), sync: true, $0) }
        #expect(try read(file, at: 0, 10_000) == whole + Array("end".utf8))
        let tail: Bytes = try fixture.wait { file.read(at: Int64(whole.count), count: 100, $0) }
        #expect(tail.text == "end")
        #expect(try file.information().size == Int64(whole.count + 3))
        try fixture.wait { file.truncate(to: 5, $0) }
        #expect(try text(file) == "piece")
        file.close()
        #expect(try text(fixture.environment.files.open(disk.directory + "/segment")) == "piece")
    }

    /// "preallocated to `size` if that is more than it has"
    @Test(arguments: Seams.allCases) func preallocation(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let disk = try disk(fixture), file = try open(fixture, disk, "segment", 10_000)
        #expect(try file.information().size == 10_000)
        #expect(try read(file, at: 0, 10_000) == [UInt8](repeating: 0, count: 10_000))
        try fixture.wait { file.append([Bytes("kept")], at: 0, sync: true, $0) }
        file.close()
        let again = try open(fixture, disk, "segment", 100)
        #expect(try again.information().size == 10_000)
        #expect(try read(again, at: 0, 4) == Array("kept".utf8))
        again.close()
        #expect(try disk.freeBytes() > 0)
    }

    /// "in the order of the calls, by completion"
    @Test(arguments: Seams.allCases) func callsAreAnsweredInTheirOrder(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let disk = try disk(fixture), file = try open(fixture, disk, "segment")
        var order: [Int] = []
        for number in 0..<20 {
            file.append([Bytes("\(number % 10)")], at: Int64(number), sync: number % 5 == 0) { _ in order.append(number) }
        }
        disk.rename("segment", to: "renamed") { _ in order.append(20) }
        disk.sync { _ in order.append(21) }
        #expect(order.isEmpty)
        #expect(fixture.run { order.count < 22 })
        #expect(order == Array(0..<22))
        #expect(try text(file) == "01234567890123456789")
        file.close()
    }

    @Test(arguments: Seams.allCases) func renameReplaceRemove(_ seams: Seams) throws {
        let fixture = try seams.make(), files = fixture.environment.files
        defer { fixture.end() }
        let disk = try disk(fixture), path = disk.directory + "/state"
        try fixture.wait { disk.replace("state", with: Bytes("one"), $0) }
        #expect(try text(files.open(path)) == "one")
        let old = try files.open(path)
        try fixture.wait { disk.replace("state", with: Bytes("two"), $0) }
        #expect(try text(files.open(path)) == "two")
        #expect(try text(old) == "one", "another file takes the name: nobody sees half of it")
        old.close()
        try fixture.wait { disk.rename("state", to: "moved", $0) }
        #expect(throws: TailraceError.self) { _ = try files.open(path) }
        #expect(try text(files.open(disk.directory + "/moved")) == "two")
        try fixture.wait { disk.remove("moved", $0) }
        #expect(throws: TailraceError.self) { _ = try files.open(disk.directory + "/moved") }
        let missing = #expect(throws: TailraceError.self) { try fixture.wait { disk.remove("moved", $0) } }
        #expect(missing?.code == "file.missing")
        #expect(throws: TailraceError.self) { try fixture.wait { disk.rename("moved", to: "again", $0) } }
    }

    /// "Refuses a second process, and a second caller in this one (`disk.locked`)."
    @Test(arguments: Seams.allCases) func aDirectoryIsLockedOnce(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let first = try disk(fixture), second = try disk(fixture)
        let lock = try first.lock()
        let refusal = #expect(throws: TailraceError.self) { _ = try second.lock() }
        #expect(refusal?.code == "disk.locked")
        lock.release()
        let again = try second.lock()
        again.release()
    }
}
