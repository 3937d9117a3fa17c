import Glibc
import TailraceCore

/// A date in the letters of Joda and SimpleDateFormat, read into milliseconds since 1970.
struct DatePattern: Equatable, Sendable {
    private enum Field: Equatable, Sendable {
        case literal([UInt8])
        case year, month, monthName, day, hour, hour12, halfDay, minute, second, fraction, weekday, offset
        var isNumber: Bool {
            switch self {
            case .year, .month, .day, .hour, .hour12, .minute, .second, .fraction: true
            case .literal, .monthName, .halfDay, .weekday, .offset: false
            }
        }
    }
    /// Of dates that name no zone.
    enum Zone: Equatable, Sendable {
        case local
        /// East of UTC.
        case fixed(seconds: Int)
    }
    private struct Piece: Equatable, Sendable {
        var field: Field
        var letters: Int
    }
    private var pieces: [Piece] = []

    init(_ text: String) throws(TailraceError) {
        let letters = Array(text.utf8)
        var at = 0, literal: [UInt8] = []
        func refuse(_ message: String) -> TailraceError {
            TailraceError(
                code: "configuration.date-pattern", message: "\"\(text)\" at offset \(at): \(message)",
                fix: "use y M d H h a m s S E Z, and '…' around text: yyyy-MM-dd HH:mm:ss")
        }
        while at < letters.count {
            let letter = letters[at]
            let isLetter = (65...90).contains(letter) || (97...122).contains(letter)
            if letter == UInt8(ascii: "'") {
                // '' is the sign itself, inside and outside of quotes.
                var end = at + 1
                if end < letters.count, letters[end] == letter {
                    literal.append(letter)
                    at += 2
                    continue
                }
                while end < letters.count {
                    if letters[end] == letter {
                        guard end + 1 < letters.count, letters[end + 1] == letter else { break }
                        end += 1
                    }
                    literal.append(letters[end])
                    end += 1
                }
                guard end < letters.count else { throw refuse("the quote is not closed") }
                at = end + 1
                continue
            }
            guard isLetter else {
                literal.append(letter)
                at += 1
                continue
            }
            let count = letters[at...].prefix { $0 == letter }.count
            let field: Field
            switch letter {
            case UInt8(ascii: "y"), UInt8(ascii: "Y"), UInt8(ascii: "u"): field = .year
            case UInt8(ascii: "M"): field = count < 3 ? .month : .monthName
            case UInt8(ascii: "d"): field = .day
            case UInt8(ascii: "H"): field = .hour
            case UInt8(ascii: "h"): field = .hour12
            case UInt8(ascii: "a"): field = .halfDay
            case UInt8(ascii: "m"): field = .minute
            case UInt8(ascii: "s"): field = .second
            case UInt8(ascii: "S"): field = .fraction
            case UInt8(ascii: "E"): field = .weekday
            case UInt8(ascii: "Z"), UInt8(ascii: "X"): field = .offset
            default: throw refuse("the letter \(Character(UnicodeScalar(letter))) is not supported")
            }
            if !literal.isEmpty { pieces.append(Piece(field: .literal(literal), letters: 0)) }
            literal = []
            pieces.append(Piece(field: field, letters: count))
            at += count
        }
        if !literal.isEmpty { pieces.append(Piece(field: .literal(literal), letters: 0)) }
        guard pieces.contains(where: { $0.letters > 0 }) else { throw refuse("there is no field in it") }
    }

    /// nil: the text is no such date.
    func milliseconds(_ text: UnsafeRawBufferPointer, in zone: Zone) -> Int64? {
        var date = Date(), at = 0
        for (index, piece) in pieces.enumerated() {
            switch piece.field {
            case .literal(let wanted):
                guard text[at...].starts(with: wanted) else { return nil }
                at += wanted.count
            case .monthName, .weekday:
                let names = piece.field == .monthName ? Self.months : Self.weekdays
                guard let (number, length) = Self.name(text[at...], names) else { return nil }
                if piece.field == .monthName { date.month = number + 1 }
                at += length
            case .halfDay:
                guard let (number, length) = Self.name(text[at...], ["am", "pm"]) else { return nil }
                date.isAfternoon = number == 1
                at += length
            case .offset:
                guard let (seconds, length) = Self.offset(text[at...]) else { return nil }
                date.offset = seconds
                at += length
            case let field:
                // A number ends where the next field begins, or else with its digits.
                let isJoined = index + 1 < pieces.count && pieces[index + 1].field.isNumber
                let most = isJoined ? piece.letters : field == .year || field == .fraction ? 9 : max(2, piece.letters)
                let digits = text[at...].prefix(most).prefix { (48...57).contains($0) }
                guard !digits.isEmpty, !isJoined || digits.count == most else { return nil }
                date.set(field, digits, letters: piece.letters)
                at += digits.count
            }
        }
        return at == text.count ? date.milliseconds(in: zone) : nil
    }

