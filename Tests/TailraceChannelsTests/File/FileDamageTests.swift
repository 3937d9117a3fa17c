import TailraceChannels
import TailraceCore
import TailraceSimulation
import Testing

/// A small channel that was closed in order, on the disk of a host.
private struct Closed {
    static let batches: [Range<UInt64>] = [0..<3, 3..<5, 5..<9, 9..<10]
    let segment = FileBench.data + "/segment-0000000000000001"
    let bytes: [UInt8]
    let state: [UInt8]

    init() throws {
        let bench = FileBench { $0.maxFileSize = 8192 }
        _ = try bench.start()
        for batch in Self.batches { bench.store(numbered(batch)) }
        bench.stop()
        bytes = bench.host.files.read(segment)!
        state = bench.host.files.read(FileBench.state)!
    }
    /// A fresh host that has it, changed.
    func bench(_ bytes: [UInt8], state: [UInt8]? = nil) -> FileBench {
        let bench = FileBench { $0.maxFileSize = 8192 }
        bench.host.files.makeDirectory(FileBench.data)
        bench.host.files.makeDirectory("/state/file-channel/edge.channels.c1/checkpoint")
        bench.host.files.write(segment, bytes)
        bench.host.files.write(FileBench.state, state ?? self.state)
        return bench
    }
}

@Suite struct FileDamageTests {
    /// At most the damaged batch is lost, it is named, and the positions and numbers stay.
    @Test(arguments: 0..<8) func aFlippedBitCostsAtMostItsBatch(chunk: Int) throws {
        let closed = try Closed()
        for place in stride(from: chunk, to: closed.bytes.count, by: 8) {
            var bytes = closed.bytes
            bytes[place] ^= 1 << UInt8(place % 7)
            let bench = closed.bench(bytes)
            guard try bench.start() else {
                Issue.record("byte \(place): does not open: \(bench.startError!)")
                continue
            }
            let read = numbers(bench.drain()), lost = Set(0..<10).subtracting(read)
            #expect(read == read.sorted() && Set(read).count == read.count, "byte \(place)")
            guard !lost.isEmpty else { continue }
            #expect(Closed.batches.contains { Set($0) == lost }, "byte \(place): lost \(lost.sorted())")
            let batch = "numbers \(lost.min()!)..<\(lost.max()! + 1)"
            #expect(bench.log(.error).contains { $0.contains("set aside") && $0.contains(batch) }, "byte \(place)")
            #expect(bench.host.files.names(FileBench.data).contains { $0.hasPrefix("quarantine-1-") }, "byte \(place)")
            #expect(bench.channel.held == .zero, "byte \(place)")
            // What it knows of numbers outlives the batch: it is not stored again.
            #expect(bench.channel.put(numbered(0..<10), nil)?.isDuplicate == true, "byte \(place)")
        }
    }

    @Test func aFlippedBitInTheStateCostsNothingButRepetition() throws {
        let closed = try Closed()
        for place in 0..<128 {
            for slot in 0..<2 {
                var state = closed.state
                state[slot * 4096 + place] ^= 0x10
                let bench = closed.bench(closed.bytes, state: state)
                #expect(try bench.start(), "byte \(place) of slot \(slot): \(bench.startError?.message ?? "")")
                #expect(numbers(bench.drain()) == Array(0..<10))
            }
        }
        let bench = closed.bench(closed.bytes, state: [])
        #expect(try bench.start())
        #expect(numbers(bench.drain()) == Array(0..<10))
        #expect(bench.log(.warning).contains { $0.contains("the read position is lost") })
    }

    @Test(arguments: 0..<4) func aTailCutAnywhereCostsWhatWasBehindIt(chunk: Int) throws {
        let closed = try Closed()
        for length in stride(from: chunk, to: closed.bytes.count, by: 4) {
            let bench = closed.bench(Array(closed.bytes.prefix(length)))
            #expect(try bench.start(), "length \(length): \(bench.startError?.message ?? "")")
            let read = numbers(bench.drain())
            #expect(Closed.batches.map { $0.upperBound }.contains(UInt64(read.count)) || read.isEmpty, "length \(length)")
            #expect(read == Array(0..<UInt64(read.count)), "length \(length)")
            if read.count < 10 {
                #expect(bench.log(.error).contains { $0.contains("missing at the end of the log") }, "length \(length)")
            }
            // It goes on, and what comes is kept over a crash.
            guard length % 32 == chunk else { continue }
            #expect(throws: Never.self) { try bench.store(numbered(100..<103))?.get() }
            bench.crash()
            #expect(try bench.start(), "length \(length), after a crash")
            #expect(numbers(bench.drain()).suffix(3) == [100, 101, 102], "length \(length)")
        }
    }

