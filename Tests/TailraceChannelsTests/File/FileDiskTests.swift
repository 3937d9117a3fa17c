import TailraceChannels
import TailraceCore
import TailraceSimulation
import Testing

@Suite struct FileDiskTests {
    /// What commits while a group is written and synced shares the next sync.
    @Test func commitsThatWaitShareOneSync() throws {
        let bench = FileBench()
        #expect(try bench.start())
        bench.world.run(for: .seconds(1))
        var answered: [UInt64] = []
        for start in stride(from: UInt64(0), to: 50, by: 5) {
            #expect(bench.put(numbered(start..<start + 5)) { _ in answered.append(start) })
        }
        bench.world.run(for: .seconds(1))
        #expect(answered == Array(stride(from: 0, to: 50, by: 5)))
        #expect(bench.host.metrics.value("syncs_total", FileBench.name) == 2)
    }

    @Test func nothingIsTakenBeforeItsSync() throws {
        let bench = FileBench()
        #expect(try bench.start())
        bench.world.run(for: .seconds(1))
        bench.world.faults.syncTime = .seconds(5)...(.seconds(5))
        #expect(bench.put(numbered(0..<5)))
        bench.world.run(for: .seconds(4))
        #expect(bench.channel.next(bench)?.size == nil)
        bench.world.run(for: .seconds(2))
        #expect(bench.eventSignals == 1)
        #expect(bench.channel.next(bench)?.size.events == 5)
    }

    @Test func aStalledDiskBoundsWhatWaits() throws {
        let bench = FileBench { $0.unsyncedBytes = 4096 }
        #expect(try bench.start())
        bench.world.run(for: .seconds(1))
        bench.world.faults.syncTime = .seconds(5)...(.seconds(5))
        var number: UInt64 = 0
        while bench.put(numbered(number..<number + 5, bytes: 100)) { number += 5 }
        #expect((30...45).contains(number))
        let isRefused = bench.channel.put(numbered(1000..<1005), bench) == nil
        #expect(isRefused)
        bench.world.run(for: .seconds(20))
        #expect(bench.roomSignals == 1)
        #expect(bench.put(numbered(number..<number + 5)))
    }

    @Test func aFullDiskStopsPutsNotTakesAndEndsByItself() throws {
        let bench = FileBench {
            $0.maxFileSize = 8192
            $0.minimumRequiredSpace = 1 << 20
        }
        #expect(try bench.start())
        bench.store(numbered(0..<5))
        bench.host.files.capacity = bench.host.files.usedBytes + 1000
        bench.world.run(for: .seconds(2))
        _ = bench.put(numbered(5..<6))
        bench.world.run(for: .seconds(2))
        let isRefused = bench.channel.put(numbered(6..<9), bench) == nil
        #expect(isRefused)
        #expect(numbers(bench.drain()).starts(with: 0..<5))
        bench.host.files.capacity = .max
        bench.world.run(for: .seconds(2))
        #expect(bench.roomSignals == 1)
        #expect(throws: Never.self) { try bench.store(numbered(6..<9))?.get() }
    }

