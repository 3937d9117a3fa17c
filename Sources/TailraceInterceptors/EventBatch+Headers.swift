import Glibc
import TailraceCore

// Changes of headers alone: bodies, numbers and positions stay as they are, and nothing is copied but the headers that change.

extension EventBatch {
    func withHeaders(shared: [Header], own table: EventHeaderTable?) -> EventBatch {
        let changed = Storage(storage.buffer, storage.bodies, shared: shared, eventHeaders: table)
        return EventBatch(changed, runs, identity, positions)
    }

    /// Whether one of its events has a header of its own of that name.
    func hasOwnHeader(_ name: [UInt8]) -> Bool {
        guard let table = storage.eventHeaders else { return false }
        return table.bytes.buffer.withBytes { bytes in
            runs.contains { $0.contains { table.find(name, of: $0, in: bytes) != nil } }
        }
    }
}

extension Buffer {
    func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R { body(UnsafeRawBufferPointer(start: base, count: count)) }
}

extension EventHeaderTable {
    /// The value of one event's header. `bytes`: of the table's buffer.
    func find(_ name: [UInt8], of index: Int, in bytes: UnsafeRawBufferPointer) -> Range<Int>? {
        let range = ranges[index].range
        guard !range.isEmpty else { return nil }
        var found: Range<Int>?
        Self.walk(UnsafeRawBufferPointer(rebasing: bytes[range])) { key, value in
            guard key.count == name.count else { return true }
            let isSame = key.isEmpty || memcmp(bytes.baseAddress! + range.lowerBound + key.lowerBound, name, key.count) == 0
            if isSame { found = range.lowerBound + value.lowerBound..<range.lowerBound + value.upperBound }
            return !isSame
        }
        return found
    }
}

/// Fills a table of event headers anew, event by event in the order of the storage; those that are not in the batch get none.
struct HeaderTableBuilder: ~Copyable {
    private var bytes: BufferBuilder
    private var ranges: [BodyRange] = []
    private var start = 0
    private let old: EventHeaderTable?

    init(_ batch: EventBatch, adding: Int) {
        old = batch.storage.eventHeaders
        bytes = BufferBuilder(capacity: (old?.bytes.count ?? 0) + adding)
        ranges.reserveCapacity(batch.storage.bodies.count)
    }

    /// Begins the event at `index` of the storage, behind all that were begun before.
    mutating func begin(_ index: Int) {
        endEvent()
        let here = BodyRange(start: UInt32(bytes.count), end: UInt32(bytes.count))
        while ranges.count < index { ranges.append(here) }
        start = bytes.count
        ranges.append(here)
    }
    /// Takes over what the event had, but for the headers that `isDropped` names.
    mutating func keepOwn(_ isDropped: (_ name: UnsafeRawBufferPointer) -> Bool) {
        guard let old, !old.ranges[ranges.count - 1].range.isEmpty else { return }
        let range = old.ranges[ranges.count - 1].range
        let run = UnsafeRawBufferPointer(start: old.bytes.buffer.base + range.lowerBound, count: range.count)
        var kept = 0
        EventHeaderTable.walk(run) { name, value in
            if isDropped(UnsafeRawBufferPointer(rebasing: run[name])) {
                // All before it, back to the last one that was dropped.
                bytes.append(UnsafeRawBufferPointer(rebasing: run[kept..<Self.front(of: name)]))
                kept = value.upperBound
            }
            return true
        }
        bytes.append(UnsafeRawBufferPointer(rebasing: run[kept...]))
    }
    mutating func append(_ name: [UInt8], _ value: UnsafeRawBufferPointer) {
        bytes.append(varint: name.count)
        bytes.append(name)
        bytes.append(varint: value.count)
        bytes.append(value)
    }

    private mutating func endEvent() {
        if !ranges.isEmpty { ranges[ranges.count - 1].end = UInt32(bytes.count) }
    }

    /// `count`: events of the storage. nil: no event has a header.
    consuming func finish(_ count: Int) -> EventHeaderTable? {
        endEvent()
        guard bytes.count > 0 else { return nil }
        let end = BodyRange(start: UInt32(bytes.count), end: UInt32(bytes.count))
        while ranges.count < count { ranges.append(end) }
        let (made, all) = (ranges, bytes.finish())
        return EventHeaderTable(bytes: all, ranges: made)
    }

    /// Where the header begins whose name is there: before its length, a varint.
    private static func front(of name: Range<Int>) -> Int {
        var bytes = 1, rest = name.count >> 7
        while rest > 0 { (bytes, rest) = (bytes + 1, rest >> 7) }
        return name.lowerBound - bytes
    }
}
