#if canImport(Glibc)
    import Glibc
#endif

/// Where one body lies in the buffer of its storage. 32 bits: a buffer is far smaller than 4 GiB (``Limits``).
package struct BodyRange: Hashable, Sendable {
    package var start: UInt32
    package var end: UInt32
    @inlinable package init(start: UInt32, end: UInt32) { (self.start, self.end) = (start, end) }
    package var count: Int { Int(end - start) }
    package var range: Range<Int> { Int(start)..<Int(end) }
}

/// Events with one identity, immutable: one buffer and ranges. Copying it or taking a part is a retain, and it may cross
/// threads. The unit of work everywhere; see design decisions 1 and 2.
package struct EventBatch: Sendable {
    package final class Storage: Sendable {
        /// Bodies, ascending and not overlapping; between them may be bytes that belong to no body (line ends).
        package let buffer: Buffer
        package let bodies: [BodyRange]
        /// Headers that all events have (host, file).
        package let sharedHeaders: [Header]
        /// nil: no event has headers of its own.
        package let eventHeaders: EventHeaderTable?

        package init(_ buffer: Buffer, _ bodies: [BodyRange], shared: [Header], eventHeaders: EventHeaderTable?) {
            (self.buffer, self.bodies, sharedHeaders, self.eventHeaders) = (buffer, bodies, shared, eventHeaders)
            precondition(eventHeaders == nil || eventHeaders!.ranges.count == bodies.count)
        }
    }
    package let storage: Storage
    /// The events of the storage that belong to it, in order; usually one run, never an empty run.
    package let runs: [Range<Int>]
    /// nil until the source output has numbered it.
    package let identity: BatchIdentity?
    /// Where the source is behind it; in the last part of a batch that was cut.
    package let positions: [SourceMark]
    package let size: BatchSize

    package init(_ storage: Storage, _ runs: [Range<Int>], _ identity: BatchIdentity?, _ positions: [SourceMark]) {
        (self.storage, self.runs, self.identity, self.positions) = (storage, runs, identity, positions)
        var size = BatchSize.zero
        for run in runs {
            size.events += run.count
            size.bytes += Int(storage.bodies[run.upperBound - 1].end - storage.bodies[run.lowerBound].start)
            if let table = storage.eventHeaders {
                size.bytes += Int(table.ranges[run.upperBound - 1].end - table.ranges[run.lowerBound].start)
            }
        }
        self.size = size
    }

    /// All events of a buffer that a source has filled; ascending `bodies`. For sources that read whole blocks: nothing is copied.
    package init(
        _ buffer: Buffer, _ bodies: [BodyRange], shared: [Header] = [], eventHeaders: EventHeaderTable? = nil,
        positions: [SourceMark] = []
    ) {
        let storage = Storage(buffer, bodies, shared: shared, eventHeaders: eventHeaders)
        self.init(storage, bodies.isEmpty ? [] : [0..<bodies.count], nil, positions)
    }

    package var count: Int { size.events }

    package subscript(index: Int) -> Event {
        var rest = index
        for run in runs {
            if rest < run.count { return Event(storage: storage, index: run.lowerBound + rest) }
            rest -= run.count
        }
        preconditionFailure("event \(index) of a batch of \(count)")
    }

    /// The events one by one, for those who must look at each.
    package func forEach<E: Error>(_ body: (_ index: Int, Event) throws(E) -> Void) throws(E) {
        var index = 0
        for run in runs {
            for stored in run {
                try body(index, Event(storage: storage, index: stored))
                index += 1
            }
        }
    }

    /// For filters and selectors: some of the events, by index. It still answers for the whole span.
    package func keeping(_ events: [Range<Int>]) -> EventBatch {
        if events.count == 1, events[0] == 0..<count { return self }
        let kept = identity.map { BatchIdentity(stream: $0.stream, span: $0.span, sequences: pick(events, of: $0.sequences)) }
        return EventBatch(storage, pick(events, of: runs), kept, positions)
    }

    /// A piece of it. Pieces that follow each other cover the span without a hole; the last has the positions.
    package func part(_ events: Range<Int>) -> EventBatch {
        if events == 0..<count { return self }
        let isLast = events.upperBound == count
        let cut = identity.map { whole in
            func number(_ index: Int) -> UInt64 { pick([index..<index + 1], of: whole.sequences)[0].lowerBound }
            let first = events.lowerBound == 0 ? whole.span.lowerBound : number(events.lowerBound)
            let span = first..<(isLast ? whole.span.upperBound : number(events.upperBound))
            return BatchIdentity(stream: whole.stream, span: span, sequences: pick([events], of: whole.sequences))
        }
        return EventBatch(storage, pick([events], of: runs), cut, isLast ? positions : [])
    }

    /// The most events from `start` on that fit into `limit`, but at least one if there is one.
    package func prefix(from start: Int = 0, fitting limit: BatchSize) -> Range<Int> {
        if start == 0, size.fits(in: limit) { return 0..<count }
        var low = start + 1, high = min(count, start &+ min(limit.events, count))
        guard start < count, high > low else { return start..<min(count, start + 1) }
        while low < high {  // the largest end whose part fits
            let middle = (low + high + 1) / 2
            let bytes = EventBatch(storage, pick([start..<middle], of: runs), nil, []).size.bytes
            if bytes <= limit.bytes { low = middle } else { high = middle - 1 }
        }
        return start..<low
    }

    package func numbered(_ stream: StreamID, from first: UInt64) -> EventBatch {
        let span = first..<first + UInt64(count)
        return EventBatch(
            storage, runs, BatchIdentity(stream: stream, span: span, sequences: span.isEmpty ? [] : [span]), positions)
    }
    package func identified(_ identity: BatchIdentity?) -> EventBatch { EventBatch(storage, runs, identity, positions) }
}

