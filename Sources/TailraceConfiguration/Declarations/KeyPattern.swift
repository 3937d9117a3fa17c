/// "kafka.producer.*", "headers.<group>.<key>", "priority.<sink>". A place in the middle holds what stands up to the next
/// dot; the last one, and the star, hold all the rest, dots included.
struct KeyPattern {
    private enum Segment { case literal(Substring), place }
    private let segments: [Segment]

    init(_ text: String) {
        segments = text.split(separator: ".", omittingEmptySubsequences: false).map { word in
            word == "*" || (word.hasPrefix("<") && word.hasSuffix(">")) ? .place : .literal(word)
        }
    }

    /// How many of its words are given: the pattern with more of them is the better match.
    var literals: Int { segments.count { if case .literal = $0 { true } else { false } } }
    var isPattern: Bool { literals < segments.count }

    /// What the places hold, or nil: no match.
    func match(_ key: String) -> [String]? {
        guard let words = split(key) else { return nil }
        var captured: [String] = []
        for (segment, word) in zip(segments, words) {
            switch segment {
            case .literal(let wanted): if word != wanted { return nil }
            case .place:
                if word.isEmpty { return nil }
                captured.append(String(word))
            }
        }
        return captured
    }

    /// The key as it would be with this pattern's words in it, for "did you mean".
    func suggestion(for key: String) -> String? {
        split(key).map { words in
            zip(segments, words).map { segment, word in
                if case .literal(let wanted) = segment { String(wanted) } else { String(word) }
            }.joined(separator: ".")
        }
    }

    /// As many words as there are segments; the last one has the rest.
    private func split(_ key: String) -> [Substring]? {
        let words = key.split(separator: ".", maxSplits: segments.count - 1, omittingEmptySubsequences: false)
        return words.count == segments.count ? words : nil
    }
}
