// Control messages to frames and back, by protobuf-c. Batches: BatchEncoder, BatchDecoder.

import CProtobufC
import CWire
package import TailraceCore
package import TailraceWire

extension ControlMessage {
    /// The whole frame. Texts are cut to ``FrameLimits/largestText``, so it always fits.
    package func frame(_ arena: WireArena) -> Bytes {
        arena.reset()
        defer { arena.reset() }
        func text(_ value: String) -> ProtobufCBinaryData { arena.copy(value.utf8.prefix(FrameLimits.largestText)) ?? .init() }
        switch self {
        case .hello(let hello):
            var message = Wire__Hello()
            wire__hello__init(&message)
            (message.lowest_version, message.highest_version) = (hello.versions.lowerBound, hello.versions.upperBound)
            message.agent = text(hello.agent)
            let offered = hello.compression.map { Wire__Compression(rawValue: UInt32($0.rawValue)) }
            (message.n_compression, message.compression) = (offered.count, arena.copy(array: offered))
            message.largest_frame = UInt64(hello.largestFrame)
            let streams = hello.streams.prefix(Limits.runs).map(\.value)
            (message.n_streams, message.streams) = (streams.count, arena.copy(array: streams))
            return pack(&message, wire__hello__get_packed_size, wire__hello__pack)
        case .helloReply(let reply):
            return frame(of: reply, arena, agent: text(reply.agent))
        case .batchReply(let reply):
            return frame(of: reply, text)
        case .ping(let number), .pong(let number):
            var message = Wire__Ping()
            wire__ping__init(&message)
            message.number = number
            return pack(&message, wire__ping__get_packed_size, wire__ping__pack)
        case .goAway(let reason):
            var message = Wire__GoAway()
            wire__go_away__init(&message)
            message.reason = text(reason)
            return pack(&message, wire__go_away__get_packed_size, wire__go_away__pack)
        case .refused(let refused):
            var message = Wire__Refused()
            wire__refused__init(&message)
            (message.code, message.reason) = (text(refused.code), text(refused.reason))
            (message.lowest_version, message.highest_version) = (refused.versions.lowerBound, refused.versions.upperBound)
            return pack(&message, wire__refused__get_packed_size, wire__refused__pack)
        }
    }

    private func frame(of reply: HelloReply, _ arena: WireArena, agent: ProtobufCBinaryData) -> Bytes {
        var message = Wire__HelloReply()
        wire__hello_reply__init(&message)
        message.version = reply.version
        message.agent = agent
        message.compression = Wire__Compression(rawValue: UInt32(reply.compression.rawValue))
        message.largest_frame = UInt64(reply.largestFrame)
        var held: [UnsafeMutablePointer<Wire__HeldRuns>?] = []
        for stream in reply.held {
            var runs = BufferBuilder(capacity: 64)
            RunCoding.append(stream.runs, from: 0, to: &runs)
            var one = Wire__HeldRuns()
            wire__held_runs__init(&one)
            one.stream = stream.stream.value
            // A hint: what does not fit is left out.
            guard let copied = arena.copy(runs.bytes) else { break }
            one.runs = copied
            guard let place = arena.copy(array: [one]) else { break }
            held.append(place)
        }
        message.held = arena.copy(array: held)
        message.n_held = message.held == nil ? 0 : held.count
        return withWindow(reply.window) {
            message.window = $0
            return pack(&message, wire__hello_reply__get_packed_size, wire__hello_reply__pack)
        }
    }

    private func frame(of reply: BatchReply, _ text: (String) -> ProtobufCBinaryData) -> Bytes {
        var message = Wire__BatchReply()
        wire__batch_reply__init(&message)
        message.call = reply.call
        switch reply.status {
        case .ok: message.status = WIRE__STATUS__OK
        case .failed(let code, let reason, let after):
            message.status = WIRE__STATUS__FAILED
            (message.code, message.reason) = (text(code), text(reason))
            message.retry_after_milliseconds = UInt32(clamping: after.milliseconds)
        case .rejected(let code, let reason):
            message.status = WIRE__STATUS__REJECTED
            (message.code, message.reason) = (text(code), text(reason))
        case .notOwner(let hint):
            message.status = WIRE__STATUS__NOT_OWNER
            if case .host(let host, let port) = hint { (message.owner_host, message.owner_port) = (text(host), UInt32(port)) }
        }
        return withWindow(reply.window) {
            message.window = $0
            return pack(&message, wire__batch_reply__get_packed_size, wire__batch_reply__pack)
        }
    }

    private func withWindow(_ window: SendWindow?, _ body: (UnsafeMutablePointer<Wire__Window>?) -> Bytes) -> Bytes {
        guard let window else { return body(nil) }
        var message = Wire__Window()
        wire__window__init(&message)
        message.batches = UInt32(clamping: window.batches)
        (message.events, message.bytes) = (UInt64(clamping: window.size.events), UInt64(clamping: window.size.bytes))
        return withUnsafeMutablePointer(to: &message) { body($0) }
    }

    private func pack<Message>(
        _ message: inout Message, _ size: (UnsafePointer<Message>) -> Int,
        _ pack: (UnsafePointer<Message>, UnsafeMutablePointer<UInt8>) -> Int
    ) -> Bytes {
        let length = size(&message)
        var frame = BufferBuilder(capacity: FrameHeader.byteCount + length)
        let space = frame.spare
        let envelope = UnsafeMutableRawBufferPointer(rebasing: space[FrameHeader.byteCount..<FrameHeader.byteCount + length])
        let written = envelope.withMemoryRebound(to: UInt8.self) { pack(&message, $0.baseAddress!) }
        precondition(written == length, "protobuf-c packed \(written) bytes after announcing \(length)")
        FrameHeader(
            kind: kind.rawValue, envelopeLength: length, bodyLength: 0, contentLength: 0,
            envelopeChecksum: crc32c(UnsafeRawBufferPointer(envelope)),
            bodyChecksum: crc32c(UnsafeRawBufferPointer(start: nil, count: 0))
        ).write(to: space)
        frame.filled(FrameHeader.byteCount + length)
        return frame.finish()
    }
}

