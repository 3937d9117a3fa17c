#if canImport(Glibc)
    import Glibc
#endif
import TailraceCore

/// The zone in which a topic's time escapes are read.
package enum TopicTimeZone: String, Choice { case local, utc }

/// `kafka.topic` with Flume's escapes: `%{header}`, and times (`%Y-%m-%d`) from the header `timestamp`.
struct TopicTemplate: Equatable, Sendable {
    private enum Piece: Equatable, Sendable {
        case text(String)
        case header(String)
        case time(Character)
    }
    private let pieces: [Piece]
    /// The whole name, if there is nothing to expand.
    let constant: String?
    /// Names of the headers it looks at.
    let headers: [String]

    private static let timeLetters = Set<Character>("tsyYmndejHIklMSpaAbB")
    /// Escapes whose text no topic's name can have.
    private static let impossible: [Character: String] = [
        "c": "has blanks and colons", "D": "has slashes", "z": "has a plus or minus sign with digits of an offset",
        "%": "is a percent sign",
    ]

    /// Throws for an escape that can never give a valid name.
    init(_ text: String) throws(TailraceError) {
        var pieces: [Piece] = [], plain = "", rest = text[...]
        func add(_ piece: Piece) {
            if !plain.isEmpty { pieces.append(.text(plain)) }
            plain = ""
            pieces.append(piece)
        }
        while let letter = rest.popFirst() {
            guard letter == "%", let next = rest.first else {
                plain.append(letter)
                continue
            }
            if next == "{", let end = rest.firstIndex(of: "}"),
                Self.isHeaderName(rest[rest.index(after: rest.startIndex)..<end])
            {
                add(.header(String(rest[rest.index(after: rest.startIndex)..<end])))
                rest = rest[rest.index(after: end)...]
            } else if next == "[" {
                throw TailraceError(
                    code: "kafka.topic-escape", message: "%[…] (the agent's own host) is not supported in a topic",
                    fix: "add the host interceptor and write %{host}")
            } else if let reason = Self.impossible[next] {
                throw TailraceError(
                    code: "kafka.topic-escape", message: "%\(next) \(reason): no topic can have such a name",
                    fix: "leave it out")
            } else if next.isASCII, next.isLetter || next.isNumber || next == "_" {
                rest.removeFirst()
                if Self.timeLetters.contains(next) { add(.time(next)) }  // any other letter is empty text, as in Flume
            } else {
                plain.append(letter)
            }
        }
        if !plain.isEmpty { pieces.append(.text(plain)) }
        self.pieces = pieces
        var needed: [String] = [], isConstant = true, whole = ""
        for piece in pieces {
            switch piece {
            case .text(let text): whole += text
            case .header(let name): (isConstant, needed) = (false, needed + [name])
            case .time: (isConstant, needed) = (false, needed + ["timestamp"])
            }
        }
        constant = isConstant ? whole : nil
        headers = needed
    }

    private static func isHeaderName(_ name: Substring) -> Bool {
        !name.isEmpty && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "." || $0 == "-") }
    }

    /// A missing header is empty text; a missing or bad `timestamp` is an error of this event.
    func expanded(_ zone: TopicTimeZone, _ header: (String) -> Bytes?) throws(TailraceError) -> String {
        if let constant { return constant }
        var result = "", time: Time?
        for piece in pieces {
            switch piece {
            case .text(let text): result += text
            case .header(let name): result += header(name)?.text ?? ""
            case .time(let letter):
                if time == nil { time = try Time(header("timestamp"), zone) }
                result += time!.text(letter)
            }
        }
        return result
    }

    private struct Time {
        let milliseconds: Int64
        let parts: tm

        init(_ header: Bytes?, _ zone: TopicTimeZone) throws(TailraceError) {
            guard let header, let milliseconds = Int64(header.text), abs(milliseconds) < 1 << 52 else {
                throw TailraceError(
                    code: "kafka.topic-time",
                    message: header == nil
                        ? "kafka.topic has a time, but the event has no header \"timestamp\""
                        : "kafka.topic has a time, but the header \"timestamp\" is not a number of milliseconds",
                    fix: "add the timestamp interceptor at the source")
            }
            self.milliseconds = milliseconds
            var seconds = time_t(milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000), parts = tm()
            switch zone {
            case .local: localtime_r(&seconds, &parts)
            case .utc: gmtime_r(&seconds, &parts)
            }
            self.parts = parts
        }

        func text(_ letter: Character) -> String {
            let year = Int(parts.tm_year) + 1900, hour = Int(parts.tm_hour), half = hour % 12 == 0 ? 12 : hour % 12
            switch letter {
            case "t": return String(milliseconds)
            case "s": return String(milliseconds / 1000)
            case "Y": return padded(year, 4)
            case "y": return padded(year % 100, 2)
            case "m": return padded(Int(parts.tm_mon) + 1, 2)
            case "n": return String(parts.tm_mon + 1)
            case "d": return padded(Int(parts.tm_mday), 2)
            case "e": return String(parts.tm_mday)
            case "j": return padded(Int(parts.tm_yday) + 1, 3)
            case "H": return padded(hour, 2)
            case "I": return padded(half, 2)
            case "k": return String(hour)
            case "l": return String(half)
            case "M": return padded(Int(parts.tm_min), 2)
            case "S": return padded(Int(parts.tm_sec), 2)
            case "p": return hour < 12 ? "AM" : "PM"
            case "a": return String(Self.days[Int(parts.tm_wday)].prefix(3))
            case "A": return Self.days[Int(parts.tm_wday)]
            case "b": return String(Self.months[Int(parts.tm_mon)].prefix(3))
            default: return Self.months[Int(parts.tm_mon)]
            }
        }
        private func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
        private static let months = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
            "December",
        ]
    }
}
