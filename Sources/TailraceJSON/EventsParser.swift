import CSIMDJSON
package import TailraceCore

/// Events in JSON, as Flume's HTTP source takes them: an array of `{"headers": {name: value}, "body": text}`, or one such object
/// a line. Header values and bodies may be texts, numbers, `true`, `false` (as they are written) or `null` (empty); other
/// members are ignored; of a member that is given twice the last one counts.
///
/// Bytes that are not UTF-8 become U+FFFD, as in Flume; all other mistakes are errors of the whole text: Flume's reader also takes
/// names without quotes, comments and more, which are refused here.
package final class EventsParser {
    private let parser = csimdjson_new()!
    package init() {}
    deinit { csimdjson_free(parser) }

    /// Errors: `json.syntax`, `json.event` (with the event's number from 0), `json.headers` (more or longer than ``Limits``).
    package func readArray(_ text: UnsafeRawBufferPointer, into builder: inout EventBatchBuilder) throws(TailraceError) {
        try read(text, isArray: true, "", &builder)
    }

    /// One event a line; empty lines are skipped. Errors say the line, from 1.
    package func readLines(_ text: UnsafeRawBufferPointer, into builder: inout EventBatchBuilder) throws(TailraceError) {
        var start = 0, line = 0
        while start < text.count {
            line += 1
            let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
            defer { start = end + 1 }
            let one = UnsafeRawBufferPointer(rebasing: text[start..<end])
            if one.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
            try read(one, isArray: false, "line \(line): ", &builder)
        }
    }

    private struct Target {
        var add: (UnsafeBufferPointer<csimdjson_text>, csimdjson_text) -> TailraceError?
        var failure: TailraceError?
    }

    private func read(
        _ text: UnsafeRawBufferPointer, isArray: Bool, _ place: String, _ builder: inout EventBatchBuilder
    ) throws(TailraceError) {
        var reason = [CChar](repeating: 0, count: 256)
        var failure: TailraceError?
        let result = withUnsafeMutablePointer(to: &builder) { builder in
            var target = Target(add: { Self.append($0, $1, to: &builder.pointee) }, failure: nil)
            defer { failure = target.failure }
            return withUnsafeMutablePointer(to: &target) { target in
                csimdjson_events(
                    parser, text.baseAddress?.assumingMemoryBound(to: CChar.self), text.count, isArray ? 1 : 0,
                    { context, headers, count, body in
                        let target = context!.assumingMemoryBound(to: Target.self)
                        target.pointee.failure = target.pointee.add(
                            UnsafeBufferPointer(start: headers, count: 2 * count), body)
                        return target.pointee.failure == nil ? 0 : 1
                    }, UnsafeMutableRawPointer(target), &reason, reason.count)
            }
        }
        let said = reason.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        switch result {
        case CSIMDJSON_OK: return
        case CSIMDJSON_BAD_UTF8:
            // Once more, with what is not UTF-8 replaced.
            let mended = Array(String(decoding: text, as: UTF8.self).utf8)
            var failed: TailraceError?
            mended.withUnsafeBytes {
                do throws(TailraceError) { try read($0, isArray: isArray, place, &builder) } catch { failed = error }
            }
            if let failed { throw failed }
        case CSIMDJSON_STOPPED: throw failure ?? .stopped
        case CSIMDJSON_BAD_EVENT: throw TailraceError(code: "json.event", message: place + said)
        default: throw TailraceError(code: "json.syntax", message: "\(place)not valid JSON: \(said)")
        }
    }

    private static func append(
        _ headers: UnsafeBufferPointer<csimdjson_text>, _ body: csimdjson_text, to builder: inout EventBatchBuilder
    ) -> TailraceError? {
        var own: [Header] = []
        var index = 0
        while index < headers.count {
            let header = Header(string(headers[index]), string(headers[index + 1]))
            index += 2
            guard header.name.utf8.count <= Limits.headerBytes, header.value.utf8.count <= Limits.headerBytes else {
                return TailraceError(
                    code: "json.headers",
                    message: "a header's name or value has more than \(Limits.headerBytes) bytes")
            }
            if let earlier = own.firstIndex(where: { $0.name == header.name }) { own.remove(at: earlier) }
            own.append(header)
        }
        guard own.count <= Limits.headers else {
            return TailraceError(
                code: "json.headers", message: "an event has \(own.count) headers; at most \(Limits.headers) are taken")
        }
        guard body.size <= Limits.eventBytes else {
            return TailraceError(
                code: "json.event", message: "a body has \(body.size) bytes; at most \(Limits.eventBytes) are taken")
        }
        builder.append(UnsafeRawBufferPointer(start: body.start, count: body.size), headers: own)
        return nil
    }
    private static func string(_ text: csimdjson_text) -> String {
        String(decoding: UnsafeRawBufferPointer(start: text.start, count: text.size), as: UTF8.self)
    }
}
