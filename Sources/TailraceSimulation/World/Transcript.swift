import TailraceCore

/// What happened in a simulated world, in order. The same seed gives the same hash, line by line; two runs that differ show
/// by their lines where they began to.
package struct Transcript {
    /// Of everything that was noted (FNV-1a, 64 bits).
    package private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    package private(set) var count = 0
    /// The last lines; none where ``keptLines`` is 0.
    package private(set) var lines: [String] = []
    /// How many lines are kept at least, as text. Long runs over many seeds want 0: texts cost more than what they tell of.
    package var keptLines = 20_000

    package init() {}

    mutating func note(_ time: Instant, _ what: StaticString, _ subject: String, _ first: Int, _ second: Int) {
        count += 1
        mix(UInt64(bitPattern: time.nanoseconds))
        what.withUTF8Buffer { for byte in $0 { mix(UInt64(byte)) } }
        for byte in subject.utf8 { mix(UInt64(byte)) }
        mix(UInt64(bitPattern: Int64(first)))
        mix(UInt64(bitPattern: Int64(second)))
        guard keptLines > 0 else { return }
        if lines.count >= 2 * keptLines { lines.removeFirst(lines.count - keptLines) }
        lines.append("\(time.nanoseconds / 1000) \(what) \(subject) \(first) \(second)")
    }

    private mutating func mix(_ value: UInt64) { hash = (hash ^ value) &* 0x100_0000_01B3 }
}
