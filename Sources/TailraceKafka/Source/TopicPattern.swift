import TailraceCore

/// A Java regular expression for topics' names (`kafka.topics.regex`, which must match the whole name) as librdkafka wants it:
/// POSIX extended, begun with `^`. What POSIX lacks is refused, not passed to mean something else.
enum TopicPattern {
    static func translated(_ java: String) throws(TailraceError) -> String {
        var result = "", letters = Array(java)[...], isInSet = false
        func refused(_ what: String) -> TailraceError {
            TailraceError(
                code: "kafka.topic-pattern", message: "kafka.topics.regex uses \(what), which this client's patterns lack",
                fix: "use letters, ., [..], |, (..), *, + and ? only, or list the topics in kafka.topics")
        }
        while let letter = letters.popFirst() {
            switch letter {
            case "\\":
                guard let next = letters.popFirst() else { throw refused("a backslash at its end") }
                switch next {
                case "d": result += isInSet ? "0-9" : "[0-9]"
                case "w": result += isInSet ? "A-Za-z0-9_" : "[A-Za-z0-9_]"
                case "." where isInSet: result.append(".")
                // Elsewhere in a set it would make a range.
                case "-" where isInSet && letters.first == "]": result.append("-")
                case _ where isInSet: throw refused("\\\(next) within [..]")
                case "-", "_": result.append(next)
                case _ where next.isLetter || next.isNumber: throw refused("\\\(next)")
                default: result += "\\\(next)"
                }
            case "[" where !isInSet:
                isInSet = true
                result.append(letter)
            case "[": throw refused("a set within a set")
            case "]" where isInSet:
                isInSet = false
                result.append(letter)
            case "&" where isInSet: throw refused("&& within [..]")
            case "(" where !isInSet && letters.first == "?": throw refused("(?…)")
            case "*", "+", "?", "}":
                result.append(letter)
                if !isInSet, let next = letters.first, next == "?" || next == "+" { throw refused("\(letter)\(next)") }
            default: result.append(letter)
            }
        }
        guard !isInSet else { throw refused("a [ that is not closed") }
        guard !result.isEmpty else { throw refused("nothing at all") }
        return result.contains("|") ? "^(\(result))$" : "^\(result)$"
    }
}
