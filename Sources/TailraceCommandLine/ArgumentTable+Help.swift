extension ArgumentTable {
    /// What `--help` shows: purpose, usage, options, sections, an example.
    package var help: String {
        var text = "\(fullName): \(summary)\n\nUsage: \(usage)\n"
        if !positionals.isEmpty {
            text += "\nArguments:\n" + Columns(positionals.map { ($0.usage, $0.help) }).text
        }
        text += "\nOptions:\n" + Columns(optionRows + [("-h, --help", "shows this text")]).text
        for section in sections { text += "\n\(section.title):\n" + Columns(section.rows.map { ($0.name, $0.help) }).text }
        return text + "\nExample:\n  \(example)\n"
    }

    /// "tailrace agent -n NAME -f FILE… [options]".
    package var usage: String {
        var words = [fullName]
        for option in options where option.isRequired {
            let name = option.short.map { "-\($0)" } ?? "--\(option.name)"
            words.append("\(name) \(option.valueName)\(option.kind == .repeated ? "…" : "")")
        }
        words += positionals.map(\.usage)
        if options.contains(where: { !$0.isRequired && !$0.isHidden }) { words.append("[options]") }
        return words.joined(separator: " ")
    }

    private var optionRows: [(String, String)] {
        options.filter { !$0.isHidden }.map { option in
            if option.kind == .definitions { return ("-\(option.short ?? "D")\(option.valueName)", option.help) }
            let short = option.short.map { "-\($0), " } ?? "    "
            let value = option.valueName.isEmpty ? "" : " " + option.valueName
            var notes: [String] = []
            if option.isRequired { notes.append("required") }
            if option.kind == .repeated { notes.append("may be repeated") }
            if !option.choices.isEmpty { notes.append("one of " + option.choices.joined(separator: ", ")) }
            if let initial = option.initial { notes.append("default \(initial)") }
            let note = notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))"
            return ("\(short)--\(option.name)\(value)", option.help + note)
        }
    }
}

/// A list in the help: "Exit codes", and what each one means.
package struct HelpSection: Sendable {
    package let title: String
    let rows: [(name: String, help: String)]
    package init(_ title: String, _ rows: [(name: String, help: String)]) { (self.title, self.rows) = (title, rows) }
}

/// Two columns, the second one wrapped.
struct Columns {
    private static let width = 100, widest = 30
    let text: String

    init(_ rows: [(String, String)]) {
        let left = min(Self.widest, rows.map(\.0.count).max() ?? 0), indent = String(repeating: " ", count: left + 4)
        text = rows.map { name, help in
            let lines = Self.wrap(help, Self.width - left - 4)
            // A name that is too wide has a line of its own.
            let first =
                name.count > left
                ? "  \(name)\n\(indent)" : "  \(name)" + String(repeating: " ", count: left + 2 - name.count)
            return first + lines.joined(separator: "\n\(indent)") + "\n"
        }.joined()
    }

    private static func wrap(_ text: String, _ width: Int) -> [String] {
        var lines = [""]
        for word in text.split(separator: " ") {
            if !lines.last!.isEmpty, lines.last!.count + 1 + word.count > width { lines.append("") }
            lines[lines.count - 1] += (lines.last!.isEmpty ? "" : " ") + word
        }
        return lines
    }
}
