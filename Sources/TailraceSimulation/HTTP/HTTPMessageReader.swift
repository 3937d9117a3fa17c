import TailraceCore

/// Messages of HTTP/1.1 with Content-Length, out of a stream.
struct HTTPMessageReader: ~Copyable {
    enum Outcome {
        case message(start: String, headers: [Header], body: Bytes)
        case wouldBlock, end, malformed
    }
    private static let maxBytes = 64 << 20
    private var received: [UInt8] = []

    mutating func read(from stream: any ByteStream) throws(TailraceError) -> Outcome {
        while true {
            if let message = next() { return message }
            guard received.count < Self.maxBytes else { return .malformed }
            var space = [UInt8](repeating: 0, count: 16 << 10)
            let result = space.withUnsafeMutableBytes { buffer in
                Result { () throws(TailraceError) in try stream.read(into: buffer) }
            }
            switch try result.get() {
            case .bytes(let count): received += space[..<count]
            case .wouldBlock: return .wouldBlock
            case .end: return received.isEmpty ? .end : .malformed
            }
        }
    }

    private mutating func next() -> Outcome? {
        let end = Array("\r\n\r\n".utf8)
        guard let first = received.indices.first(where: { received[$0...].starts(with: end) }) else { return nil }
        var lines = String(decoding: received[..<first], as: UTF8.self).split(separator: "\r\n").map(String.init)
        guard !lines.isEmpty else { return .malformed }
        let start = lines.removeFirst()
        var headers: [Header] = []
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { return .malformed }
            headers.append(Header(parts[0], String(parts[1].drop { $0 == " " })))
        }
        let length = headers.first { $0.name.lowercased() == "content-length" }.map { Int($0.value) } ?? 0
        guard let length, length >= 0 else { return .malformed }
        let body = first + end.count
        guard received.count - body >= length else { return nil }
        defer { received.removeFirst(body + length) }
        return .message(start: start, headers: headers, body: Bytes(copying: received[body..<body + length]))
    }

    static func bytes(_ start: String, _ headers: [Header], _ body: Bytes) -> Bytes {
        var message = BufferBuilder(capacity: 256 + body.count)
        message.append("\(start)\r\n".utf8)
        for header in headers { message.append("\(header.name): \(header.value)\r\n".utf8) }
        message.append("Content-Length: \(body.count)\r\n\r\n".utf8)
        message.append(body)
        return message.finish()
    }
}
