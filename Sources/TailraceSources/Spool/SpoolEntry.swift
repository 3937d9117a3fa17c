package import TailraceCore

/// What is remembered of one file of a spool directory: with each batch in durable channels, or in the source's state file.
package struct SpoolEntry: Hashable, Sendable {
    /// Drawn when the file is begun; the key of its positions.
    package var incarnation: UInt64
    package var inode: UInt64
    /// As they were when the file was begun: with another size or time it is another file.
    package var size: Int64
    package var modified: WallTime
    package var place: FilePlace
    /// Events behind the place that were read too; 1 for an empty file that was read.
    package var skip: Int
    /// Where it was; only to tell people.
    package var path: String

    package init(
        incarnation: UInt64, inode: UInt64, size: Int64, modified: WallTime, place: FilePlace = .start, skip: Int = 0,
        path: String
    ) {
        (self.incarnation, self.inode, self.size, self.modified) = (incarnation, inode, size, modified)
        (self.place, self.skip, self.path) = (place, skip, path)
    }

    package var key: String { String(incarnation, radix: 16) }
    func isOf(_ found: FileInformation) -> Bool {
        inode == found.identity.inode && size == found.size && modified == found.modified
    }

    /// Offset and skip first and big-endian, so that later is greater.
    package var position: SourcePosition {
        let values: [UInt64] = [
            UInt64(place.offset), UInt64(skip), inode, UInt64(size), UInt64(bitPattern: modified.milliseconds), place.head,
            place.tail,
        ]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * 8 + path.utf8.count)
        for value in values { withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) } }
        bytes.append(contentsOf: path.utf8)
        return SourcePosition(bytes: bytes)
    }

    /// nil: not written by this source.
    package init?(key: String, position: SourcePosition) {
        guard let incarnation = UInt64(key, radix: 16), position.bytes.count >= 56 else { return nil }
        let values = (0..<7).map { index in
            position.bytes[index * 8..<index * 8 + 8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        guard let offset = Int64(exactly: values[0]), let skip = Int(exactly: values[1]), let size = Int64(exactly: values[3])
        else { return nil }
        self.init(
            incarnation: incarnation, inode: values[2], size: size,
            modified: WallTime(milliseconds: Int64(bitPattern: values[4])),
            place: FilePlace(offset: offset, head: values[5], tail: values[6]), skip: skip,
            path: String(decoding: position.bytes[56...], as: UTF8.self))
    }
}

/// The source's own state file, as text, for channels that do not survive a crash:
///
///     tailrace spooldir 1
///     INCARNATION POSITION
///     end COUNT HASH
///
/// both hexadecimal, the position's bytes as they are in a durable channel. HASH is that of all bytes before the line `end`.
package enum SpoolStateFile {
    private static let title = "tailrace spooldir 1"

    package static func encode(_ entries: [SpoolEntry]) -> Bytes {
        var builder = BufferBuilder(capacity: 64 + entries.count * 256)
        builder.append("\(title)\n".utf8)
        let digits = Array("0123456789abcdef".utf8)
        for entry in entries {
            builder.append("\(entry.key) ".utf8)
            for byte in entry.position.bytes {
                builder.append(digits[Int(byte >> 4)])
                builder.append(digits[Int(byte & 15)])
            }
            builder.append(UInt8(ascii: "\n"))
        }
        builder.append("end \(entries.count) \(String(FilePlace.hash(builder.bytes), radix: 16))\n".utf8)
        return builder.finish()
    }

    /// Throws `spooldir.state-damaged` with the reason.
    package static func decode(_ bytes: Bytes) throws(TailraceError) -> [SpoolEntry] {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.popLast()?.isEmpty == true, let last = lines.popLast() else { throw damaged("it was cut") }
        let end = last.text.split(separator: " ", omittingEmptySubsequences: false)
        guard end.count == 3, end[0] == "end", Int(end[1]) == lines.count - 1, lines[0].text == title,
            let hash = UInt64(end[2], radix: 16)
        else { throw damaged("its first or last line is not what it must be") }
        guard bytes[bytes.startIndex..<last.startIndex].withUnsafeBytes({ FilePlace.hash($0) }) == hash else {
            throw damaged("its content does not have the hash \(end[2])")
        }
        var entries: [SpoolEntry] = []
        for (number, line) in lines.enumerated().dropFirst() {
            guard let entry = entry(line) else { throw damaged("line \(number + 1) is not an entry") }
            entries.append(entry)
        }
        return entries
    }

    private static func damaged(_ why: String) -> TailraceError {
        TailraceError(
            code: "spooldir.state-damaged", message: "the state file is damaged: \(why)",
            fix: "nothing: files that were begun are read from their start, so that events come again")
    }

    private static func entry(_ line: Bytes) -> SpoolEntry? {
        let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard fields.count == 2, fields[1].count % 2 == 0 else { return nil }
        func digit(_ byte: UInt8) -> UInt8? {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
            default: nil
            }
        }
        var position: [UInt8] = []
        for index in stride(from: fields[1].startIndex, to: fields[1].endIndex, by: 2) {
            guard let high = digit(fields[1][index]), let low = digit(fields[1][index + 1]) else { return nil }
            position.append(high << 4 | low)
        }
        return SpoolEntry(key: fields[0].text, position: SourcePosition(bytes: position))
    }
}
