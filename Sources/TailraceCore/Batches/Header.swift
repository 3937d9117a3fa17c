/// A header of an event, or of all events of a batch. Names are case-sensitive.
package struct Header: Hashable, Sendable {
    package var name: String
    package var value: String
    package init(name: String, value: String) { (self.name, self.value) = (name, value) }
    package init(_ name: String, _ value: String) { self.init(name: name, value: value) }
}

/// The headers that single events have, beside what the batch shares: per event a run of
/// `varint name length · name · varint value length · value`, the same in memory, on disk and on the wire.
package struct EventHeaderTable: Sendable {
    /// All runs behind each other.
    package let bytes: Bytes
    /// One range of `bytes.buffer` for each event of the storage.
    package let ranges: [BodyRange]

    package init(bytes: Bytes, ranges: [BodyRange]) { (self.bytes, self.ranges) = (bytes, ranges) }

    /// Appends one header in the table's form.
    package static func append(_ header: Header, to builder: inout BufferBuilder) {
        builder.append(varint: header.name.utf8.count)
        builder.append(header.name.utf8)
        builder.append(varint: header.value.utf8.count)
        builder.append(header.value.utf8)
    }

    /// Walks over one event's headers. `visit` returns false to stop. False: the bytes are not in the table's form.
    @discardableResult
    package static func walk(_ run: UnsafeRawBufferPointer, _ visit: (_ name: Range<Int>, _ value: Range<Int>) -> Bool) -> Bool
    {
        var at = 0
        func piece() -> Range<Int>? {
            var length = 0, shift = 0
            while true {
                guard at < run.count, shift < 28 else { return nil }
                let byte = Int(run[at])
                at += 1
                length |= (byte & 0x7F) << shift
                if byte < 0x80 { break }
                shift += 7
            }
            guard length <= run.count - at else { return nil }
            defer { at += length }
            return at..<at + length
        }
        while at < run.count {
            guard let name = piece(), let value = piece() else { return false }
            if !visit(name, value) { return true }
        }
        return true
    }
}
