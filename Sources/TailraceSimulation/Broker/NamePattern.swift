/// What of librdkafka's topic patterns tests need: literal characters, ".", ".*", and "$" at the end.
package struct NamePattern {
    private let parts: [Character?], hasEnd: Bool
    private let stars: Set<Int>

    package init(_ pattern: String) {
        var parts: [Character?] = [], stars: Set<Int> = []
        var text = Array(pattern.dropFirst())
        hasEnd = text.last == "$"
        if hasEnd { text.removeLast() }
        for character in text {
            if character == "*", !parts.isEmpty {
                stars.insert(parts.count - 1)
            } else {
                parts.append(character == "." ? nil : character)
            }
        }
        (self.parts, self.stars) = (parts, stars)
    }
    package func matches(_ name: String) -> Bool { match(Array(name)[...], 0) }
    private func match(_ rest: ArraySlice<Character>, _ part: Int) -> Bool {
        guard part < parts.count else { return !hasEnd || rest.isEmpty }
        let fits = rest.first.map { parts[part] == nil || parts[part] == $0 } ?? false
        if stars.contains(part) { return match(rest, part + 1) || fits && match(rest.dropFirst(), part) }
        return fits && match(rest.dropFirst(), part + 1)
    }
}