    @Test func aMissingSegmentIsNamedAndTheRestComes() throws {
        let bench = FileBench { $0.maxFileSize = 4096 }
        #expect(try bench.start())
        for start in stride(from: UInt64(0), to: 60, by: 5) { bench.store(numbered(start..<start + 5, bytes: 150)) }
        bench.stop()
        let segments = bench.segments
        #expect(segments.count >= 4)
        bench.host.files.remove(FileBench.data + "/" + segments[1])
        #expect(try bench.start())
        let read = numbers(bench.drain())
        #expect(read == read.sorted() && read.count < 60 && read.first == 0 && read.last == 59)
        #expect(bench.log(.error).contains { $0.contains("set aside") && $0.contains("\(60 - read.count) events") })
        #expect(bench.channel.held == .zero)
    }

    @Test func otherFormatsAreRefusedByName() throws {
        var closed = try Closed()
        _ = closed
        let bench = FileBench()
        bench.host.files.makeDirectory(FileBench.data)
        bench.host.files.write(FileBench.data + "/log-1", "flume")
        #expect(try !bench.start())
        #expect(bench.startError?.code == "channel.foreign-format")
        #expect(bench.startError?.message.contains("Flume") == true)

        closed = try Closed()
        let other = closed.bench(closed.bytes)
        other.host.files.write(FileBench.data + "/segment-0000000000000007", closed.bytes)
        #expect(try !other.start())
        #expect(other.startError?.code == "channel.foreign-format")
    }

    @Test func aDirectoryInUseIsRefused() throws {
        let bench = FileBench()
        bench.host.files.lockedByOthers = [FileBench.data]
        #expect(try !bench.start())
        #expect(bench.startError?.code == "disk.locked")
        bench.host.files.lockedByOthers = []
        #expect(try bench.start())
    }

    /// A copied directory must not go on with the numbers of the one it was copied from.
    @Test func aCopiedDirectoryBeginsNewStreams() throws {
        let bench = FileBench()
        #expect(try bench.start())
        let origin = bench.channel.origin(of: "s1")
        bench.store(numbered(0..<5, stream: origin.stream.value))
        bench.stop()
        #expect(try bench.start())
        #expect(bench.channel.origin(of: "s1") == (origin.stream, 5))
        bench.stop()
        let state = bench.host.files.read(FileBench.state)!
        bench.host.files.rename(FileBench.state, to: FileBench.state + ".old")
        bench.host.files.write(FileBench.state, state)
        #expect(try bench.start())
        #expect(bench.channel.origin(of: "s1").stream != origin.stream)
        #expect(numbers(bench.drain()) == Array(0..<5))
    }

    /// `rsync --inplace` keeps the inode; what it cannot keep is the time of the change.
    @Test func aDirectoryRestoredInPlaceBeginsNewStreams() throws {
        let bench = FileBench()
        #expect(try bench.start())
        let origin = bench.channel.origin(of: "s1")
        bench.store(numbered(0..<5, stream: origin.stream.value))
        bench.stop()
        let state = bench.host.files.read(FileBench.state)!
        #expect(try bench.start())
        bench.store(numbered(5..<9, stream: origin.stream.value))
        bench.stop()
        // Down for long, and nothing was touched: the same stream goes on.
        bench.world.run(for: .seconds(3_600))
        #expect(try bench.start())
        #expect(bench.channel.origin(of: "s1") == (origin.stream, 9))
        bench.stop()
        bench.world.run(for: .seconds(120))
        bench.host.files.write(FileBench.state, state)
        #expect(try bench.start())
        #expect(bench.channel.origin(of: "s1").stream != origin.stream)
    }
}
