import TailraceCore

/// A value taken apart: text, and references `${name}` or `${name:-fallback}`, whose parts may hold references again.
/// One pass over its bytes; a `${` without its brace is text.
struct Template {
    enum Piece: Hashable {
        /// Escapes are undone: `$${x}` is the text `${x}`.
        case text(String)
        case reference(String, fallback: String?)
    }
    private(set) var pieces: [Piece] = []
    /// False: the value stands for itself.
    private(set) var hasReferences = false

    private static let dollar = UInt8(ascii: "$"), open = UInt8(ascii: "{"), close = UInt8(ascii: "}")

    init(_ text: String) {
        let bytes = Array(text.utf8), ends = Self.ends(bytes)
        var at = 0, from = 0
        func flush(_ end: Int) { if end > from { pieces.append(.text(String(decoding: bytes[from..<end], as: UTF8.self))) } }
        while at < bytes.count {
            guard Self.opens(bytes, at) else {
                at += 1
                continue
            }
            if at > from, bytes[at - 1] == Self.dollar {
                // The dollar before it is the escape: it goes, the rest stays as it is.
                flush(at - 1)
                (from, hasReferences) = (at, true)
                at += 2
            } else if let end = ends[at] {
                flush(at)
                pieces.append(Self.reference(bytes[at + 2..<end]))
                hasReferences = true
                at = end + 1
                from = at
            } else {
                at += 2
            }
        }
        flush(at)
    }

    private static func opens(_ bytes: [UInt8], _ at: Int) -> Bool {
        at + 1 < bytes.count && bytes[at] == dollar && bytes[at + 1] == open
    }

    /// For each `${` the index of the brace that closes it.
    private static func ends(_ bytes: [UInt8]) -> [Int: Int] {
        var ends: [Int: Int] = [:], starts: [Int] = []
        for at in bytes.indices {
            if opens(bytes, at) { starts.append(at) }
            if bytes[at] == close, let start = starts.popLast() { ends[start] = at }
        }
        return ends
    }

    /// Split at the first `:-` that is not within an inner reference.
    private static func reference(_ bytes: ArraySlice<UInt8>) -> Piece {
        var depth = 0
        for at in bytes.indices.dropLast() {
            if bytes[at] == dollar, bytes[at + 1] == open { depth += 1 }
            if bytes[at] == close { depth -= 1 }
            if depth == 0, bytes[at] == UInt8(ascii: ":"), bytes[at + 1] == UInt8(ascii: "-") {
                return .reference(
                    String(decoding: bytes[..<at], as: UTF8.self), fallback: String(decoding: bytes[(at + 2)...], as: UTF8.self)
                )
            }
        }
        return .reference(String(decoding: bytes, as: UTF8.self), fallback: nil)
    }

    /// All names that the values refer to, inner ones and those of fallbacks too.
    static func names(in values: [String]) -> Set<String> {
        var names: Set<String> = []
        func visit(_ text: String, _ depth: Int) {
            guard depth < Limits.configurationNesting, text.utf8.contains(dollar) else { return }
            for case .reference(let name, let fallback) in Template(text).pieces {
                names.insert(name)
                visit(name, depth + 1)
                if let fallback { visit(fallback, depth + 1) }
            }
        }
        for value in values { visit(value, 0) }
        return names
    }
}
