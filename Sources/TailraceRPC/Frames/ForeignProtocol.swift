/// Whom the first bytes of a connection belong to, when they are not ours. The bytes themselves stay in the decoder, so that
/// a handler for one of these protocols can take the connection over.
package enum ForeignProtocol: Hashable, Sendable {
    /// Flume's own RPC. `serial`: of its first call.
    case avro(serial: Int32)
    /// Flume's own RPC with `compression-type = deflate`.
    case deflate
    case tls
    case http
    case ssh
    case unknown([UInt8])

    package enum Verdict: Hashable, Sendable {
        case needsMore
        case ours
        case foreign(ForeignProtocol)
    }

    /// So many bytes decide every case.
    package static let decisiveBytes = 8

    /// Judges the first bytes of a connection. With `isEnd` no more will come.
    package static func judge(_ bytes: UnsafeRawBufferPointer, isEnd: Bool = false) -> Verdict {
        let bytes = bytes.prefix(decisiveBytes)
        let common = zip(bytes, FrameHeader.magic).prefix { $0 == $1 }.count
        if common == FrameHeader.magic.count { return .ours }
        if common == bytes.count, !isEnd { return .needsMore }
        guard bytes.count >= decisiveBytes || isEnd else { return .needsMore }
        return .foreign(name(Array(bytes)))
    }

    private static func name(_ bytes: [UInt8]) -> ForeignProtocol {
        func starts(_ text: String) -> Bool { bytes.starts(with: text.utf8) }
        let methods = [
            "GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "TRACE ", "PRI ", "HTTP/",
        ]
        if methods.contains(where: starts) { return .http }
        if starts("SSH-") { return .ssh }
        // Record type handshake or alert, major version 3.
        if bytes.count >= 3, bytes[0] == 0x16 || bytes[0] == 0x15, bytes[1] == 3, bytes[2] <= 4 { return .tls }
        if bytes.count >= 2, bytes[0] == 0x78, [0x01, 0x5E, 0x9C, 0xDA].contains(bytes[1]) { return .deflate }
        guard bytes.count >= 8 else { return .unknown(bytes) }
        func number(_ at: Int) -> Int32 { bytes[at..<at + 4].reduce(0) { $0 << 8 | Int32(truncatingIfNeeded: $1) } }
        // Serial, then the number of buffers: at least one, and few, since Flume cuts at 8192 bytes.
        if number(0) >= 0, (1...1 << 20).contains(number(4)) { return .avro(serial: number(0)) }
        return .unknown(bytes)
    }

    package var code: String {
        switch self {
        case .avro, .deflate: "rpc.peer-is-flume"
        case .tls: "rpc.peer-is-tls"
        case .http: "rpc.peer-is-http"
        case .ssh, .unknown: "rpc.peer-is-foreign"
        }
    }
    package var message: String {
        switch self {
        case .avro(let serial): "the peer speaks Flume's own Avro RPC (call \(serial)), not Tailrace's"
        case .deflate: "the peer speaks Flume's own Avro RPC with compression-type = deflate, not Tailrace's"
        case .tls: "the peer speaks TLS"
        case .http: "the peer speaks HTTP"
        case .ssh: "the peer is an SSH server"
        case .unknown(let bytes):
            "the peer's first bytes are no frame: "
                + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
        }
    }
    package var fix: String {
        switch self {
        case .avro, .deflate: "run Tailrace at both ends; Flume's own Avro RPC is not spoken yet"
        case .tls: "set ssl = true here too, or take it from the peer's configuration"
        case .http, .ssh, .unknown: "check host name and port at both ends"
        }
    }
}
