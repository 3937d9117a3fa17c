import TailraceCore

/// Makes batches of the records that came from one partition in one go, one or more for each stream.
///
/// Records that a Tailrace wrote carry their event's identity (``RecordSet/identityHeaderName``): stream and number are those
/// of the event's origin, on however many ways and how often the record came, so that whoever gets it can recognise it. Others
/// (Flume's) have none; they get a stream of our own and their offset as number. That stream is drawn anew at each assignment
/// of the partition: offsets begin again when a topic is made again, and what is new must never look like something known.
///
/// Records of one stream stay in their order; the streams of one read follow each other.
enum RecordStreams {
    struct Group: Equatable {
        var stream: StreamID
        /// Ascending: indices of events, their numbers and their offsets.
        var events: [Range<Int>]
        var sequences: [Range<UInt64>]
        var offsets: [Range<Int64>]

        var identity: BatchIdentity {
            BatchIdentity(
                stream: stream, span: sequences.first!.lowerBound..<sequences.last!.upperBound, sequences: sequences)
        }
    }

    /// `records`: of which records events were made, as their indices in the read. `own`: of those without identity.
    static func groups(_ batch: ConsumedBatch, _ records: [Range<Int>], own: StreamID) -> [Group] {
        var groups: [Group] = [], latest: [StreamID: Int] = [:], event = 0
        for record in records.joined() {
            let offset = batch.offsets[record], identity = identity(batch.headers[record])
            let stream = identity?.stream ?? own, number = identity?.number ?? UInt64(offset)
            if let index = latest[stream], groups[index].add(event, number, offset) {
                event += 1
                continue
            }
            // The first one, or a number that is not behind the last: sent again.
            latest[stream] = groups.count
            groups.append(
                Group(
                    stream: stream, events: [event..<event + 1], sequences: [number..<number + 1],
                    offsets: [offset..<offset + 1]))
            event += 1
        }
        return groups
    }

    /// nil: the record has no identity, or none that is well-formed.
    static func identity(_ headers: [RecordHeader]) -> (stream: StreamID, number: UInt64)? {
        guard let header = headers.last(where: { $0.name == RecordSet.identityHeaderName }), header.value.count == 16 else {
            return nil
        }
        func word(_ bytes: Bytes) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        let middle = header.value.startIndex + 8
        let stream = word(header.value[..<middle]), number = word(header.value[middle...])
        return number == .max ? nil : (StreamID(value: stream), number)
    }
}

extension RecordStreams.Group {
    /// False: its number is not behind the last one, or there are too many runs.
    fileprivate mutating func add(_ event: Int, _ number: UInt64, _ offset: Int64) -> Bool {
        guard number >= sequences.last!.upperBound, sequences.count < Limits.runs else { return false }
        Self.extend(&events, event)
        Self.extend(&sequences, number)
        Self.extend(&offsets, offset)
        return true
    }
    private static func extend<Number: FixedWidthInteger>(_ runs: inout [Range<Number>], _ number: Number) {
        if runs.last!.upperBound == number {
            runs[runs.count - 1] = runs.last!.lowerBound..<number + 1
        } else {
            runs.append(number..<number + 1)
        }
    }
}