/// A view into a batch, made when somebody asks for one; never on the path that only forwards.
package struct Event {
    let storage: EventBatch.Storage
    let index: Int

    /// `index`: of the storage, as the batch's runs have it.
    package init(storage: EventBatch.Storage, index: Int) { (self.storage, self.index) = (storage, index) }

    package var body: Bytes { Bytes(storage.buffer, storage.bodies[index].range) }

    /// The event's own header of that name, else the batch's. Compares bytes; makes no String of those it passes.
    package func header(_ name: String) -> Bytes? {
        var name = name
        return name.withUTF8 { wanted in
            if let table = storage.eventHeaders {
                let run = Bytes(table.bytes.buffer, table.ranges[index].range)
                var found: Bytes?
                run.withUnsafeBytes { bytes in
                    _ = EventHeaderTable.walk(bytes) { key, value in
                        guard key.count == wanted.count else { return true }
                        let isEqual =
                            key.isEmpty || memcmp(bytes.baseAddress! + key.lowerBound, wanted.baseAddress!, key.count) == 0
                        if isEqual { found = run[run.startIndex + value.lowerBound..<run.startIndex + value.upperBound] }
                        return !isEqual
                    }
                }
                if let found { return found }
            }
            return storage.sharedHeaders.first { $0.name.utf8.elementsEqual(wanted) }.map { Bytes($0.value) }
        }
    }

    /// All of them; the event's own win over the batch's of the same name, and stand first.
    package var headers: [Header] {
        var own: [Header] = []
        if let table = storage.eventHeaders {
            Bytes(table.bytes.buffer, table.ranges[index].range).withUnsafeBytes { bytes in
                _ = EventHeaderTable.walk(bytes) { key, value in
                    let name = String(decoding: bytes[key], as: UTF8.self)
                    own.append(Header(name: name, value: String(decoding: bytes[value], as: UTF8.self)))
                    return true
                }
            }
        }
        if own.isEmpty { return storage.sharedHeaders }
        return own + storage.sharedHeaders.filter { shared in !own.contains { $0.name == shared.name } }
    }
}
