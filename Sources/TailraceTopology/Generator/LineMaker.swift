package import TailraceCore

/// Lines that look like those of a service, of a given length, each with its number at the end (``GeneratedLine``). The same
/// writer and number give the same line.
package struct LineMaker: Sendable {
    private let writer: String
    private let bytes: Int
    private static let levels = ["INFO ", "INFO ", "INFO ", "INFO ", "DEBUG", "WARN ", "ERROR"]
    private static let places = ["OrderService", "PaymentGateway", "CartController", "SearchIndex", "SessionStore", "Mailer"]
    private static let events = [
        "order accepted", "payment authorised", "cart updated", "query answered", "session renewed", "mail queued",
        "cache miss", "retry scheduled",
    ]
    private static let filling = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)

    /// `bytes`: of a line with its line end; longer where the number does not fit.
    package init(writer: String, bytes: Int) { (self.writer, self.bytes) = (writer, bytes) }

    /// Appends line `number` and its line end. `time`: for its beginning.
    package func append(_ number: UInt64, _ time: WallTime, to buffer: inout [UInt8]) {
        var random = SeededRandom(seed: number).split(writer)
        let start = buffer.count, ending = GeneratedLine.ending(writer, number)
        buffer += Self.text(time).utf8
        buffer += " \(Self.levels.randomElement(using: &random)!) [worker-\(number % 16)] ".utf8
        buffer += "c.e.shop.\(Self.places.randomElement(using: &random)!): \(Self.events.randomElement(using: &random)!)".utf8
        buffer += " in \(random.next() % 900 + 1) ms, trace=".utf8
        let room = bytes - 1 - ending.utf8.count - (buffer.count - start)
        var word = random.next()
        for _ in 0..<max(1, room) {
            buffer.append(Self.filling[Int(word % 36)])
            word /= 36
            if word == 0 { word = random.next() }
        }
        buffer += ending.utf8
        buffer.append(UInt8(ascii: "\n"))
    }

    /// "2026-11-24T13:20:38.123Z".
    static func text(_ time: WallTime) -> String {
        let (days, milliseconds) = time.milliseconds.quotientAndRemainder(dividingBy: 86_400_000)
        let (year, month, day) = date(days)
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let seconds = milliseconds / 1_000, rest = milliseconds % 1_000
        return "\(year)-\(two(month))-\(two(day))T\(two(seconds / 3_600)):\(two(seconds / 60 % 60)):\(two(seconds % 60))."
            + (rest < 100 ? "0" : "") + (rest < 10 ? "0" : "") + "\(rest)Z"
    }
    /// Days since 1970-01-01 to the Gregorian date, by eras of 400 years that begin in March.
    private static func date(_ days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468, era = shifted / 146_097, dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