extension ControlMessage {
    package init?(_ kind: MessageKind, _ envelope: Bytes, _ arena: WireArena) throws(TailraceError) {
        let message = try envelope.withUnsafeBytes { (bytes) throws(TailraceError) in
            try ControlMessage(kind, bytes, arena)
        }
        guard let message else { return nil }
        self = message
    }
    /// Of an envelope whose checksum is right. nil: a kind that has no control message here.
    package init?(_ kind: MessageKind, _ envelope: UnsafeRawBufferPointer, _ arena: WireArena) throws(TailraceError) {
        arena.reset()
        defer { arena.reset() }
        switch kind {
        case .hello: self = .hello(try Hello(unpack("\(kind)", envelope, arena, wire__hello__unpack)))
        case .helloReply: self = .helloReply(try HelloReply(unpack("\(kind)", envelope, arena, wire__hello_reply__unpack)))
        case .appendBatch: return nil
        case .batchReply: self = .batchReply(try BatchReply(unpack("\(kind)", envelope, arena, wire__batch_reply__unpack)))
        case .ping: self = .ping(try unpack("\(kind)", envelope, arena, wire__ping__unpack).number)
        case .pong: self = .pong(try unpack("\(kind)", envelope, arena, wire__ping__unpack).number)
        case .goAway: self = .goAway(try unpack("\(kind)", envelope, arena, wire__go_away__unpack).reason.text)
        case .refused:
            let message = try unpack("\(kind)", envelope, arena, wire__refused__unpack)
            let versions = try versionRange(message.lowest_version, message.highest_version)
            self = .refused(Refused(code: message.code.text, reason: message.reason.text, versions: versions))
        }
    }
}

private func versionRange(_ low: UInt32, _ high: UInt32) throws(TailraceError) -> ClosedRange<UInt32> {
    guard low <= high else { throw .rpcMalformed("versions \(low) to \(high)") }
    return low...high
}

extension SendWindow {
    init?(_ message: UnsafePointer<Wire__Window>?) {
        guard let message = message?.pointee else { return nil }
        self.init(
            batches: max(1, Int(clamping: message.batches)),
            size: BatchSize(events: Int(clamping: message.events), bytes: Int(clamping: message.bytes)))
    }
}

extension Hello {
    init(_ message: Wire__Hello) throws(TailraceError) {
        var compression: [Compression] = []
        // Those that are not known here are no concern of ours.
        for index in 0..<min(message.n_compression, 16) {
            if let known = UInt8(exactly: message.compression[index].rawValue).flatMap(Compression.init) {
                compression.append(known)
            }
        }
        guard message.n_streams <= Limits.runs else {
            throw .rpcTooMany("streams asked for", message.n_streams, limit: Limits.runs)
        }
        self.init(
            versions: try versionRange(message.lowest_version, message.highest_version), agent: message.agent.text,
            compression: compression, largestFrame: Int(clamping: message.largest_frame),
            streams: (0..<message.n_streams).map { StreamID(value: message.streams[$0]) })
    }
}

extension HelloReply {
    init(_ message: Wire__HelloReply) throws(TailraceError) {
        guard let compression = UInt8(exactly: message.compression.rawValue).flatMap(Compression.init) else {
            throw .rpcUnknownCompression(Int(message.compression.rawValue))
        }
        guard let window = SendWindow(message.window) else { throw .rpcMalformed("a HelloReply without a window") }
        guard message.n_held <= Limits.runs else { throw .rpcTooMany("streams held", message.n_held, limit: Limits.runs) }
        var held: [HeldRuns] = []
        for index in 0..<message.n_held {
            guard let one = message.held[index]?.pointee else { continue }
            let runs = try RunCoding.read(one.runs.bytes, from: 0, within: .max)
            held.append(HeldRuns(stream: StreamID(value: one.stream), runs: runs))
        }
        self.init(
            version: message.version, agent: message.agent.text, compression: compression,
            largestFrame: Int(clamping: message.largest_frame), window: window, held: held)
    }
}

extension BatchReply {
    init(_ message: Wire__BatchReply) throws(TailraceError) {
        let status: Status
        switch message.status {
        case WIRE__STATUS__OK: status = .ok
        case WIRE__STATUS__FAILED:
            let after = Duration.milliseconds(Int64(message.retry_after_milliseconds))
            status = .failed(code: message.code.text, reason: message.reason.text, retryAfter: after)
        case WIRE__STATUS__REJECTED: status = .rejected(code: message.code.text, reason: message.reason.text)
        case WIRE__STATUS__NOT_OWNER:
            let port = UInt16(clamping: message.owner_port), host = message.owner_host.text
            status = .notOwner(hint: host.isEmpty ? nil : .host(host, port: port))
        // A status of a later version: what it means for the events is not known, so they are not settled.
        default:
            let reason = "status \(message.status.rawValue) is not known here"
            status = .failed(code: "rpc.unknown-status", reason: reason, retryAfter: .seconds(1))
        }
        self.init(call: message.call, status: status, window: SendWindow(message.window))
    }
}

extension ProtobufCBinaryData {
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : len) }
    /// For people: at most ``FrameLimits/largestText`` bytes, without control characters.
    var text: String {
        let decoded = String(decoding: bytes.prefix(FrameLimits.largestText), as: UTF8.self)
        return String(
            String.UnicodeScalarView(decoded.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "\u{FFFD}" : $0 }))
    }
}
