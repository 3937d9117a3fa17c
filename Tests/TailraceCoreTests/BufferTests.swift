import Synchronization
import TailraceCore
import Testing

@Suite struct BufferTests {
    @Test(arguments: 0..<30 as Range<UInt64>) func aBuilderHoldsWhatWasAppended(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var builder = BufferBuilder(capacity: random.below(40)), model: [UInt8] = []
        for _ in 0..<40 {
            switch random.below(5) {
            case 0:
                let bytes = (0..<random.below(100)).map { _ in UInt8(random.below(256)) }
                builder.append(bytes)
                model += bytes
            case 1:
                builder.append(UInt8(7))
                model.append(7)
            case 2:
                let value = UInt32(truncatingIfNeeded: random.next())
                builder.append(integer: value)
                model += (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
            case 3:
                builder.reserve(10)
                #expect(builder.spare.count >= 10)
                for index in 0..<5 { builder.spare[index] = UInt8(index) }
                builder.filled(5)
                model += [0, 1, 2, 3, 4]
            default:
                guard model.count >= 8 else { continue }
                let at = random.below(model.count - 7)
                builder.store(UInt64(1), at: at)
                model.replaceSubrange(at..<at + 8, with: [1, 0, 0, 0, 0, 0, 0, 0])
            }
            #expect(builder.count == model.count && builder.capacity >= builder.count)
        }
        #expect(Array(builder.finish()) == model)
    }

    @Test func varints() {
        func encoded(_ value: Int) -> [UInt8] {
            var builder = BufferBuilder(capacity: 0)
            builder.append(varint: value)
            return Array(builder.finish())
        }
        #expect(encoded(0) == [0] && encoded(127) == [127] && encoded(128) == [0x80, 1] && encoded(300) == [0xAC, 2])
    }

    /// "called with the count when the last reference is gone"
    @Test func memoryIsReleasedWithTheLastReference() {
        final class Released: Sendable { let bytes = Atomic<Int>(0) }
        let released = Released()
        var builder = BufferBuilder(capacity: 10)
        builder.append([1, 2, 3])
        var whole: Bytes? = builder.finish { count in released.bytes.add(count, ordering: .relaxed) }
        var part: Bytes? = whole!.dropFirst()
        whole = nil
        #expect(released.bytes.load(ordering: .relaxed) == 0 && part == Bytes(copying: [2, 3]))
        part = nil
        #expect(released.bytes.load(ordering: .relaxed) == 3)
    }

    @Test func slicesShareAndCompareByContent() {
        let bytes = Bytes("hello hello"), first = bytes.prefix(5), second = bytes.suffix(5)
        #expect(first == second && first.hashValue == second.hashValue && first.buffer === second.buffer)
        #expect(first != bytes && Bytes() == bytes.prefix(0) && Bytes().isEmpty)
        #expect(second[second.startIndex] == UInt8(ascii: "h") && second.text == "hello")
        #expect(Bytes(copying: [0xFF, 0x41]).text == "\u{FFFD}A")
    }

    @Test(arguments: 0..<50 as Range<UInt64>) func anOutputQueueGivesItsBytesInOrder(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var queue = OutputQueue(), model: [UInt8] = [], next: UInt8 = 0
        for _ in 0..<600 {
            if random.below(3) > 0 {
                let bytes = (0..<random.below(12)).map { _ in
                    next &+= 1
                    return next
                }
                queue.append(Bytes(copying: bytes))
                model += bytes
            } else {
                let count = random.below(model.count + 1)
                queue.remove(count)
                model.removeFirst(count)
            }
            #expect(queue.byteCount == model.count && queue.isEmpty == model.isEmpty)
            let front = queue.front(1 + random.below(8))
            #expect(front.allSatisfy { !$0.isEmpty } && front.isEmpty == model.isEmpty)
            #expect(model.starts(with: front.flatMap { Array($0) }))
        }
        queue.removeAll()
        #expect(queue.isEmpty && queue.front(5).isEmpty)
    }
}
