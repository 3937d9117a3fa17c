import Glibc
package import TailraceCore

package struct LineDeserializerConfiguration: DeserializerConfiguration {
    package var maxLineLength = 2_048
    package var outputCharset = Charset.utf8
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "line", classNames: ["org.apache.flume.serialization.LineDeserializer$Builder"],
        summary: "Each line is an event, without its line end (LF); a CR before it stays in the body, as in Flume.",
        keys: [
            .value(
                "maxLineLength", \.maxLineLength, .within(1...Limits.eventBytes), unit: "characters",
                "A longer line is cut, and its rest is the next event; counted in cut_lines_total. (Flume gives an empty event more behind a line of just this length; Tailrace does not.)"
            ),
            .value("outputCharset", \.outputCharset, .anything, unit: "charset", "What the bodies are written in."),
        ])

    package func makeDeserializer(
        _ input: TextInput, at place: DeserializerPlace, _ environment: Environment
    ) -> any EventDeserializer {
        LineDeserializer(self, input, at: place, cutLines: environment.counter("cut_lines_total"))
    }
}

/// Lines as events. Bodies are parts of the block that was read, without a copy, unless a line has to be converted.
package final class LineDeserializer: EventDeserializer {
    package private(set) var offset: Int64
    package let wanted: Int
    package var place: DeserializerPlace { DeserializerPlace(offset: offset) }

    private let input: TextInput
    private let output: Charset
    /// In UTF-16 units, as Java counts.
    private let maxLineLength: Int
    /// Bytes of a line that is certainly not too long, and of one that certainly is.
    private let maxBytes: Int
    private let cutLines: Counter

    package init(
        _ configuration: LineDeserializerConfiguration, _ input: TextInput, at place: DeserializerPlace, cutLines: Counter
    ) {
        (offset, self.input, output, self.cutLines) = (place.offset, input, configuration.outputCharset, cutLines)
        maxLineLength = configuration.maxLineLength
        maxBytes =
            min(maxLineLength * input.charset.mostBytesOfUnit, Limits.eventBytes) / input.charset.unitBytes
            * input.charset.unitBytes
        // One character more shows whether the line ends there.
        wanted = maxBytes + 4
    }

    package func next(_ block: Bytes, isEnd: Bool, upTo limit: BatchSize) throws(TailraceError) -> EventBatch {
        try block.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws(TailraceError) in
            try next(bytes, in: block, isEnd: isEnd, upTo: limit)
        }
    }

    private func next(
        _ bytes: UnsafeRawBufferPointer, in block: Bytes, isEnd: Bool, upTo limit: BatchSize
    ) throws(TailraceError) -> EventBatch {
        var lines: [BodyRange] = [], at = 0, mustConvert = false, failure: TailraceError?
        while lines.count < limit.events, let line = line(bytes, from: at, isEnd: isEnd) {
            guard lines.isEmpty || line.end <= limit.bytes else { break }
            let text = UnsafeRawBufferPointer(rebasing: bytes[at..<line.end])
            if !isTakenAsItIs(text) {
                if input.onError == .fail, !input.charset.isValid(text) {
                    failure = undecodable(at: at, text.count)
                    break
                }
                mustConvert = true
            }
            lines.append(
                BodyRange(start: UInt32(block.startIndex + at), end: UInt32(block.startIndex + line.end)))
            if line.isCut { cutLines.add(1) }
            at = line.next
        }
        if lines.isEmpty, let failure { throw failure }
        offset += Int64(at)
        guard mustConvert else { return EventBatch(block.buffer, lines) }
        return converted(lines, block.buffer)
    }

    private struct Line {
        var end: Int
        var next: Int
        var isCut = false
    }

    /// The line at `start`, or nil: it is not known yet where it ends, or there is none.
    private func line(_ bytes: UnsafeRawBufferPointer, from start: Int, isEnd: Bool) -> Line? {
        guard start < bytes.count else { return nil }
        let window = UnsafeRawBufferPointer(rebasing: bytes[start..<min(bytes.count, start + wanted)])
        let found = lineEnd(window), whole = found ?? window.count
        let allowed = cut(UnsafeRawBufferPointer(rebasing: window[..<whole]))
        if allowed < whole { return Line(end: start + allowed, next: start + allowed, isCut: true) }
        if let found { return Line(end: start + found, next: start + found + input.charset.unitBytes) }
        // It may go on, unless the file ends here.
        return isEnd ? Line(end: start + whole, next: start + whole) : nil
    }

    private func lineEnd(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard input.charset.unitBytes == 2 else {
            return memchr(bytes.baseAddress!, 0x0A, bytes.count).map { UnsafeRawPointer($0) - bytes.baseAddress! }
        }
        let high = input.charset == .utf16be ? 0 : 1
        return stride(from: 0, to: bytes.count - 1, by: 2).first {
            bytes[$0 + high] == 0 && bytes[$0 + 1 - high] == 0x0A
        }
    }

    /// How many bytes of the line one event may have: all, or whole characters up to the limit.
    private func cut(_ line: UnsafeRawBufferPointer) -> Int {
        if line.count <= maxLineLength * input.charset.unitBytes, line.count <= Limits.eventBytes { return line.count }
        guard input.charset == .utf8 else {
            let most = min(line.count, maxBytes)
            guard input.charset.unitBytes == 2, most > 2, most < line.count else { return most }
            // Not between the two halves of a character.
            let high = line[input.charset == .utf16be ? most - 2 : most - 1]
            return (0xD8...0xDB).contains(high) ? most - 2 : most
        }
        var units = 0, index = 0
        while index < line.count {
            // Units of the character that begins here; a byte that is none counts as one.
            let lead = line[index], next: (bytes: Int, units: Int)
            switch lead {
            case 0xC2...0xDF: next = (2, 1)
            case 0xE0...0xEF: next = (3, 1)
            case 0xF0...0xF4: next = (4, 2)
            default: next = (1, 1)
            }
            let follow = line[(index + 1)...].prefix(next.bytes - 1).prefix { $0 & 0xC0 == 0x80 }.count
            let isWhole = follow == next.bytes - 1
            let bytes = isWhole ? next.bytes : 1, count = isWhole ? next.units : 1
            // (At least one character, or a limit of one would never get past a character of two units.)
            guard index == 0 || (units + count <= maxLineLength && index + bytes <= Limits.eventBytes) else { return index }
            (units, index) = (units + count, index + bytes)
        }
        return line.count
    }

    private func isTakenAsItIs(_ text: UnsafeRawBufferPointer) -> Bool {
        let isSame = input.charset == output || (input.charset == .ascii && output != .utf16be && output != .utf16le)
        if isSame { return input.charset.isValid(text) }
        // ASCII is the same in all charsets of single bytes.
        return input.charset.unitBytes == 1 && output.unitBytes == 1 && Charset.ascii.isValid(text)
    }

    private func converted(_ lines: [BodyRange], _ buffer: Buffer) -> EventBatch {
        var builder = EventBatchBuilder(capacity: lines.reduce(0) { $0 + $1.count })
        for line in lines {
            let text = UnsafeRawBufferPointer(start: buffer.base + Int(line.start), count: line.count)
            if isTakenAsItIs(text) {
                builder.append(text)
            } else {
                // (With the policy `fail` it was found valid before.)
                builder.append(output.encode(input.charset.decode(text, input.onError) ?? ""))
            }
        }
        return builder.finish()
    }

    private func undecodable(at index: Int, _ count: Int) -> TailraceError {
        TailraceError(
            code: "deserializer.charset",
            message: "the line of \(count) bytes at offset \(offset + Int64(index)) is not \(input.charset.rawValue)",
            fix: "set inputCharset to what the file is written in, or decodeErrorPolicy = REPLACE")
    }
}
