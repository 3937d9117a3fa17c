import TailraceCore

/// What outlives the batches: source positions, the streams that begin here, and the numbers held. In every segment's head.
struct ChannelMemory {
    struct Origin: Equatable {
        var stream: StreamID
        /// Behind all that was committed.
        var next: UInt64
    }
    var positions: [SourcePositionKey: StoredPosition] = [:]
    var origins: [String: Origin] = [:]
    var numbers = HeldNumbers()

    /// A record with this identity and meta became the channel's.
    mutating func apply(_ identity: BatchIdentity, _ meta: RecordMeta, at time: WallTime) {
        numbers.add(identity, at: time)
        applyPositions(meta.positions, identity)
        if let source = meta.origin { applyOrigin(source, identity) }
    }
    mutating func applyPositions(_ marks: [SourceMark], _ identity: BatchIdentity) {
        for mark in marks {
            let last = identity.span.isEmpty ? positions[mark.key]?.last : identity.span.upperBound - 1
            positions[mark.key] = StoredPosition(position: mark.position, last: last)
        }
    }
    private mutating func applyOrigin(_ source: String, _ identity: BatchIdentity) {
        // A source has one stream at a time; another one begins anew.
        let known = origins[source].flatMap { $0.stream == identity.stream ? $0.next : nil } ?? 0
        origins[source] = Origin(stream: identity.stream, next: max(known, identity.span.upperBound))
    }

    func append(to builder: inout BufferBuilder) {
        builder.append(varint: positions.count)
        for (key, stored) in positions.sorted(by: { ($0.key.source, $0.key.key) < ($1.key.source, $1.key.key) }) {
            RecordMeta.append(key, stored.position, to: &builder)
            builder.append(UInt8(stored.last == nil ? 0 : 1))
            if let last = stored.last { builder.append(integer: last) }
        }
        builder.append(varint: origins.count)
        for (source, origin) in origins.sorted(by: { $0.key < $1.key }) {
            builder.append(text: source)
            builder.append(integer: origin.stream.value)
            builder.append(integer: origin.next)
        }
        let held = numbers.snapshot
        builder.append(varint: held.count)
        for stream in held {
            builder.append(integer: stream.stream.value)
            builder.append(integer: stream.used.milliseconds)
            builder.append(varint: stream.runs.count)
            for run in stream.runs {
                builder.append(integer: run.lowerBound)
                builder.append(integer: run.upperBound)
            }
        }
    }

    init() {}

    /// nil: not in this form.
    init?(_ bytes: UnsafeRawBufferPointer) {
        var reader = ByteReader(bytes)
        guard let positionCount = reader.count() else { return nil }
        for _ in 0..<positionCount {
            guard let mark = RecordMeta.mark(&reader), let flag = reader.integer(UInt8.self), flag <= 1 else { return nil }
            var last: UInt64?
            if flag == 1 {
                guard let value = reader.integer(UInt64.self) else { return nil }
                last = value
            }
            positions[mark.key] = StoredPosition(position: mark.position, last: last)
        }
        guard let originCount = reader.count() else { return nil }
        for _ in 0..<originCount {
            guard let source = reader.text(), let stream = reader.integer(UInt64.self), let next = reader.integer(UInt64.self)
            else { return nil }
            origins[source] = Origin(stream: StreamID(value: stream), next: next)
        }
        guard let streamCount = reader.count() else { return nil }
        for _ in 0..<streamCount {
            guard let stream = reader.integer(UInt64.self), let used = reader.integer(Int64.self), let runs = reader.count()
            else { return nil }
            var held: [Range<UInt64>] = []
            for _ in 0..<runs {
                guard let low = reader.integer(UInt64.self), let high = reader.integer(UInt64.self), low < high,
                    held.last.map({ $0.upperBound <= low }) ?? true
                else { return nil }
                held.append(low..<high)
            }
            numbers.restore(StreamID(value: stream), held, used: WallTime(milliseconds: used))
        }
        guard reader.isAtEnd else { return nil }
    }
}
