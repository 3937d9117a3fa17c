import TailraceCore

extension ProblemReport {
    /// `{"errors":1,"warnings":0,"notes":0,"problems":[{"severity":…,"code":…,"file":…,"line":…,"key":…,"message":…,"fix":…}]}`
    /// in one line; `fix` is null where there is none.
    package var json: String {
        let list = problems.map { problem in
            "{"
                + [
                    ("severity", Self.quoted(problem.severity.rawValue)), ("code", Self.quoted(problem.code)),
                    ("file", Self.quoted(problem.file)), ("line", String(problem.line)), ("key", Self.quoted(problem.key)),
                    ("message", Self.quoted(problem.message)), ("fix", problem.fix.map(Self.quoted) ?? "null"),
                ].map { "\(Self.quoted($0)):\($1)" }.joined(separator: ",") + "}"
        }
        let counts = "\"errors\":\(count(.error)),\"warnings\":\(count(.warning)),\"notes\":\(count(.note))"
        return "{\(counts),\"problems\":[\(list.joined(separator: ","))]}"
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case let control where control.value < 0x20: result += "\\u\(hexadecimal(control.value))"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
