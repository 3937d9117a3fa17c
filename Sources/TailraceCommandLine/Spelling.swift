/// "Did you mean": near-misses among the names that are allowed. For the command line and the configuration alike.
package enum Spelling {
    /// Names longer than this are not compared: no such name is a typing error of a short one.
    private static let longest = 128
    /// More names than these are not looked through: a configuration of that size is written by a program.
    private static let mostNames = 1_000

    /// The allowed name that is nearest to `word`, or nil if none is near: one slip for up to five letters, and one more for
    /// each three that follow. Letter case, `-`, `_` and `.` do not count, so that `bachSize` finds `batch-size`.
    /// Of equally near ones the first.
    package static func nearest(to word: String, in allowed: some Sequence<String>) -> String? {
        let wanted = folded(word)
        guard !wanted.isEmpty, wanted.count <= longest else { return nil }
        var best: (name: String, distance: Int)?
        for name in allowed.prefix(mostNames) where name != word {
            let candidate = folded(name), tolerated = max(1, (min(wanted.count, candidate.count) - 2) / 3)
            guard candidate.count <= longest, abs(candidate.count - wanted.count) <= tolerated else { continue }
            let distance = distance(wanted, candidate)
            if distance <= tolerated, distance < candidate.count, distance < best?.distance ?? .max { best = (name, distance) }
        }
        return best?.name
    }

    private static func folded(_ text: String) -> [UInt8] {
        text.lowercased().utf8.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: ".") }
    }

    /// Slips between two words: a letter too many, too few, wrong, or two swapped.
    package static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var before: [Int] = [], last = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var cost = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
                row.append(cost)
            }
            (before, last) = (last, row)
        }
        return last[b.count]
    }
}
