/// "Did you mean": which of some words somebody meant.
package enum Spelling {
    /// The word with the fewest changed, missing, added or swapped letters, if they are few; the first of equals.
    package static func nearest(to word: String, in words: [String]) -> String? {
        let wanted = Array(word.lowercased().utf8.prefix(64))
        let best = words.map { ($0, distance(wanted, Array($0.lowercased().utf8.prefix(64)))) }.min { $0.1 < $1.1 }
        guard let best, best.1 <= max(1, min(wanted.count, best.0.utf8.count) / 3) else { return nil }
        return best.0
    }

    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var before: [Int] = [], last = Array(0...b.count)
        for (i, letter) in a.enumerated() {
            var line = [i + 1]
            for (j, other) in b.enumerated() {
                var cost = min(last[j] + (letter == other ? 0 : 1), last[j + 1] + 1, line[j] + 1)
                if i > 0, j > 0, letter == b[j - 1], a[i - 1] == other { cost = min(cost, before[j - 1] + 1) }
                line.append(cost)
            }
            (before, last) = (last, line)
        }
        return last[b.count]
    }
}
