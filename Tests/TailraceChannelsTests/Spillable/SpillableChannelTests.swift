import TailraceChannels
import TailraceCore
import TailraceSimulation
import Testing

/// Rule by rule; what happens in between is the crash model's.
@Suite struct SpillableChannelTests {
    private func bench(
        memory: Int = 10, overflow: Int = 1000, timeout: Int = 0, _ change: (inout FileChannelConfiguration) -> Void = { _ in }
    ) throws -> FileBench {
        let bench = FileBench(change)
        var spillable = SpillableMemoryChannelConfiguration()
        (spillable.memoryCapacity, spillable.overflowCapacity) = (memory, overflow)
        spillable.overflowTimeoutSeconds = timeout
        bench.spillable = spillable
        #expect(try bench.start())
        return bench
    }
    private func metric(_ bench: FileBench, _ name: String) -> Int? { bench.host.metrics.value(name, FileBench.name) }

    @Test func inMemoryABatchIsSafeWhenItIsDelivered() throws {
        let bench = try bench()
        var isSafe = false
        #expect(bench.put(numbered(0..<5)) { _ in isSafe = true })
        bench.world.run(for: .seconds(60))
        #expect(!isSafe)
        #expect(metric(bench, "spilled_events") == 0)
        #expect(numbers(bench.drain()) == Array(0..<5))
        #expect(isSafe)
    }

