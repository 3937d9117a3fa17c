package import TailraceCore

#if canImport(Glibc)
    import Glibc
#endif

/// The end of each line that `topology send` writes, " line=edge-1/42": whose file, and which line of it, from 0. By it the
/// audit counts lines from file to Kafka, whatever happened to the streams between.
package enum GeneratedLine {
    package static let marker = " line="
    /// Writer and number together.
    private static let longestEnd = 64

    package static func ending(_ writer: String, _ number: UInt64) -> String { "\(marker)\(writer)/\(number)" }

    /// nil: no such line. Without its line end.
    package static func parse(_ line: Bytes) -> (writer: String, number: UInt64)? {
        line.withUnsafeBytes { parse($0) }
    }
    package static func parse(_ line: UnsafeRawBufferPointer) -> (writer: String, number: UInt64)? {
        // From the back: digits, a slash, the writer, the marker. Most lines of others fail at their last byte.
        var position = line.count, number: UInt64 = 0, scale: UInt64 = 1, digits = 0
        while position > 0, digits < 20, case let digit = line[position - 1] &- 48, digit < 10 {
            let (part, overflow) = scale.multipliedReportingOverflow(by: UInt64(digit))
            let (sum, overflowed) = number.addingReportingOverflow(part)
            guard !overflow, !overflowed else { return nil }
            number = sum
            digits += 1
            position -= 1
            scale = digits < 20 ? scale * 10 : 0
        }
        guard digits > 0, position > 0, line[position - 1] == UInt8(ascii: "/") else { return nil }
        let writerEnd = position - 1, least = max(0, line.count - longestEnd)
        position = writerEnd
        while position > least, line[position - 1] != UInt8(ascii: "=") { position -= 1 }
        let marker = Array(Self.marker.utf8), start = position - marker.count
        guard start >= 0, position < writerEnd, line[start..<position].elementsEqual(marker) else { return nil }
        return (String(decoding: line[position..<writerEnd], as: UTF8.self), number)
    }
}
