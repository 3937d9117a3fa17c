import TailraceCore

/// The charsets of Java's names that text files come in. What has none of these is converted before it is read (`iconv`).
package enum Charset: String, Choice {
    case utf8 = "UTF-8", ascii = "US-ASCII", latin1 = "ISO-8859-1", utf16be = "UTF-16BE", utf16le = "UTF-16LE"

    package init?(configured text: String) {
        switch text.lowercased() {
        case "utf-8", "utf8": self = .utf8
        case "us-ascii", "ascii": self = .ascii
        case "iso-8859-1", "latin1", "iso8859-1": self = .latin1
        case "utf-16be": self = .utf16be
        case "utf-16le": self = .utf16le
        default: return nil
        }
    }

    /// Bytes of a line end.
    package var unitBytes: Int { self == .utf16be || self == .utf16le ? 2 : 1 }
    /// The most bytes of one UTF-16 unit.
    package var mostBytesOfUnit: Int { self == .utf8 ? 3 : unitBytes }

    /// Whether these bytes are text, so that nothing has to be done to pass them on as they are.
    package func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .latin1: true
        case .ascii: Self.isASCII(bytes)
        case .utf8: Self.isASCII(bytes) || (try? UTF8Span(validating: bytes.bindMemory(to: UInt8.self).span)) != nil
        case .utf16be, .utf16le: decode(bytes, .fail) != nil
        }
    }

    /// As text; nil: it is none, and `onError` says fail.
    package func decode(_ bytes: UnsafeRawBufferPointer, _ onError: TextInput.ErrorPolicy) -> String? {
        switch self {
        case .latin1: return text(bytes.lazy.map(UInt16.init), as: UTF16.self, onError)
        case .ascii: return text(bytes, as: Unicode.ASCII.self, onError)
        case .utf8: return text(bytes, as: UTF8.self, onError)
        case .utf16be, .utf16le:
            let high = self == .utf16be ? 0 : 1
            let units = (0..<bytes.count / 2).lazy.map { UInt16(bytes[$0 * 2 + high]) << 8 | UInt16(bytes[$0 * 2 + 1 - high]) }
            guard let text = text(units, as: UTF16.self, onError) else { return nil }
            if bytes.count % 2 == 0 { return text }
            switch onError {
            case .fail: return nil
            case .replace: return text + "\u{FFFD}"
            case .ignore: return text
            }
        }
    }

    /// `?` for what the charset does not have, as in Java.
    package func encode(_ text: String) -> [UInt8] {
        switch self {
        case .utf8: Array(text.utf8)
        case .ascii: text.unicodeScalars.map { $0.value < 0x80 ? UInt8($0.value) : UInt8(ascii: "?") }
        case .latin1: text.unicodeScalars.map { $0.value < 0x100 ? UInt8($0.value) : UInt8(ascii: "?") }
        case .utf16be: text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        case .utf16le: text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        }
    }

    private static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index + 8 <= bytes.count {
            if bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { return false }
            index += 8
        }
        return bytes[index...].allSatisfy { $0 < 0x80 }
    }

    private func text<Encoding: Unicode.Encoding>(
        _ units: some Sequence<Encoding.CodeUnit>, as encoding: Encoding.Type, _ onError: TextInput.ErrorPolicy
    ) -> String? {
        var parser = Encoding.ForwardParser(), iterator = units.makeIterator(), text = ""
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let scalar): text.unicodeScalars.append(Encoding.decode(scalar))
            case .emptyInput: return text
            case .error:
                switch onError {
                case .fail: return nil
                case .replace: text.unicodeScalars.append("\u{FFFD}")
                case .ignore: break
                }
            }
        }
    }
}
