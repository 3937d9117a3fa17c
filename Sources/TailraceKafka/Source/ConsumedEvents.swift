import TailraceAvro
import TailraceCore

/// Makes events of records: bodies stay where they are; topic and partition are shared, offset, time, key and copied headers
/// are each event's own. A header that a datum brings with it wins over those made here, but for `key` and copied ones.
struct ConsumedEvents {
    struct Made {
        /// Without those that cannot be read.
        var bodies: [BodyRange] = []
        var headers: EventHeaderTable
        var shared: [Header]
        /// Indices of records that cannot be read.
        var bad: [(index: Int, error: TailraceError)] = []
        /// Keys and copied headers that are longer than a header may be.
        var headersLeftOut = 0
    }
    struct Format {
        /// Values are Flume's Avro datums.
        var isDatum = false
        /// nil: no header with the topic.
        var topicHeader: String?
        /// Headers partition, offset and timestamp.
        var addsPlace = false
        /// Event header ← name of the record's header.
        var recordHeaders: [Header] = []
        /// All of the record's headers, but for the identity.
        var takesAllHeaders = false
    }
    private let format: Format
    private let offsetName = HeaderName("offset")
    private let timestampName = HeaderName("timestamp")
    private let keyName = HeaderName("key")
    private let copied: [(name: HeaderName, from: String)]

    init(_ format: Format) {
        self.format = format
        copied = format.recordHeaders.map { (HeaderName($0.name), $0.value) }
    }

    func make(_ batch: ConsumedBatch) -> Made {
        var table = BufferBuilder(capacity: batch.events.count * 48), ranges: [BodyRange] = []
        var made = Made(headers: EventHeaderTable(bytes: Bytes(), ranges: []), shared: shared(batch.partition))
        made.bodies.reserveCapacity(batch.events.count)
        ranges.reserveCapacity(batch.events.count)
        let storage = batch.events.storage
        var index = 0
        for run in batch.events.runs {
            for stored in run {
                let start = table.count
                do throws(TailraceError) {
                    made.bodies.append(try event(batch, index, storage.bodies[stored], &table, &made.headersLeftOut))
                    ranges.append(BodyRange(start: UInt32(start), end: UInt32(table.count)))
                } catch { made.bad.append((index, error)) }
                index += 1
            }
        }
        made.headers = EventHeaderTable(bytes: table.finish(), ranges: ranges)
        return made
    }

    private func shared(_ partition: TopicPartition) -> [Header] {
        let topic = format.topicHeader.map { [Header($0, partition.topic)] } ?? []
        return topic + (format.addsPlace ? [Header("partition", String(partition.partition))] : [])
    }

    /// Appends its headers to the table; throws before it has appended any.
    private func event(
        _ batch: ConsumedBatch, _ index: Int, _ value: BodyRange, _ table: inout BufferBuilder, _ leftOut: inout Int
    ) throws(TailraceError) -> BodyRange {
        guard value.count <= Limits.eventBytes else {
            throw TailraceError(
                code: "kafka.record-size",
                message: "a record of \(value.count) bytes; an event has at most \(Limits.eventBytes)")
        }
        let key = batch.keys[index], copies = copied.isEmpty ? [] : batch.headers[index]
        var body = value, own: Set<String> = []
        if format.isDatum {
            let bytes = Bytes(batch.events.storage.buffer, value.range)
            guard let parts = bytes.withUnsafeBytes({ AvroDatum.parse($0) }) else {
                throw TailraceError(
                    code: "kafka.datum", message: "a record of \(value.count) bytes is not one of Flume's Avro datums",
                    fix: "see who writes to the topic, or set useFlumeEventFormat = false")
            }
            for (name, text) in parts.headers {
                let name = bytes[bytes.startIndex + name.lowerBound..<bytes.startIndex + name.upperBound].text
                if name == "key" && key != nil || copied.contains(where: { $0.name.text == name }) && hasCopy(name, copies) {
                    continue
                }
                own.insert(name)
                HeaderName(name).append(
                    bytes[bytes.startIndex + text.lowerBound..<bytes.startIndex + text.upperBound], to: &table)
            }
            body = BodyRange(
                start: value.start + UInt32(parts.body.lowerBound), end: value.start + UInt32(parts.body.upperBound))
        }
        for (name, from) in copied {
            guard let header = copies.last(where: { $0.name == from }) else { continue }
            if header.value.count > Limits.headerBytes { leftOut += 1 } else { name.append(header.value, to: &table) }
            own.insert(name.text)
        }
        if let key {
            if key.count > Limits.headerBytes { leftOut += 1 } else { keyName.append(key, to: &table) }
        }
        if format.takesAllHeaders { appendAll(batch.headers[index], key != nil, &table, &leftOut) }
        guard format.addsPlace else { return body }
        if own.isEmpty || !own.contains("offset") { offsetName.append(batch.offsets[index], to: &table) }
        if let time = batch.timestamps[index], own.isEmpty || !own.contains("timestamp") {
            timestampName.append(time.milliseconds, to: &table)
        }
        return body
    }
    private func appendAll(_ headers: [RecordHeader], _ hasKey: Bool, _ table: inout BufferBuilder, _ leftOut: inout Int) {
        for header in headers.prefix(Limits.headers) where header.name != RecordSet.identityHeaderName {
            if header.name == keyName.text, hasKey { continue }
            if header.value.count > Limits.headerBytes || header.name.utf8.count > Limits.headerBytes {
                leftOut += 1
            } else {
                HeaderName(header.name).append(header.value, to: &table)
            }
        }
        leftOut += max(0, headers.count - Limits.headers)
    }
    private func hasCopy(_ name: String, _ headers: [RecordHeader]) -> Bool {
        copied.contains { copy in copy.name.text == name && headers.contains { $0.name == copy.from } }
    }
}

/// A header's name in the form of the table, made once.
struct HeaderName {
    let text: String
    private let bytes: Bytes

    init(_ text: String) {
        self.text = text
        var builder = BufferBuilder(capacity: text.utf8.count + 4)
        builder.append(varint: text.utf8.count)
        builder.append(text.utf8)
        bytes = builder.finish()
    }
    /// In decimal digits.
    func append(_ number: Int64, to table: inout BufferBuilder) {
        table.append(bytes)
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var rest = number.magnitude, at = 20
            repeat {
                at -= 1
                digits[at] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            if number < 0 {
                at -= 1
                digits[at] = UInt8(ascii: "-")
            }
            table.append(varint: 20 - at)
            table.append(UnsafeRawBufferPointer(rebasing: digits[at...]))
        }
    }
    /// As text: what is not UTF-8 is replaced.
    func append(_ value: Bytes, to table: inout BufferBuilder) {
        table.append(bytes)
        let isPlain = value.withUnsafeBytes { $0.allSatisfy { $0 < 0x80 } }
        if isPlain {
            table.append(varint: value.count)
            table.append(value)
        } else {
            let text = value.text
            table.append(varint: text.utf8.count)
            table.append(text.utf8)
        }
    }
}
