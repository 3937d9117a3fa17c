package import TailraceCore

/// What an inspection found.
package struct ChannelReport: Sendable {
    package struct Damage: Hashable, Sendable {
        /// In the segment's file.
        package var range: Range<Int>
        /// With stream and numbers, where they can be read.
        package var text: String
    }
    package struct Segment: Sendable {
        package var path: String
        package var number: UInt64
        package var size: Int
        /// Where the last good record ends.
        package var end = 0
        package var records = 0
        package var batches = 0
        package var events = 0
        package var bytes = 0
        package var firstRecord: UInt64?
        package var lastRecord: UInt64?
        package var isClosed = false
        package var isEmpty = false
        package var read = ReadState.unread
        package var damage: [Damage] = []
        /// Records of a last write that was not finished: nobody was answered for them.
        package var torn = 0
    }
    package enum ReadState: String, Sendable { case read, partly, unread }
    package struct Stream: Sendable {
        package var stream: StreamID
        package var events: Int
        package var runs: [Range<UInt64>]
    }

    package var channel: UInt64?
    package var position: ReadPosition?
    package var segments: [Segment] = []
    /// In order of the first event; at most ``streamLimit``.
    package var streams: [Stream] = []
    package var hasMoreStreams = false
    package var quarantined: [String] = []
    /// What is lost, or cannot be read.
    package var problems: [String] = []
    package static let streamLimit = 1000

    package var events: Int { segments.reduce(0) { $0 + $1.events } }
    package var unreadEvents = 0
    package var isGood: Bool { problems.isEmpty }
}

extension ChannelReport {
    package var text: String {
        var lines: [String] = []
        lines.append(
            "channel \(channel.map { StreamID(value: $0).description } ?? "unknown"): \(events) events in "
                + "\(segments.count) segments, \(unreadEvents) not delivered")
        if let position {
            lines.append(
                "read up to record \(position.number) of segment \(position.segment), and \(position.prefix) of its events")
        } else {
            lines.append("no read position: everything would be read")
        }
        for segment in segments {
            var line = "\(segment.path): "
            if segment.isEmpty { line += "empty, " }
            if let first = segment.firstRecord, let last = segment.lastRecord { line += "records \(first) to \(last), " }
            line += "\(segment.batches) batches, \(segment.events) events, \(segment.bytes) bytes; \(segment.read.rawValue)"
            line += "; \(segment.end) of \(segment.size) bytes used"
            if segment.isClosed { line += "; closed" }
            if segment.torn > 0 { line += "; \(segment.torn) records of an unfinished write behind it" }
            lines.append(line)
            for damage in segment.damage {
                lines.append("  damaged: bytes \(damage.range.lowerBound)..<\(damage.range.upperBound)\(damage.text)")
            }
        }
        for stream in streams {
            let runs = stream.runs.prefix(20).map { "\($0.lowerBound)..<\($0.upperBound)" }.joined(separator: " ")
            lines.append(
                "stream \(stream.stream): \(stream.events) events, numbers \(runs)\(stream.runs.count > 20 ? " …" : "")")
        }
        if hasMoreStreams { lines.append("more than \(Self.streamLimit) streams; the others are not listed") }
        for name in quarantined { lines.append("set aside earlier: \(name)") }
        for problem in problems { lines.append("problem: \(problem)") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// One JSON document.
    package var json: String {
        func text(_ value: String) -> String { JSONText.quoted(value) }
        func list(_ values: [String]) -> String { "[" + values.joined(separator: ",") + "]" }
        func optional(_ value: UInt64?) -> String { value.map(String.init) ?? "null" }
        let segments = segments.map { segment in
            let damage = segment.damage.map {
                "{\"from\":\($0.range.lowerBound),\"to\":\($0.range.upperBound),\"text\":\(text($0.text))}"
            }
            return
                "{\"path\":\(text(segment.path)),\"number\":\(segment.number),\"size\":\(segment.size),\"end\":\(segment.end),"
                + "\"records\":\(segment.records),\"batches\":\(segment.batches),\"events\":\(segment.events),"
                + "\"bytes\":\(segment.bytes),\"firstRecord\":\(optional(segment.firstRecord)),"
                + "\"lastRecord\":\(optional(segment.lastRecord)),\"closed\":\(segment.isClosed),"
                + "\"empty\":\(segment.isEmpty),\"read\":\(text(segment.read.rawValue)),\"torn\":\(segment.torn),"
                + "\"damage\":\(list(damage))}"
        }
        let streams = streams.map { stream in
            let runs = stream.runs.map { "[\($0.lowerBound),\($0.upperBound)]" }
            return "{\"stream\":\(text(stream.stream.description)),\"events\":\(stream.events),\"runs\":\(list(runs))}"
        }
        let position = position.map {
            "{\"segment\":\($0.segment),\"offset\":\($0.offset),\"record\":\($0.number),\"events\":\($0.prefix)}"
        }
        return "{\"channel\":\(channel.map { text(StreamID(value: $0).description) } ?? "null"),\"good\":\(isGood),"
            + "\"events\":\(events),\"undelivered\":\(unreadEvents),\"position\":\(position ?? "null"),"
            + "\"segments\":\(list(segments)),\"streams\":\(list(streams)),\"moreStreams\":\(hasMoreStreams),"
            + "\"quarantined\":\(list(quarantined.map(text))),\"problems\":\(list(problems.map(text)))}"
    }
}

private enum JSONText {
    static func quoted(_ value: String) -> String {
        var result = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
