package import TailraceCore

/// Tailrace's own state file, as text:
///
///     tailrace taildir 1
///     DEVICE INODE INCARNATION OFFSET HEAD TAIL FLAG PATH
///     end COUNT HASH
///
/// Numbers are decimal, hashes and the incarnation hexadecimal; FLAG is `f` for a finished file, else `-`. In the path `%`,
/// controls and line ends are written as `%` and two hexadecimal digits. HASH is that of all bytes before the line `end`: a
/// file that is cut or changed is noticed, and is then not used at all.
package enum TaildirStateFile {
    private static let title = "tailrace taildir 1"

    package static func encode(_ entries: [TaildirEntry]) -> Bytes {
        var builder = BufferBuilder(capacity: 64 + entries.count * 160)
        builder.append("\(title)\n".utf8)
        for entry in entries {
            let place = entry.place
            builder.append("\(entry.identity.device) \(entry.identity.inode) \(hexadecimal(entry.incarnation)) ".utf8)
            builder.append("\(place.offset) \(hexadecimal(place.head)) \(hexadecimal(place.tail)) ".utf8)
            builder.append(entry.isFinished ? "f ".utf8 : "- ".utf8)
            for byte in entry.path.utf8 {
                if byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "%") {
                    builder.append("%\(byte < 16 ? "0" : "")\(hexadecimal(UInt64(byte)))".utf8)
                } else {
                    builder.append(byte)
                }
            }
            builder.append(UInt8(ascii: "\n"))
        }
        builder.append("end \(entries.count) \(hexadecimal(FilePlace.hash(builder.bytes)))\n".utf8)
        return builder.finish()
    }
    private static func hexadecimal(_ value: UInt64) -> String { String(value, radix: 16) }

    /// Throws `taildir.state-damaged` with the reason.
    package static func decode(_ bytes: Bytes) throws(TailraceError) -> [TaildirEntry] {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.popLast()?.isEmpty == true, let last = lines.popLast() else {
            throw damaged("it does not end with a line end")
        }
        let end = last.text.split(separator: " ", omittingEmptySubsequences: false)
        guard end.count == 3, end[0] == "end", let count = Int(end[1]), let hash = UInt64(end[2], radix: 16) else {
            throw damaged("its last line is not \"end\" with a count and a hash: it was cut")
        }
        let content = bytes[bytes.startIndex..<last.startIndex]
        guard content.withUnsafeBytes({ FilePlace.hash($0) }) == hash else {
            throw damaged("its content does not have the hash \(end[2])")
        }
        guard lines.first?.text == title else { throw damaged("its first line is not \"\(title)\"") }
        guard lines.count - 1 == count else { throw damaged("it has \(lines.count - 1) entries instead of \(count)") }
        var entries: [TaildirEntry] = []
        for (number, line) in lines.enumerated().dropFirst() {
            guard let entry = entry(line) else { throw damaged("line \(number + 1) is not an entry") }
            entries.append(entry)
        }
        return entries
    }

    private static func damaged(_ why: String) -> TailraceError {
        TailraceError(
            code: "taildir.state-damaged", message: "the state file is damaged: \(why)",
            fix:
                "nothing, if the lines that come again are no harm; else restore the file from a backup while the agent is stopped"
        )
    }

    private static func entry(_ line: Bytes) -> TaildirEntry? {
        let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 7, omittingEmptySubsequences: false)
        guard fields.count == 8, let device = UInt64(fields[0].text), let inode = UInt64(fields[1].text),
            let incarnation = UInt64(fields[2].text, radix: 16), let offset = Int64(fields[3].text), offset >= 0,
            let head = UInt64(fields[4].text, radix: 16), let tail = UInt64(fields[5].text, radix: 16),
            fields[6].text == "f" || fields[6].text == "-", let path = path(fields[7])
        else { return nil }
        return TaildirEntry(
            identity: FileIdentity(device: device, inode: inode), incarnation: incarnation,
            place: FilePlace(offset: offset, head: head, tail: tail), path: path, isFinished: fields[6].text == "f")
    }

    private static func path(_ field: Bytes) -> String? {
        var result: [UInt8] = [], index = field.startIndex
        while index < field.endIndex {
            if field[index] == UInt8(ascii: "%") {
                guard index + 2 < field.endIndex, let byte = UInt8(field[index + 1..<index + 3].text, radix: 16) else {
                    return nil
                }
                result.append(byte)
                index += 3
            } else {
                result.append(field[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
