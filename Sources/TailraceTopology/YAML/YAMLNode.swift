/// A piece of a YAML file with the place where it stands. Everything is text: `yes` and `08` stay as they are written.
package struct YAMLNode: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case scalar(String)
        case sequence([YAMLNode])
        case mapping([YAMLEntry])
    }
    package var value: Value
    package var place: FilePlace

    package init(_ value: Value, at place: FilePlace) { (self.value, self.place) = (value, place) }

    /// What it is, for messages.
    package var kind: String {
        switch value {
        case .scalar(let text): text.isEmpty ? "nothing" : "the text \"\(text.prefix(60))\""
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}

/// A key and its value; keys are text, and unique in their mapping.
package struct YAMLEntry: Hashable, Sendable {
    package var key: String
    package var place: FilePlace
    package var value: YAMLNode
    package init(key: String, place: FilePlace, value: YAMLNode) {
        (self.key, self.place, self.value) = (key, place, value)
    }
}

/// Both from 1, as editors count.
package struct FilePlace: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var line: Int
    package var column: Int
    package init(line: Int, column: Int) { (self.line, self.column) = (line, column) }
    package static let start = FilePlace(line: 1, column: 1)
    package static func < (a: Self, b: Self) -> Bool { (a.line, a.column) < (b.line, b.column) }
    package var description: String { "\(line):\(column)" }
}

/// A mistake in a topology file: "two-tier.yaml:3:5: …".
package struct FileProblem: Hashable, Sendable, CustomStringConvertible {
    package var file: String
    package var place: FilePlace
    package var message: String
    /// An action that the reader can do.
    package var fix: String

    package init(file: String, place: FilePlace, message: String, fix: String) {
        (self.file, self.place, self.message, self.fix) = (file, place, message, fix)
    }
    package var description: String { "\(file):\(place): \(message). Fix: \(fix)" }
}
