import TailraceCore
import TailraceJSON

/// Makes events of a request's body, by the handler and the Content-Type.
struct HTTPRequestReader {
    private let configuration: HTTPSourceConfiguration
    private let json = EventsParser()

    init(_ configuration: HTTPSourceConfiguration) { self.configuration = configuration }

    /// What can be said before the body is read. Errors: `http.415`, `http.400` …: see ``status(of:)``.
    func check(_ head: HTTPRequestHead) throws(TailraceError) {
        if let coding = head.header("content-encoding"), coding.lowercased() != "identity" {
            throw .http(415, "Content-Encoding \"\(coding)\" is not taken", fix: "send the body as it is")
        }
        switch configuration.handler {
        case .json: _ = try HTTPContent(head.header("content-type"))
        case .blob, .cuttingBlob:
            let missing = configuration.mandatoryParameters.filter { name in !head.query.contains { $0.name == name } }
            guard missing.isEmpty else {
                throw .http(400, "the query lacks the mandatory parameters \(missing.joined(separator: ", "))")
            }
        }
    }

    func read(_ head: HTTPRequestHead, _ body: Bytes) throws(TailraceError) -> EventBatch {
        switch configuration.handler {
        case .json: try readEvents(head, body)
        case .blob: try blob(head, body, contentType: nil)
        case .cuttingBlob: try blob(head, body, contentType: head.header("content-type"))
        }
    }

    private func blob(_ head: HTTPRequestHead, _ body: Bytes, contentType: String?) throws(TailraceError) -> EventBatch {
        var headers: [Header] = []
        let wanted = configuration.mandatoryParameters
        for parameter in head.query where wanted.isEmpty || wanted.contains(parameter.name) {
            headers.removeAll { $0.name == parameter.name }
            headers.append(parameter)
        }
        if let contentType { headers.append(Header("Content-Type", contentType)) }
        guard headers.count <= Limits.headers else {
            throw .http(400, "\(headers.count) parameters; at most \(Limits.headers) are taken")
        }
        guard body.count <= Limits.eventBytes else {
            throw .http(413, "the body has \(body.count) bytes; an event has at most \(Limits.eventBytes)")
        }
        var builder = EventBatchBuilder(shared: headers, capacity: body.count)
        body.withUnsafeBytes { builder.append($0) }
        return builder.finish()
    }

    private func readEvents(_ head: HTTPRequestHead, _ body: Bytes) throws(TailraceError) -> EventBatch {
        let content = try HTTPContent(head.header("content-type"))
        guard !body.isEmpty else { throw .http(400, "the request has no body; no events are sent as []") }
        let text = try content.encoding.utf8(body)
        var builder = EventBatchBuilder(capacity: text.count)
        switch content.form {
        case .lines where !HTTPContent.looksLikeArray(text): try appendLines(text, &builder)
        case .lines:
            // Flume does not look at the media type: clients that send JSON as text/plain must not get lines of it.
            do throws(TailraceError) { try read(text, &builder, json.readArray) } catch {
                builder = EventBatchBuilder(capacity: text.count)
                try appendLines(text, &builder)
            }
        case .array: try read(text, &builder, json.readArray)
        case .jsonLines: try read(text, &builder, json.readLines)
        }
        return content.encoding.encode(builder.finish())
    }

    private func read(
        _ text: Bytes, _ builder: inout EventBatchBuilder,
        _ reading: (UnsafeRawBufferPointer, inout EventBatchBuilder) throws(TailraceError) -> Void
    ) throws(TailraceError) {
        do throws(TailraceError) {
            try text.withUnsafeBytes { bytes throws(TailraceError) in try reading(bytes, &builder) }
        } catch { throw .http(400, error.message) }
    }

    /// Each line an event; a CR before the LF belongs to the line's end; empty lines are no events.
    private func appendLines(_ text: Bytes, _ builder: inout EventBatchBuilder) throws(TailraceError) {
        var assembler = LineAssembler(maxBytes: Limits.eventBytes), isTooLong = false
        func add(_ line: UnsafeRawBufferPointer, _ overflow: Bool) -> Bool {
            isTooLong = isTooLong || overflow
            let end = line.last == UInt8(ascii: "\r") ? line.count - 1 : line.count
            if end > 0 { builder.append(UnsafeRawBufferPointer(rebasing: line[..<end])) }
            return !isTooLong
        }
        text.withUnsafeBytes { assembler.feed($0, add) }
        assembler.finish(add)
        if isTooLong { throw .http(413, "a line has more than \(Limits.eventBytes) bytes") }
    }
}

extension TailraceError {
    /// An error that a client gets as this status.
    static func http(_ status: Int, _ message: String, fix: String? = nil) -> TailraceError {
        TailraceError(code: "http.\(status)", message: message, fix: fix)
    }
    /// 503 for what is not the client's doing.
    var httpStatus: Int { code.hasPrefix("http.") ? Int(code.dropFirst(5)) ?? 503 : 503 }
}
