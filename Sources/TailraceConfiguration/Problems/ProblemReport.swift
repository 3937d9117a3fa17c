package import TailraceCore

/// Problems in the order of the files and their lines, as text for people or as JSON.
package struct ProblemReport: Sendable {
    package let problems: [ConfigurationProblem]

    /// `files`: names in the order in which they were given; problems of other files come behind them.
    package init(_ problems: [ConfigurationProblem], files: [String] = []) {
        // Sorted by place alone; what is at one place stays in the order in which it was found.
        let placed = problems.enumerated().map { offset, problem in
            (problem, file: files.firstIndex(of: problem.file) ?? files.count, offset: offset)
        }
        self.problems = placed.sorted { a, b in
            (a.file, a.0.file, a.0.line, a.offset) < (b.file, b.0.file, b.0.line, b.offset)
        }.map(\.0)
    }

    package func count(_ severity: ConfigurationProblem.Severity) -> Int { problems.count { $0.severity == severity } }
    package var hasErrors: Bool { count(.error) > 0 }

    /// `file:line: error: key: message`, the remedy under it, and a summary as the last line.
    package func text(colours: Bool = false) -> String {
        var text = ""
        for problem in problems {
            let place = [problem.file, problem.line > 0 ? "\(problem.line)" : ""].filter { !$0.isEmpty }.joined(separator: ":")
            let paint = colours ? Self.paint(problem.severity) : ("", "")
            text += place.isEmpty ? "" : "\(place): "
            text += "\(paint.0)\(problem.severity.rawValue):\(paint.1) "
            text += problem.key.isEmpty ? "" : "\(Self.line(problem.key)): "
            text += Self.line(problem.message) + "\n"
            if let fix = problem.fix { text += "    fix: \(Self.line(fix))\n" }
        }
        return text + summary + "\n"
    }

    /// "2 errors, 1 warning" or "no problems".
    package var summary: String {
        let severities: [ConfigurationProblem.Severity] = [.error, .warning, .note]
        let counts = severities.compactMap { severity in
            let count = count(severity)
            return count == 0 ? nil : "\(count) \(severity.rawValue)\(count == 1 ? "" : "s")"
        }
        return counts.isEmpty ? "no problems" : counts.joined(separator: ", ")
    }

    private static func paint(_ severity: ConfigurationProblem.Severity) -> (String, String) {
        let colour =
            switch severity {
            case .error: "31"
            case .warning: "33"
            case .note: "36"
            }
        return ("\u{1B}[1;\(colour)m", "\u{1B}[0m")
    }

    /// One line of bounded length without control characters: keys and values are somebody else's text.
    private static func line(_ text: String) -> String {
        let longest = 1_000
        let visible = text.unicodeScalars.prefix(longest + 1).map { scalar -> String in
            switch scalar {
            case "\n": "\\n"
            case "\r": "\\r"
            case "\t": "\\t"
            case let control where control.properties.generalCategory == .control: "\\u\(hexadecimal(control.value))"
            default: String(Character(scalar))
            }
        }
        return visible.count > longest ? visible.prefix(longest).joined() + "…" : visible.joined()
    }
}

/// Four digits.
func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}
