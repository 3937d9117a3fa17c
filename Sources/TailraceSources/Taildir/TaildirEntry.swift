package import TailraceCore

/// What is remembered of one file: in Tailrace's own state file and, with each batch, in durable channels.
package struct TaildirEntry: Hashable, Sendable {
    package var identity: FileIdentity
    /// Drawn when the file was first seen or began anew; the key of its positions. It moves along when a copy takes over.
    package var incarnation: UInt64
    package var place: FilePlace
    /// Where it was last seen; only to tell people, and to prefer one of two equal files.
    package var path: String
    /// It no longer matched and was read to its end: its rest is of interest only if it matches again.
    package var isFinished: Bool

    package init(
        identity: FileIdentity, incarnation: UInt64, place: FilePlace, path: String, isFinished: Bool = false
    ) {
        (self.identity, self.incarnation, self.place) = (identity, incarnation, place)
        (self.path, self.isFinished) = (path, isFinished)
    }

    package static func key(_ incarnation: UInt64) -> String { String(incarnation, radix: 16) }

    /// Offset first and big-endian, so that later is greater; then device, inode, the two hashes, the path.
    package var position: SourcePosition {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(40 + path.utf8.count)
        for value in [UInt64(place.offset), identity.device, identity.inode, place.head, place.tail] {
            withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
        }
        bytes.append(contentsOf: path.utf8)
        return SourcePosition(bytes: bytes)
    }

    /// nil: not written by this source.
    package init?(key: String, position: SourcePosition) {
        guard let incarnation = UInt64(key, radix: 16), position.bytes.count >= 40 else { return nil }
        let values = (0..<5).map { index in
            position.bytes[index * 8..<index * 8 + 8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        guard let offset = Int64(exactly: values[0]) else { return nil }
        self.init(
            identity: FileIdentity(device: values[1], inode: values[2]), incarnation: incarnation,
            place: FilePlace(offset: offset, head: values[3], tail: values[4]),
            path: String(decoding: position.bytes[40...], as: UTF8.self))
    }
}
