import TailraceCore

#if canImport(Glibc)
    import Glibc
#endif

/// Makes events of messages: header names and marks as Flume's two kinds of sources have them, body as `keepFields` says.
struct SyslogEncoder {
    /// How many got which mark.
    struct Marks: Equatable {
        var invalid = 0
        var incomplete = 0
    }
    let dialect: SyslogDialect
    let keep: SyslogFields
    private var parser: SyslogParser
    private let encodedPriorities: PriorityHeaders
    private(set) var marks = Marks()

    init(_ dialect: SyslogDialect, _ keep: SyslogFields, _ zone: TimeZoneRules) {
        (self.dialect, self.keep) = (dialect, keep)
        parser = SyslogParser(zone: zone)
        encodedPriorities = PriorityHeaders(dialect)
    }

    /// `now`: milliseconds since 1970. `peer`: further headers, encoded.
    mutating func add(
        _ line: UnsafeRawBufferPointer, _ piece: SyslogPiece, now: Int64, peer: Bytes, to batch: inout GatheredBatch
    ) {
        // What follows a cut is no message, whatever it looks like.
        let message = piece == .rest ? SyslogMessage() : parser.parse(line, now: now)
        appendBody(line, message, to: &batch)
        let isInvalid = message.form == .invalid || (dialect == .multiport && message.form == .priorityOnly)
        if piece == .cut { marks.incomplete += 1 } else if isInvalid { marks.invalid += 1 }
        let status: StaticString? = piece == .cut ? "Incomplete" : isInvalid ? "Invalid" : nil
        batch.appendHeaders(upTo: 512) { space in
            var out = HeaderWriter(space)
            if !(isInvalid && dialect == .multiport) { encodedPriorities.write(message, &out) }
            if message.form == .whole { write(message, line, now, &out) }
            if let status { out.write("flume.syslog.status", status) }
            return out.count
        }
        if !peer.isEmpty { batch.appendHeaders(peer) }
        batch.endEvent()
    }

    private func write(_ message: SyslogMessage, _ line: UnsafeRawBufferPointer, _ now: Int64, _ out: inout HeaderWriter) {
        if !message.version.isEmpty { out.write(dialect.versionName, line, message.version) }
        if let timestamp = message.timestamp ?? (dialect == .multiport ? now : nil) { out.write("timestamp", timestamp) }
        if !(message.host.count == 1 && line[message.host.lowerBound] == UInt8(ascii: "-")) {
            out.write("host", line, message.host)
        }
    }

    private func appendBody(_ line: UnsafeRawBufferPointer, _ message: SyslogMessage, to batch: inout GatheredBatch) {
        func append(_ range: Range<Int>) { batch.appendBody(UnsafeRawBufferPointer(rebasing: line[range])) }
        guard message.form == .whole, keep != .all else { return append(0..<line.count) }
        if !keep.isEmpty {
            if keep.contains(.priority) { append(0..<message.priorityEnd) }
            for (field, range) in [(SyslogFields.version, message.version), (.timestamp, message.time), (.host, message.host)]
            where keep.contains(field) && !range.isEmpty {
                append(range)
                batch.appendBody(UInt8(ascii: " "))
            }
        }
        append(message.body..<line.count)
    }
}

/// `Facility`, `Severity` and the priority itself, encoded once for each priority of the RFCs.
private struct PriorityHeaders {
    private static let stride = 64
    private let dialect: SyslogDialect
    private let table: Bytes
    private let counts: [UInt8]

    init(_ dialect: SyslogDialect) {
        self.dialect = dialect
        var builder = BufferBuilder(capacity: 192 * Self.stride), counts: [UInt8] = []
        for priority in 0..<192 {
            builder.reserve(Self.stride)
            var out = HeaderWriter(builder.spare.baseAddress!)
            Self.write(priority, dialect, isWhole: true, &out)
            counts.append(UInt8(out.count))
            builder.filled(Self.stride)
        }
        (table, self.counts) = (builder.finish(), counts)
    }

    func write(_ message: SyslogMessage, _ out: inout HeaderWriter) {
        guard message.form == .whole, message.priority < counts.count else {
            return Self.write(message.priority, dialect, isWhole: message.form == .whole, &out)
        }
        table.withUnsafeBytes {
            out.copy($0.baseAddress! + message.priority * Self.stride, Int(counts[message.priority]))
        }
    }

    private static func write(_ priority: Int, _ dialect: SyslogDialect, isWhole: Bool, _ out: inout HeaderWriter) {
        out.write("Facility", Int64(priority / 8))
        out.write("Severity", Int64(priority % 8))
        if isWhole { out.write(dialect.priorityName, Int64(priority)) }
    }
}

/// Writes headers in the form of ``EventHeaderTable`` into space that is large enough. Names and values of less than 128
/// bytes have a length of one byte; a host may have two.
struct HeaderWriter {
    private let start: UnsafeMutableRawPointer
    private(set) var count = 0

    init(_ start: UnsafeMutableRawPointer) { self.start = start }

    @inline(__always)
    mutating func copy(_ bytes: UnsafeRawPointer, _ length: Int) {
        memcpy(start + count, bytes, length)
        count += length
    }
    @inline(__always)
    private mutating func put(_ byte: UInt8) {
        start.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }
    @inline(__always)
    private mutating func name(_ name: StaticString) {
        put(UInt8(name.utf8CodeUnitCount))
        copy(name.utf8Start, name.utf8CodeUnitCount)
    }
    mutating func write(_ name: StaticString, _ value: StaticString) {
        self.name(name)
        self.name(value)
    }
    mutating func write(_ name: StaticString, _ line: UnsafeRawBufferPointer, _ range: Range<Int>) {
        self.name(name)
        let length = range.count
        if length < 0x80 {
            put(UInt8(length))
        } else {
            put(UInt8(length & 0x7F) | 0x80)
            put(UInt8(length >> 7))
        }
        copy(line.baseAddress! + range.lowerBound, length)
    }
    /// Decimal.
    mutating func write(_ name: StaticString, _ value: Int64) {
        self.name(name)
        var digits = 1, rest = value.magnitude
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        if value < 0 {
            put(UInt8(digits + 1))
            put(UInt8(ascii: "-"))
        } else {
            put(UInt8(digits))
        }
        rest = value.magnitude
        for place in stride(from: digits - 1, through: 0, by: -1) {
            start.storeBytes(of: UInt8(ascii: "0") + UInt8(rest % 10), toByteOffset: count + place, as: UInt8.self)
            rest /= 10
        }
        count += digits
    }
}