    /// All of it is on disk then, what was in memory first; and the order stays.
    @Test func whatDoesNotFitSpillsAllAndIsSafeAtItsSync() throws {
        let bench = try bench()
        var safe: [UInt64] = []
        for start in [0, 5, 10, 15] as [UInt64] { #expect(bench.put(numbered(start..<start + 5)) { _ in safe.append(start) }) }
        #expect(safe == [])
        bench.world.run(for: .seconds(1))
        #expect(safe.sorted() == [0, 5, 10, 15])
        #expect(metric(bench, "spilled_events") == 20)
        #expect(metric(bench, "spilled_events_total") == 20)
        bench.crash()
        #expect(try bench.start())
        #expect(numbers(bench.drain()) == Array(0..<20))
    }

    /// A batch that memory could never hold does not wait for `overflowTimeout`: its sender would give up behind a few of them.
    @Test func whatIsLargerThanMemorySpillsAtOnce() throws {
        let bench = try bench(memory: 10, timeout: 3)
        #expect(bench.put(numbered(0..<5)))
        #expect(bench.put(numbered(5..<25)))
        bench.world.run(for: .milliseconds(500))
        #expect(metric(bench, "spilled_events") == 25)
        #expect(numbers(bench.drain()) == Array(0..<25))
    }

    /// Takes that are open when it spills become takes of the disk: given back, they come again first; delivered, never.
    @Test func openTakesMoveWithTheirEvents() throws {
        let bench = try bench()
        for start in [0, 5] as [UInt64] { #expect(bench.put(numbered(start..<start + 5))) }
        let first = bench.channel.take(upTo: .unlimited)!, second = bench.channel.take(upTo: BatchSize(events: 3, bytes: .max))!
        #expect(bench.put(numbered(10..<15)))
        bench.world.run(for: .seconds(1))
        #expect(bench.channel.held.events == 15)
        second.settle(.delivered)
        first.settle(.retry(.dropped, after: nil))
        #expect(numbers(bench.drain()) == [0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14])
        bench.stop()
        #expect(try bench.start())
        #expect(bench.drain().isEmpty)
    }

    @Test func whatComesGoesToDiskUntilAllOnDiskIsWithTheSinks() throws {
        let bench = try bench()
        for start in [0, 5, 10] as [UInt64] { #expect(bench.put(numbered(start..<start + 5))) }
        bench.world.run(for: .seconds(1))
        bench.channel.take(upTo: .unlimited)!.settle(.delivered)
        bench.store(numbered(15..<20))
        #expect(metric(bench, "spilled_events_total") == 20)
        var takes: [Bool] = []
        while let take = bench.channel.take(upTo: .unlimited) {
            takes.append(true)
            take.settle(.delivered)
        }
        #expect(takes.count == 3)
        var isSafe = false
        #expect(bench.put(numbered(20..<25)) { _ in isSafe = true })
        bench.world.run(for: .seconds(1))
        #expect(!isSafe)
        #expect(metric(bench, "spilled_events_total") == 20)
    }

    @Test func aPutWaitsForMemoryBeforeItSpills() throws {
        let bench = try bench(timeout: 5)
        #expect(bench.put(numbered(0..<10)))
        let isRefused = bench.channel.put(numbered(10..<15), bench) == nil
        #expect(isRefused)
        bench.world.run(for: .milliseconds(4_900))
        #expect(metric(bench, "spilled_events_total") == 0 && bench.roomSignals == 0)
        bench.world.run(for: .seconds(1))
        #expect(bench.roomSignals == 1)
        #expect(throws: Never.self) { try bench.store(numbered(10..<15))?.get() }
        #expect(metric(bench, "spilled_events_total") == 15)
    }
    @Test func aPutThatFindsRoomInTimeStaysInMemory() throws {
        let bench = try bench(timeout: 5)
        #expect(bench.put(numbered(0..<10)))
        let isRefused = bench.channel.put(numbered(10..<15), bench) == nil
        #expect(isRefused)
        bench.world.run(for: .seconds(2))
        bench.channel.take(upTo: .unlimited)!.settle(.delivered)
        bench.world.run(for: .seconds(1))
        #expect(bench.roomSignals == 1 && bench.put(numbered(10..<15)))
        #expect(metric(bench, "spilled_events_total") == 0)
    }
    /// Else a sender whose window is smaller than memory would wait for a sink that is down for ever.
    @Test func whatIsNotDeliveredInTimeSpills() throws {
        let bench = try bench(timeout: 5)
        var isSafe = false
        #expect(bench.put(numbered(0..<3)) { _ in isSafe = true })
        bench.world.run(for: .milliseconds(4_900))
        #expect(!isSafe)
        bench.world.run(for: .seconds(1))
        #expect(isSafe)
    }

    /// Which part has the numbers does not matter.
    @Test func whatIsSentAgainIsKnownWhereverItIs() throws {
        let bench = try bench()
        func isKnown(_ range: Range<UInt64>) -> Bool { bench.channel.put(numbered(range), nil)?.isDuplicate ?? false }
        #expect(bench.put(numbered(0..<5)))
        #expect(isKnown(0..<5))  // in memory
        bench.channel.take(upTo: .unlimited)!.settle(.delivered)
        #expect(isKnown(1..<4))  // delivered from memory
        for start in [5, 10, 15] as [UInt64] { #expect(bench.put(numbered(start..<start + 5))) }
        bench.world.run(for: .seconds(1))
        #expect(isKnown(0..<5) && isKnown(12..<17))  // from memory before it spilled; on disk
        var answers = 0
        #expect(bench.put(numbered(0..<22)) { if case .success = $0 { answers += 1 } })
        bench.world.run(for: .seconds(1))
        #expect(answers == 1)
        #expect(numbers(bench.drain()) == Array(5..<22))
        #expect(isKnown(0..<22))  // all delivered, puts are in memory again
        #expect(bench.put(numbered(20..<25)))
        #expect(numbers(bench.drain()) == [22, 23, 24])
        #expect(metric(bench, "duplicate_events_total") == 22 - 2 + 2)
        #expect(metric(bench, "put_events_total") == 25 && metric(bench, "taken_events_total") == 25)
    }

    /// Numbers given in memory are lost with it: the stream of the next life must be another one.
    @Test func streamsBeginAnewAndNoPositionIsKept() throws {
        let bench = try bench()
        let origin = bench.channel.origin(of: "s1")
        for start in stride(from: UInt64(0), to: 20, by: 5) {
            var builder = EventBatchBuilder()
            for _ in 0..<5 { builder.append("x".utf8) }
            let mark = SourceMark(
                key: SourcePositionKey(source: "s1", key: "f"), position: SourcePosition(bytes: [UInt8(start)]))
            #expect(bench.put(builder.finish(positions: [mark]).numbered(origin.stream, from: start)))
        }
        #expect(bench.channel.origin(of: "s1") == (origin.stream, 20))
        bench.world.run(for: .seconds(1))
        bench.crash()
        #expect(try bench.start())
        #expect(bench.channel.origin(of: "s1").stream != origin.stream)
        #expect(bench.channel.positions(of: "s1").isEmpty && !bench.channel.isDurable)
        #expect(bench.drain().allSatisfy { $0.positions.isEmpty })
    }

    @Test func anOrderlyStopKeepsWhatWasAnsweredAndTellsWhoWaits() throws {
        let bench = try bench(memory: 100, overflow: 3)
        var failure: TailraceError?
        bench.channel.put(numbered(0..<5), nil)!.commit(until: .committed) { _ in }
        bench.channel.put(numbered(5..<10), nil)!.commit(until: .safe) { if case .failure(let error) = $0 { failure = error } }
        let take = bench.channel.take(upTo: BatchSize(events: 2, bytes: .max))!
        take.settle(.delivered)
        bench.stop()
        #expect(failure == .stopped)
        #expect(try bench.start())
        #expect(numbers(bench.drain()) == [2, 3, 4])
    }

    @Test func aDiskThatFailsStopsNeitherTakesNorMemory() throws {
        let bench = try bench()
        bench.host.files.fault = { operation, path, _ in
            guard [.write, .sync, .open].contains(operation), path.contains("segment-") else { return nil }
            return TailraceError(code: "disk.failed", message: "cannot \(operation.rawValue) \(path): Input/output error")
        }
        for start in [0, 5] as [UInt64] { #expect(bench.put(numbered(start..<start + 5))) }
        // It goes to disk behind what is in memory, and fails with it; what was in memory still is.
        guard case .failure(let error) = bench.store(numbered(10..<15)) else {
            Issue.record("safe on a disk that fails")
            return
        }
        #expect(error.message.contains("Input/output error"))
        let isRefused = bench.channel.put(numbered(10..<15), bench) == nil
        #expect(isRefused)
        #expect(numbers(bench.drain()) == Array(0..<10))
        #expect(bench.roomSignals == 1 && bench.put(numbered(10..<15)))
        #expect(numbers(bench.drain()) == Array(10..<15))
    }

    @Test func oneCapacityOfZeroMakesItTheOtherChannel() throws {
        let disk = try bench(memory: 0)
        #expect(disk.channel.isDurable)
        #expect(throws: Never.self) { try disk.store(numbered(0..<5))?.get() }
        #expect(metric(disk, "events") == 5 && metric(disk, "spilled_events") == 5)
        disk.crash()
        #expect(try disk.start())
        #expect(numbers(disk.drain()) == Array(0..<5))

        let memory = try bench(overflow: 0)
        #expect(memory.put(numbered(0..<10)))
        let isRefused = memory.channel.put(numbered(10..<11), memory) == nil
        #expect(isRefused)
        memory.world.run(for: .seconds(10))
        #expect(memory.roomSignals == 0 && metric(memory, "events") == 10 && metric(memory, "spilled_events") == 0)
        #expect(numbers(memory.drain()) == Array(0..<10))
        #expect(memory.roomSignals == 1)
    }

    @Test func itsDirectoryIsAFileChannelsToTheInspector() throws {
        let bench = try bench()
        for start in [0, 5, 10] as [UInt64] { #expect(bench.put(numbered(start..<start + 5))) }
        bench.world.run(for: .seconds(1))
        let files = bench.host.makeEnvironment(component: "inspector").files
        let report = try FileChannelInspector(files, ["/state/file-channel/\(FileBench.name)"]).inspect()
        #expect(report.problems == [] && report.unreadEvents == 15)
    }

    @Test func impossibleCapacitiesAreNamed() {
        var configuration = SpillableMemoryChannelConfiguration()
        #expect(configuration.problems().isEmpty && configuration.largestPutEvents == 10_000)
        configuration.overflowCapacity = 100
        #expect(configuration.problems().isEmpty && configuration.largestPutEvents == 100)
        configuration.file.transactionCapacity = 200
        #expect(
            configuration.problems().map(\.message) == ["transactionCapacity 200 is larger than overflowCapacity 100"])
        (configuration.memoryCapacity, configuration.overflowCapacity) = (0, 0)
        #expect(configuration.problems().map(\.key) == ["memoryCapacity"])
    }
}
