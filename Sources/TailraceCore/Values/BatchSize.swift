/// How much a batch is, or how much room there is for one.
package struct BatchSize: Hashable, Sendable {
    package var events: Int
    /// Bodies and per-event headers.
    package var bytes: Int

    package init(events: Int, bytes: Int) { (self.events, self.bytes) = (events, bytes) }

    package static let zero = BatchSize(events: 0, bytes: 0)
    package static let unlimited = BatchSize(events: .max, bytes: .max)

    package static func + (a: Self, b: Self) -> Self { Self(events: a.events + b.events, bytes: a.bytes + b.bytes) }
    package static func - (a: Self, b: Self) -> Self { Self(events: a.events - b.events, bytes: a.bytes - b.bytes) }
    package static func += (a: inout Self, b: Self) { a = a + b }
    package static func -= (a: inout Self, b: Self) { a = a - b }

    package func fits(in room: BatchSize) -> Bool { events <= room.events && bytes <= room.bytes }
    package func clamped(to limit: BatchSize) -> BatchSize {
        BatchSize(events: min(events, limit.events), bytes: min(bytes, limit.bytes))
    }
}
