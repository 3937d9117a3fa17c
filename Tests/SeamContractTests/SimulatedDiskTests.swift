import TailraceCore
import TailraceSimulation
import Testing

/// What only a simulated disk has: loss of power, and faults by the seed.
@Suite struct SimulatedDiskTests {
    /// Writes two synced and some unsynced things, loses the power, and tells what is there.
    private func crash(_ seed: UInt64) throws -> [String: [UInt8]] {
        let fixture = SimulatedFixture(seed)
        let disk = try fixture.environment.files.disk("/data")
        let file: any File = try fixture.wait { disk.open("log", preallocating: 0, $0) }
        try fixture.wait { disk.sync($0) }
        try fixture.wait { file.append([Bytes(copying: [UInt8](repeating: 1, count: 2000))], at: 0, sync: true, $0) }
        for number in 0..<4 {
            let block = [UInt8](repeating: UInt8(2 + number), count: 1500)
            try fixture.wait { file.append([Bytes(copying: block)], at: 2000 + Int64(number) * 1500, sync: false, $0) }
        }
        let other: any File = try fixture.wait { disk.open("new", preallocating: 0, $0) }
        try fixture.wait { other.append([Bytes("synced, but not its name")], at: 0, sync: true, $0) }
        try fixture.wait { disk.replace("state", with: Bytes("one"), $0) }
        fixture.host.crash(losingPower: true)
        let files = fixture.host.files
        return Dictionary(uniqueKeysWithValues: files.names("/data").map { ($0, files.read("/data/" + $0)!) })
    }

    @Test(arguments: 0..<50 as Range<UInt64>) func whatWasSyncedSurvives(_ seed: UInt64) throws {
        let kept = try crash(seed)
        let log = try #require(kept["log"])
        #expect(log.count >= 2000 && log.count <= 8000)
        #expect(log.prefix(2000).allSatisfy { $0 == 1 })
        for (index, byte) in log.enumerated().dropFirst(2000) {
            #expect(byte == 0 || Int(byte) == 2 + (index - 2000) / 1500, "invented bytes")
        }
        #expect(kept["state"] == Array("one".utf8))
        // (`replace` has synced the directory, and with it the other name.)
        #expect(kept["new"] == Array("synced, but not its name".utf8))
        #expect(try crash(seed) == kept)
    }

    @Test func whatWasNotSyncedIsKeptLostOrTorn() throws {
        var sizes: Set<Int> = [], torn = 0
        for seed in 0..<100 as Range<UInt64> {
            let log = try #require(try crash(seed)["log"])
            sizes.insert(log.count)
            if log.dropFirst(2000).contains(0) { torn += 1 }
        }
        #expect(sizes.contains(2000) && sizes.contains(8000) && sizes.count > 10)
        #expect(torn > 5)
    }

    @Test func namesThatWereNotSyncedMayBeLost() throws {
        var found = 0
        for seed in 0..<50 as Range<UInt64> {
            let fixture = SimulatedFixture(seed), disk = try fixture.environment.files.disk("/data")
            let file: any File = try fixture.wait { disk.open("log", preallocating: 0, $0) }
            try fixture.wait { file.append([Bytes("x")], at: 0, sync: true, $0) }
            fixture.host.crash(losingPower: true)
            if fixture.host.files.exists("/data/log") { found += 1 }
        }
        #expect((10...45).contains(found))
    }

    @Test func killingAProcessLosesNothingThatWasWritten() throws {
        let fixture = SimulatedFixture(1), disk = try fixture.environment.files.disk("/data")
        let file: any File = try fixture.wait { disk.open("log", preallocating: 0, $0) }
        try fixture.wait { file.append([Bytes("written")], at: 0, sync: false, $0) }
        let lock = try disk.lock()
        fixture.host.crash(losingPower: false)
        #expect(fixture.host.files.text("/data/log") == "written")
        fixture.host.restart()
        let again = try fixture.host.makeEnvironment(component: "again").files.disk("/data").lock()
        withExtendedLifetime((lock, again)) {}
    }

    /// After a failed sync nothing is certain, not even when a later one succeeds.
    @Test func aFailedSyncMayLoseWhatALaterOneSeemsToHaveSaved() throws {
        var lost = 0
        for seed in 0..<50 as Range<UInt64> {
            let fixture = SimulatedFixture(seed), disk = try fixture.environment.files.disk("/data")
            let file: any File = try fixture.wait { disk.open("log", preallocating: 0, $0) }
            try fixture.wait { disk.sync($0) }
            fixture.host.files.fault = { operation, path, _ in
                operation == .sync ? TailraceError(code: "disk.failed", message: path) : nil
            }
            #expect(throws: TailraceError.self) { try fixture.wait { file.append([Bytes("first")], at: 0, sync: true, $0) } }
            fixture.host.files.fault = nil
            try fixture.wait { file.append([Bytes("second")], at: 5, sync: true, $0) }
            #expect(try text(file) == "firstsecond")
            fixture.host.crash(losingPower: true)
            if fixture.host.files.text("/data/log") != "firstsecond" { lost += 1 }
        }
        #expect(lost > 10)
    }

    @Test func aFullDisk() throws {
        let fixture = SimulatedFixture(1), disk = try fixture.environment.files.disk("/data")
        fixture.host.files.capacity = 1000
        let file: any File = try fixture.wait { disk.open("log", preallocating: 0, $0) }
        #expect(try disk.freeBytes() == 1000)
        let block = Bytes(copying: [UInt8](repeating: 1, count: 600))
        try fixture.wait { file.append([block], at: 0, sync: true, $0) }
        let full = #expect(throws: TailraceError.self) {
            try fixture.wait { file.append([block], at: 600, sync: true, $0) }
        }
        #expect(full?.code == "disk.full")
        let preallocated = #expect(throws: TailraceError.self) {
            let _: any File = try fixture.wait { disk.open("next", preallocating: 500, $0) }
        }
        #expect(preallocated?.code == "disk.full")
        fixture.host.files.capacity = 2000
        try fixture.wait { file.append([block], at: 600, sync: true, $0) }
    }

    @Test func inodeNumbersAreReusedOrNot() throws {
        let files = SimulatedWorld(seed: 1).makeHost("h").files
        files.makeDirectory("/d")
        files.write("/d/a", "1")
        let first = files.inode("/d/a")
        files.remove("/d/a")
        files.write("/d/b", "2")
        #expect(files.inode("/d/b") == first)
        files.reusesInodes = false
        files.remove("/d/b")
        files.write("/d/c", "3")
        #expect(files.inode("/d/c") != first)
    }

    @Test func aWatchMayOverflow() throws {
        let fixture = SimulatedFixture(1)
        fixture.world.faults.watchOverflow = 1
        var told: [[String]?] = []
        let watch = try fixture.environment.files.watch("/test") { told.append($0) }
        fixture.host.files.write("/test/a", "1")
        fixture.settle()
        #expect(told == [nil])
        watch.cancel()
    }
}