    private struct Date {
        var year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, millisecond = 0
        var isAfternoon: Bool?
        var offset: Int?

        mutating func set(_ field: Field, _ digits: Slice<UnsafeRawBufferPointer>, letters: Int) {
            let value = digits.reduce(0) { $0 * 10 + Int($1 - 48) }
            switch field {
            case .year: year = letters == 2 && digits.count == 2 ? value + (value < 70 ? 2000 : 1900) : value
            case .month: month = value
            case .day: day = value
            case .hour: hour = value
            case .hour12: hour = value == 12 ? 0 : value
            case .minute: minute = value
            case .second: second = value
            case .fraction:
                let three = digits.prefix(3).reduce(0) { $0 * 10 + Int($1 - 48) }
                millisecond = digits.count == 1 ? three * 100 : digits.count == 2 ? three * 10 : three
            case .literal, .monthName, .halfDay, .weekday, .offset: preconditionFailure("no number")
            }
        }

        func milliseconds(in zone: Zone) -> Int64? {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            guard (0...9999).contains(year), (1...12).contains(month),
                (1...[31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]).contains(day)
            else { return nil }
            let hour = isAfternoon == true && hour < 12 ? hour + 12 : hour
            guard hour < 24, minute < 60, second < 61 else { return nil }
            var seconds: Int64
            if offset == nil, zone == .local {
                var parts = tm()
                (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(year - 1900), Int32(month - 1), Int32(day))
                (parts.tm_hour, parts.tm_min, parts.tm_sec, parts.tm_isdst) = (Int32(hour), Int32(minute), Int32(second), -1)
                seconds = Int64(mktime(&parts))
            } else {
                // Days from 1970, in years that begin in March.
                let y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400
                let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
                let days = era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
                seconds = Int64(days * 86_400 + hour * 3_600 + minute * 60 + second)
                if let offset { seconds -= Int64(offset) } else if case .fixed(let east) = zone { seconds -= Int64(east) }
            }
            return seconds * 1_000 + Int64(millisecond)
        }
    }

    private static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december",
    ]
    private static let weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

    /// A name in full or its first three letters, in any case of letters.
    private static func name(_ text: Slice<UnsafeRawBufferPointer>, _ names: [String]) -> (number: Int, length: Int)? {
        let word = String(decoding: text.prefix(9), as: UTF8.self).lowercased()
        for (number, name) in names.enumerated() {
            if word.hasPrefix(name) { return (number, name.utf8.count) }
        }
        for (number, name) in names.enumerated() where word.hasPrefix(name.prefix(3)) { return (number, min(3, name.count)) }
        return nil
    }

    /// `Z`, `+0100`, `+01:00` or `+01`, in seconds.
    static func offset(_ text: some Collection<UInt8>) -> (seconds: Int, length: Int)? {
        let bytes = Array(text.prefix(6))
        guard let first = bytes.first else { return nil }
        if first == UInt8(ascii: "Z") { return (0, 1) }
        guard first == UInt8(ascii: "+") || first == UInt8(ascii: "-") else { return nil }
        func two(_ at: Int) -> Int? {
            guard at + 1 < bytes.count, (48...57).contains(bytes[at]), (48...57).contains(bytes[at + 1]) else { return nil }
            return Int(bytes[at] - 48) * 10 + Int(bytes[at + 1] - 48)
        }
        guard let hours = two(1), hours < 24 else { return nil }
        let colon = bytes.count > 3 && bytes[3] == UInt8(ascii: ":") ? 1 : 0
        let minutes = two(3 + colon), sign = first == UInt8(ascii: "-") ? -1 : 1
        guard minutes ?? 0 < 60 else { return nil }
        return (sign * (hours * 3_600 + (minutes ?? 0) * 60), minutes == nil ? 3 : 5 + colon)
    }
}
