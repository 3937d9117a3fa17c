import TailraceCore

/// Bytes on their way in one direction: sent, arrived, read. Holds at most ``capacity`` of them, in both kernels together.
final class Pipe {
    private struct Segment {
        var arrival: Instant
        var bytes: Bytes
    }
    private let timeline: Timeline
    private var random: SeededRandom
    /// Whether nothing gets through now.
    private let isCut: () -> Bool
    private var onWay: [Segment] = []
    private var arrived: [Bytes] = []
    private var lastArrival: Instant
    private var used = 0
    /// Read, and not yet known to the sender.
    private var credit = 0
    private(set) var unread = 0
    private(set) var isFinished = false
    private var endArrival: Instant?
    private(set) var hasEnded = false
    private(set) var isBroken = false
    let capacity: Int
    /// The reader has something to look at; the writer has room.
    var readable: () -> Void = {}
    var writable: () -> Void = {}
    /// Bytes came and nobody will read them.
    var refused: (() -> Void)?
    var isDeaf = false

    init(_ timeline: Timeline, _ random: SeededRandom, capacity: Int, isCut: @escaping () -> Bool) {
        (self.timeline, self.random, self.capacity, self.isCut) = (timeline, random, capacity, isCut)
        lastArrival = timeline.now
    }

    var room: Int { capacity - used }
    var hasSomething: Bool { unread > 0 || hasEnded }

    /// Takes from the front of `queue` what there is room for, or less.
    func write(_ queue: inout OutputQueue) -> WriteResult {
        let faults = timeline.faults
        var limit = min(room, queue.byteCount)
        if limit > 1, random.chance(faults.partialWrite) { limit = 1 + random.below(limit - 1) }
        var taken = 0
        while taken < limit {
            var piece = queue.front(1).first!
            if piece.count > limit - taken { piece = piece.prefix(limit - taken) }
            // Cut anywhere, so that nobody relies on what was one piece at the sender arriving as one.
            if piece.count > 1, random.chance(faults.partialRead) {
                piece = piece.prefix(1 + random.below(piece.count - 1))
            }
            queue.remove(piece.count)
            taken += piece.count
            used += piece.count
            onWay.append(Segment(arrival: nextArrival(), bytes: piece))
            planArrival(lastArrival)
        }
        guard !queue.isEmpty else { return .everything }
        if room > 0 { timeline.after(random.duration(faults.latency)) { [weak self] in self?.writable() } }
        return .wouldBlock
    }

    func finish() {
        guard !isFinished else { return }
        isFinished = true
        endArrival = nextArrival()
        planArrival(lastArrival)
    }

    private func nextArrival() -> Instant {
        let faults = timeline.faults
        var delay = random.duration(faults.latency)
        if random.chance(faults.delay) { delay += random.duration(faults.delayTime) }
        if random.chance(faults.stall) { delay += random.duration(faults.stallTime) }
        lastArrival = max(lastArrival, timeline.now + delay)
        return lastArrival
    }
    private func planArrival(_ time: Instant) { timeline.at(time) { [weak self] in self?.arrive() } }

    /// Also after a partition has healed.
    func arrive() {
        guard !isBroken, !isCut() else { return }
        var count = 0
        for segment in onWay {
            guard segment.arrival <= timeline.now else { break }
            arrived.append(segment.bytes)
            unread += segment.bytes.count
            count += 1
        }
        onWay.removeFirst(count)
        if isDeaf, count > 0 { refused?() }
        if let endArrival, endArrival <= timeline.now, onWay.isEmpty, !hasEnded {
            hasEnded = true
            readable()
        } else if count > 0 {
            readable()
        }
        passCredit()
    }

    /// Into the front of `space`; by the seed less than there is.
    func read(into space: UnsafeMutableRawBufferPointer) -> Int {
        var limit = min(space.count, unread), copied = 0
        if limit > 1, random.chance(timeline.faults.partialRead) { limit = 1 + random.below(limit - 1) }
        while copied < limit {
            let first = arrived[0], count = min(first.count, limit - copied)
            first.withUnsafeBytes {
                space.baseAddress!.advanced(by: copied).copyMemory(from: $0.baseAddress!, byteCount: count)
            }
            if count == first.count { arrived.removeFirst() } else { arrived[0] = first.dropFirst(count) }
            copied += count
        }
        unread -= copied
        credit += copied
        timeline.after(random.duration(timeline.faults.latency)) { [weak self] in self?.passCredit() }
        return copied
    }

    /// The sender gets to know that there is room again.
    private func passCredit() {
        guard credit > 0, !isBroken, !isCut() else { return }
        used -= credit
        credit = 0
        if room >= max(1, capacity / 4) { writable() }
    }

    func breakOff(keepsArrived: Bool) {
        isBroken = true
        onWay = []
        if !keepsArrived { (arrived, unread) = ([], 0) }
    }
}
