/// Fills a new buffer: sources from nothing, interceptors from a batch whose numbers and positions stay.
package struct EventBatchBuilder: ~Copyable {
    private var bytes: BufferBuilder
    private var bodies: [BodyRange] = []
    private var kept: [Range<Int>] = []
    private let shared: [Header]
    private let original: EventBatch?
    private var headerBytes = BufferBuilder(capacity: 0)
    private var headerRanges: [BodyRange] = []

    /// `shared`: headers of all events (host, file), stored once.
    package init(shared: [Header] = [], capacity: Int = 4096) {
        (original, self.shared) = (nil, shared)
        bytes = BufferBuilder(capacity: capacity)
    }
    /// For interceptors. `shared` replaces the headers that the batch shares.
    package init(changing batch: EventBatch, shared: [Header]? = nil) {
        (original, self.shared) = (batch, shared ?? batch.storage.sharedHeaders)
        bytes = BufferBuilder(capacity: batch.size.bytes)
    }

    package var size: BatchSize { BatchSize(events: bodies.count, bytes: bytes.count + headerBytes.count) }
    package var isEmpty: Bool { bodies.isEmpty }

    /// `headers`: the event's own. `index`: the event of the original that this one replaces, ascending; those left out
    /// count as dropped.
    package mutating func append(_ body: some Sequence<UInt8>, headers: [Header] = [], from index: Int? = nil) {
        let start = UInt32(bytes.count)
        bytes.append(body)
        added(start, headers, index)
    }
    package mutating func append(_ body: UnsafeRawBufferPointer, headers: [Header] = []) {
        let start = UInt32(bytes.count)
        bytes.append(body)
        added(start, headers, nil)
    }

    private mutating func added(_ start: UInt32, _ headers: [Header], _ index: Int?) {
        bodies.append(BodyRange(start: start, end: UInt32(bytes.count)))
        if let index { kept.append(index..<index + 1) }
        if headers.isEmpty && headerRanges.isEmpty { return }
        // Events before the first one with headers have none.
        while headerRanges.count < bodies.count - 1 { headerRanges.append(BodyRange(start: 0, end: 0)) }
        let first = UInt32(headerBytes.count)
        for header in headers { EventHeaderTable.append(header, to: &headerBytes) }
        headerRanges.append(BodyRange(start: first, end: UInt32(headerBytes.count)))
    }

    package consuming func finish(positions: [SourceMark] = []) -> EventBatch {
        let runs = bodies.isEmpty ? [] : [0..<bodies.count], old = original?.keeping(kept)
        let table = headerRanges.isEmpty ? nil : EventHeaderTable(bytes: headerBytes.finish(), ranges: headerRanges)
        let storage = EventBatch.Storage(bytes.finishBuffer(), bodies, shared: shared, eventHeaders: table)
        return EventBatch(storage, runs, old?.identity, old?.positions ?? positions)
    }
}