    /// A sync that failed once is not made good by one that succeeds: the kernel has thrown the pages away.
    @Test func afterAFailedSyncTheSegmentIsNotTrusted() throws {
        let bench = FileBench()
        #expect(try bench.start())
        bench.store(numbered(0..<5))
        var isOn = true
        bench.host.files.fault = { operation, path, _ in
            guard operation == .sync, isOn, path.contains("segment-") else { return nil }
            isOn = false
            return TailraceError(code: "disk.failed", message: "cannot sync \(path): Input/output error")
        }
        var results: [Bool] = []
        for start in [5, 10] as [UInt64] {
            #expect(
                bench.put(numbered(start..<start + 5)) {
                    if case .success = $0 { results.append(true) } else { results.append(false) }
                })
        }
        bench.world.run(for: .seconds(2))
        #expect(results == [false, false])
        #expect(throws: Never.self) { try bench.store(numbered(5..<10))?.get() }
        #expect(throws: Never.self) { try bench.store(numbered(10..<15))?.get() }
        bench.crash()
        #expect(try bench.start())
        #expect(numbers(bench.drain()) == Array(0..<15))
    }

    @Test func whatIsSentAgainIsNotStoredAgain() throws {
        let bench = FileBench()
        #expect(try bench.start())
        bench.store(numbered(0..<10))
        #expect(bench.channel.put(numbered(3..<8), nil)?.isDuplicate == true)
        bench.crash()
        #expect(try bench.start())
        bench.store(numbered(5..<15))
        #expect(numbers(bench.drain()) == Array(0..<15))
        bench.stop()
        #expect(try bench.start())
        bench.store(numbered(0..<20))
        #expect(numbers(bench.drain()) == Array(15..<20))
    }

    @Test func positionsAndEventsAreSafeTogether() throws {
        let bench = FileBench { $0.maxFileSize = 4096 }
        #expect(try bench.start())
        let key = SourcePositionKey(source: "s1", key: "/var/log/a")
        let origin = bench.channel.origin(of: "s1")
        for round in 0..<40 as Range<UInt64> {
            var builder = EventBatchBuilder()
            builder.append("line \(round)".utf8)
            let mark = SourceMark(key: key, position: SourcePosition(bytes: [UInt8(round)]))
            let batch = builder.finish(positions: [mark]).numbered(origin.stream, from: round)
            #expect(throws: Never.self) { try bench.store(batch)?.get() }
        }
        #expect(bench.drain().count == 40)
        bench.world.run(for: .seconds(3))
        #expect(bench.segments.count < 4)
        bench.crash()
        #expect(try bench.start())
        #expect(bench.channel.positions(of: "s1")[key]?.position.bytes == [39])
        #expect(bench.channel.positions(of: "s1")[key]?.last == 39)
        #expect(bench.channel.origin(of: "s1") == (origin.stream, 40))
        bench.channel.forget(key)
        #expect(bench.channel.positions(of: "s1").isEmpty)
    }

    /// One operation after the other fails, in every way that it can: it is reported, and nothing that was answered is lost.
    @Test(arguments: ["disk.failed", "disk.full"]) func anErrorOfAnyOperationLosesNothing(code: String) throws {
        var operation = 0, hits = 0
        while true {
            let bench = FileBench(seed: 3) {
                $0.maxFileSize = 4096
                $0.memoryBytes = 4096
                $0.patienceMilliseconds = 0
            }
            var isHit = false
            bench.host.files.fault = { kind, path, number in
                guard number == operation else { return nil }
                isHit = true
                return TailraceError(code: code, message: "cannot \(kind.rawValue) \(path): injected")
            }
            var safe: Set<UInt64> = [], delivered: [UInt64] = []
            for life in 0..<3 as Range<UInt64> {
                var isUp = try bench.start()
                if !isUp {
                    #expect(bench.startError?.message.contains("injected") == true)
                    isUp = try bench.start()
                }
                #expect(isUp, "operation \(operation): \(bench.startError?.message ?? "")")
                for round in 0..<6 as Range<UInt64> {
                    let first = life * 100 + round * 5
                    for _ in 0..<3 {  // as a source output: until it is answered
                        guard let result = bench.store(numbered(first..<first + 5, bytes: 200)) else {
                            bench.world.run(for: .seconds(1))
                            continue
                        }
                        guard case .success = result else { continue }
                        safe.formUnion(first..<first + 5)
                        break
                    }
                }
                delivered += numbers(life == 1 ? [] : bench.drain())
                bench.world.run(for: .seconds(2))
                if life == 0 { bench.crash() } else { bench.stop() }
            }
            bench.host.files.fault = nil
            #expect(try bench.start())
            delivered += numbers(bench.drain())
            #expect(safe.count == 90, "operation \(operation)")
            #expect(safe.subtracting(delivered).isEmpty, "operation \(operation): lost \(safe.subtracting(delivered).sorted())")
            if !isHit { break }
            hits += 1
            operation += 1
        }
        #expect(hits > 50)
    }
}
