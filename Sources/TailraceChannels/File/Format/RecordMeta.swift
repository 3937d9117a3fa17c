import TailraceCore

/// What a batch's record has beside what the RPC sends.
struct RecordMeta: Equatable {
    var positions: [SourceMark] = []
    /// The source whose stream this is, if it begins at this channel.
    var origin: String?

    func append(to builder: inout BufferBuilder) {
        if positions.isEmpty, origin == nil { return }
        builder.append(varint: positions.count)
        for mark in positions { Self.append(mark.key, mark.position, to: &builder) }
        builder.append(UInt8(origin == nil ? 0 : 1))
        if let origin { builder.append(text: origin) }
    }
    static func append(_ key: SourcePositionKey, _ position: SourcePosition, to builder: inout BufferBuilder) {
        builder.append(text: key.source)
        builder.append(text: key.key)
        builder.append(varint: position.bytes.count)
        builder.append(position.bytes)
    }
    static func mark(_ reader: inout ByteReader) -> SourceMark? {
        guard let source = reader.text(), let key = reader.text(), let bytes = reader.piece() else { return nil }
        return SourceMark(
            key: SourcePositionKey(source: source, key: key), position: SourcePosition(bytes: Array(bytes)))
    }

    init(positions: [SourceMark] = [], origin: String? = nil) { (self.positions, self.origin) = (positions, origin) }

    /// nil: not in this form.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0 else { return }
        var reader = ByteReader(bytes)
        guard let count = reader.count() else { return nil }
        for _ in 0..<count {
            guard let mark = Self.mark(&reader) else { return nil }
            positions.append(mark)
        }
        guard let flag = reader.integer(UInt8.self), flag <= 1 else { return nil }
        if flag == 1 {
            guard let origin = reader.text() else { return nil }
            self.origin = origin
        }
        guard reader.isAtEnd else { return nil }
    }
}
