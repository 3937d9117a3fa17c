import TailraceCore
import TailraceWire
import Testing

@testable import TailraceChannels

@Suite struct FileFormatTests {
    @Test func segmentNames() {
        #expect(FileFormat.name(ofSegment: 7) == "segment-0000000000000007")
        #expect(FileFormat.segment(named: "segment-0000000000000007") == 7)
        #expect(FileFormat.segment(named: FileFormat.name(ofSegment: .max)) == .max)
        for name in ["segment-7", "segment-000000000000000x", "state", "", "segment-"] {
            #expect(FileFormat.segment(named: name) == nil, "\(name)")
        }
    }

    private func segment(_ batches: [EventBatch]) throws -> ([UInt8], [RecordFrame]) {
        var writer = RecordWriter(), frames: [RecordFrame] = []
        let seed = RecordFrame.seed(channel: 5, segment: 9)
        for (index, batch) in batches.enumerated() {
            let frame = RecordFrame(
                kind: .batch, number: UInt64(index), group: 1, index: UInt32(index), batch: batch, eventsBefore: 0,
                bytesBefore: 0,
                time: WallTime(milliseconds: 1))
            frames.append(try writer.append(batch, RecordMeta(positions: batch.positions), frame, seed: seed))
        }
        return (writer.take().flatMap { Array($0) }, frames)
    }
    private func walk(_ bytes: [UInt8], segment: UInt64 = 9) -> [SegmentWalker.Step] {
        var walker = SegmentWalker(channel: 5, segment: segment, from: 0, limit: bytes.count), steps: [SegmentWalker.Step] = []
        bytes.withUnsafeBytes { window in
            while true {
                let step = walker.next(window, from: 0)
                steps.append(step)
                if case .end = step { break }
                if case .needs = step { break }
            }
        }
        return steps
    }

    @Test func whatIsWrittenIsReadAndRoundTrips() throws {
        let mark = SourceMark(
            key: SourcePositionKey(source: "s1", key: "/a"), position: SourcePosition(bytes: [1, 2, 3]))
        var builder = EventBatchBuilder(shared: [Header("host", "h")])
        builder.append("one".utf8, headers: [Header("k", "v")])
        builder.append("".utf8)
        let batch = builder.finish(positions: [mark]).numbered(StreamID(value: 3), from: 40)
        let (bytes, frames) = try segment([batch, numbered(0..<5)])
        #expect(bytes.count % 8 == 0 && bytes.count == frames.reduce(0) { $0 + $1.recordLength })
        let steps = walk(bytes)
        #expect(
            steps == [
                .record(frames[0], at: 0, isIntact: true), .record(frames[1], at: frames[0].recordLength, isIntact: true),
                .end(bytes.count),
            ])
        let read = try RecordReader.batch(frames[0], Bytes(copying: bytes), WireArena())
        #expect(read.batch.identity == batch.identity && read.batch.positions == [mark] && read.meta.positions == [mark])
        #expect(read.batch[0].headers == batch[0].headers && Array(read.batch[0].body) == Array("one".utf8))
    }

    @Test func bytesOfAnotherSegmentNeverPass() throws {
        let (bytes, _) = try segment([numbered(0..<5)])
        #expect(walk(bytes, segment: 8) == [.end(0)])
    }

    /// Read through windows of any size, it finds the same.
    @Test(arguments: [104, 500, 1000, 5000]) func windowsDoNotMatter(size: Int) throws {
        var (bytes, _) = try segment((0..<6).map { numbered($0 * 10..<$0 * 10 + 5, bytes: 30) })
        bytes[700] ^= 1
        bytes[1300] ^= 1
        let whole = walk(bytes)
        var walker = SegmentWalker(channel: 5, segment: 9, from: 0, limit: bytes.count), steps: [SegmentWalker.Step] = []
        var window: [UInt8] = [], start = 0
        while true {
            let step = window.withUnsafeBytes { walker.next($0, from: start) }
            if case .needs(let range) = step {
                start = range.lowerBound
                window = Array(bytes[start..<min(bytes.count, start + max(size, range.count))])
                continue
            }
            steps.append(step)
            if case .end = step { break }
        }
        #expect(steps == whole)
    }

    @Test(arguments: 0..<200 as Range<UInt64>) func garbageIsNeverARecordAndNeverTraps(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var (bytes, frames) = try segment((0..<4).map { numbered($0 * 10..<$0 * 10 + 5) })
        for _ in 0..<Int.random(in: 1...30, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        if random.next() % 2 == 0 { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
        if random.next() % 2 == 0 { bytes.removeFirst(min(bytes.count, 8 * Int.random(in: 0..<20, using: &random))) }
        for case .record(let frame, _, _) in walk(bytes) { #expect(frames.contains(frame)) }
        let noise = (0..<300).map { _ in UInt8.random(in: 0...255, using: &random) }
        noise.withUnsafeBytes {
            #expect(RecordFrame($0, mark: RecordFrame.frontMark, seed: 1) == nil)
            #expect(SegmentPrologue.read($0) == .invalid)
            #expect(StateSlot.read($0) == .invalid)
            _ = RecordMeta($0)
            _ = ChannelMemory($0)
        }
    }

    @Test func aSnapshotRoundTripsAndACutOneIsRefused() throws {
        var memory = ChannelMemory()
        let mark = SourceMark(key: SourcePositionKey(source: "s", key: "k"), position: SourcePosition(bytes: [9]))
        memory.apply(
            numbered(3..<7).identity!, RecordMeta(positions: [mark], origin: "s"), at: WallTime(milliseconds: 5))
        memory.apply(numbered(9..<12, stream: 8).identity!, RecordMeta(), at: WallTime(milliseconds: 6))
        var builder = BufferBuilder(capacity: 0)
        memory.append(to: &builder)
        let bytes = builder.finish()
        let read = try #require(bytes.withUnsafeBytes { ChannelMemory($0) })
        #expect(read.positions[mark.key]?.position == mark.position && read.positions[mark.key]?.last == 6)
        #expect(read.origins == ["s": ChannelMemory.Origin(stream: StreamID(value: 7), next: 7)])
        #expect(read.numbers.runs(of: StreamID(value: 8)) == [9..<12])
        for length in 0..<bytes.count { #expect(bytes.prefix(length).withUnsafeBytes { ChannelMemory($0) } == nil) }
    }

    @Test func heldNumbersExpireByAge() {
        var numbers = HeldNumbers()
        for (stream, time) in [(1, 100), (2, 200)] as [(UInt64, Int64)] {
            numbers.add(numbered(0..<5, stream: stream).identity!, at: WallTime(milliseconds: time))
        }
        numbers.expire(before: WallTime(milliseconds: 150))
        #expect(numbers.runs(of: StreamID(value: 1)).isEmpty && numbers.runs(of: StreamID(value: 2)) == [0..<5])
        #expect(numbers.forgotten == 1)
    }

    @Test func aNewerFormatIsNamed() {
        var builder = BufferBuilder(capacity: 0)
        SegmentPrologue(
            channel: 1, segment: 2, previousSegment: 0, previousEnd: 0, previousNumber: 0, firstNumber: 1, eventsBefore: 0,
            bytesBefore: 0, created: WallTime(milliseconds: 0)
        ).append(to: &builder)
        builder.store(UInt32(2), at: 8)
        builder.store(UInt32(0), at: 12)
        builder.store(crc32c(builder.bytes), at: 12)
        #expect(SegmentPrologue.read(builder.bytes) == .newer(2))
    }
}
