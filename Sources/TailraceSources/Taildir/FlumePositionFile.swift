package import TailraceCore

/// One entry of Flume's position file.
package struct FlumePosition: Hashable, Sendable {
    package var inode: UInt64
    package var offset: Int64
    package var path: String
    package init(inode: UInt64, offset: Int64, path: String) { (self.inode, self.offset, self.path) = (inode, offset, path) }
}

/// Flume's position file: `[{"inode":2496272,"pos":12,"file":"/var/log/a.log"},…]`, a JSON array without device numbers.
package enum FlumePositionFile {
    package static func encode(_ positions: [FlumePosition]) -> Bytes {
        var builder = BufferBuilder(capacity: 64 + positions.count * 96)
        builder.append(UInt8(ascii: "["))
        for (index, position) in positions.enumerated() {
            if index > 0 { builder.append(UInt8(ascii: ",")) }
            builder.append("{\"inode\":\(position.inode),\"pos\":\(position.offset),\"file\":\"".utf8)
            for byte in position.path.utf8 {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                    builder.append(UInt8(ascii: "\\"))
                    builder.append(byte)
                case 0..<0x20: builder.append("\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8)
                default: builder.append(byte)
                }
            }
            builder.append("\"}".utf8)
        }
        builder.append(UInt8(ascii: "]"))
        return builder.finish()
    }

    /// What could be read, and what was wrong. Flume writes the file in place, so that a crash leaves it empty or cut: the
    /// entries before the damage are as good as ever. Members are taken in any order, unknown ones are passed over.
    package static func decode(_ bytes: Bytes) -> (positions: [FlumePosition], problems: [String]) {
        var scanner = Scanner(bytes: bytes, at: bytes.startIndex)
        scanner.file()
        return (scanner.positions, scanner.problems)
    }

    private struct Damage: Error {
        var what: String
    }

    private struct Scanner {
        let bytes: Bytes
        var at: Int
        var positions: [FlumePosition] = []
        var problems: [String] = []

        init(bytes: Bytes, at: Int) { (self.bytes, self.at) = (bytes, at) }

        mutating func file() {
            do throws(Damage) {
                guard peek() != nil else { throw Damage(what: "it is empty") }
                try expect("[")
                if peek() == UInt8(ascii: "]") {
                    at += 1
                } else {
                    repeat { try entry() } while try more("]")
                }
                if peek() != nil { throw Damage(what: "something stands behind the array") }
            } catch {
                let place = bytes.isEmpty ? "" : " at byte \(at - bytes.startIndex) of \(bytes.count)"
                problems.append("\(error.what)\(place); \(positions.count) entries before it are used")
            }
        }

        private mutating func entry() throws(Damage) {
            let start = at - bytes.startIndex
            var inode: Number?, offset: Number?, path: String?
            try expect("{")
            if peek() == UInt8(ascii: "}") {
                at += 1
            } else {
                repeat {
                    let name = try text()
                    try expect(":")
                    switch name {
                    case "inode": inode = try number()
                    case "pos": offset = try number()
                    case "file": path = try text()
                    default: try other()
                    }
                } while try more("}")
            }
            guard let inode, let offset, let path else {
                return problems.append("the entry at byte \(start) lacks inode, pos or file: passed over")
            }
            guard !inode.isNegative, let inodeValue = inode.magnitude else {
                return problems.append("inode \(inode.text) of \(path) is not possible: passed over")
            }
            guard !offset.isNegative, let offsetValue = offset.magnitude.flatMap({ Int64(exactly: $0) }) else {
                return problems.append("pos \(offset.text) of \(path) is not possible: passed over")
            }
            positions.append(FlumePosition(inode: inodeValue, offset: offsetValue, path: path))
        }

        private mutating func peek() -> UInt8? {
            while at < bytes.endIndex, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
            return at < bytes.endIndex ? bytes[at] : nil
        }
        private mutating func expect(_ sign: Unicode.Scalar) throws(Damage) {
            guard peek() == UInt8(ascii: sign) else { throw Damage(what: "\(sign) is missing") }
            at += 1
        }
        /// Behind an element: a comma (true), or the end.
        private mutating func more(_ end: Unicode.Scalar) throws(Damage) -> Bool {
            guard let byte = peek(), byte == UInt8(ascii: ",") || byte == UInt8(ascii: end) else {
                throw Damage(what: "a comma or \(end) is missing")
            }
            at += 1
            return byte == UInt8(ascii: ",")
        }

        private struct Number {
            var isNegative: Bool
            var text: String
            var magnitude: UInt64?
        }
        private mutating func number() throws(Damage) -> Number {
            let isNegative = peek() == UInt8(ascii: "-")
            if isNegative { at += 1 }
            let digits = bytes[at...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard !digits.isEmpty, digits.count <= 40 else { throw Damage(what: "a whole number is missing") }
            at += digits.count
            if at < bytes.endIndex, [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(bytes[at]) {
                throw Damage(what: "a whole number is missing")
            }
            return Number(isNegative: isNegative, text: (isNegative ? "-" : "") + digits.text, magnitude: UInt64(digits.text))
        }

        /// A value of a member that is not ours: text, number, true, false or null.
        private mutating func other() throws(Damage) {
            if peek() == UInt8(ascii: "\"") {
                _ = try text()
            } else {
                let word = bytes[at...].prefix { ![0x20, 0x2C, 0x7D, 0x5D, 0x0A].contains($0) }
                guard !word.isEmpty, !word.contains(UInt8(ascii: "{")), !word.contains(UInt8(ascii: "[")) else {
                    throw Damage(what: "a value is missing")
                }
                at += word.count
            }
        }

        private mutating func text() throws(Damage) -> String {
            try expect("\"")
            var result: [UInt8] = []
            while at < bytes.endIndex {
                let byte = bytes[at]
                at += 1
                switch byte {
                case UInt8(ascii: "\""): return String(decoding: result, as: UTF8.self)
                case UInt8(ascii: "\\"): result.append(contentsOf: String(try escape()).utf8)
                case 0..<0x20: throw Damage(what: "a control sign stands in a text")
                default: result.append(byte)
                }
            }
            throw Damage(what: "a text does not end")
        }
        private mutating func escape() throws(Damage) -> Unicode.Scalar {
            guard at < bytes.endIndex else { throw Damage(what: "a text does not end") }
            at += 1
            switch bytes[at - 1] {
            case UInt8(ascii: "b"): return "\u{8}"
            case UInt8(ascii: "f"): return "\u{C}"
            case UInt8(ascii: "n"): return "\n"
            case UInt8(ascii: "r"): return "\r"
            case UInt8(ascii: "t"): return "\t"
            case UInt8(ascii: "u"):
                let first = try unit()
                if (0xD800..<0xDC00).contains(first), at + 1 < bytes.endIndex, bytes[at] == UInt8(ascii: "\\"),
                    bytes[at + 1] == UInt8(ascii: "u")
                {
                    at += 2
                    let second = try unit()
                    guard (0xDC00..<0xE000).contains(second) else { return "\u{FFFD}" }
                    return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? "\u{FFFD}"
                }
                return Unicode.Scalar(first) ?? "\u{FFFD}"
            case let byte where [UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/")].contains(byte):
                return Unicode.Scalar(byte)
            default: throw Damage(what: "an escape is not known")
            }
        }
        private mutating func unit() throws(Damage) -> UInt32 {
            guard bytes.endIndex - at >= 4, let value = UInt32(bytes[at..<at + 4].text, radix: 16) else {
                throw Damage(what: "\\u needs four hexadecimal digits")
            }
            at += 4
            return value
        }
    }
}
