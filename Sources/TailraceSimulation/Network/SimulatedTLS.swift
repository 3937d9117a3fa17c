import TailraceCore
import TailraceTLS

/// TLS without cryptography: the order of the messages of TLS 1.3, the checks of certificates, alerts and the orderly end are
/// as there; the bytes are not hidden.
final class SimulatedTLS: TLSProvider {
    func makeContext(
        _ settings: TLSSettings, _ role: TLSRole, files: [String: [UInt8]]
    ) throws(TailraceError) -> any TLSContext {
        try SimulatedTLSContext(settings, role, files.mapValues { String(decoding: $0, as: UTF8.self) })
    }
}

final class SimulatedTLSContext: TLSContext {
    let settings: TLSSettings
    let role: TLSRole
    private(set) var certificate: SimulatedCertificate?
    private let authorities: [String]

    init(_ settings: TLSSettings, _ role: TLSRole, _ files: [String: String]) throws(TailraceError) {
        (self.settings, self.role) = (settings, role)
        authorities = SimulatedCertificate.values("authority", settings.authorities.flatMap { files[$0.path] } ?? "")
        guard let store = settings.certificate else {
            guard role == .client else { throw TailraceError(code: "tls.no-own-certificate", message: "a server needs one") }
            return
        }
        guard let certificate = SimulatedCertificate(parsing: files[store.path] ?? "") else {
            throw TailraceError(code: "tls.file", message: "\(store.path) has no certificate")
        }
        let key = settings.key ?? store
        guard SimulatedCertificate.values("key", files[key.path] ?? "") == [certificate.key] else {
            throw TailraceError(code: "tls.key-mismatch", message: "\(key.path) has not the key of \(certificate.subject)")
        }
        self.certificate = certificate
    }

    func makeEngine(
        _ pipe: CipherPipe, host: String?, peer: String, now: WallTime
    ) throws(TailraceError) -> any TLSEngine {
        SimulatedTLSEngine(self, pipe, host: host, peer: peer, now: now)
    }

    /// Why the peer's certificate is not accepted; nil: it is.
    func judge(_ shown: SimulatedCertificate?, host: String?, peer: String, now: WallTime) -> TailraceError? {
        func error(_ code: String, _ text: String) -> TailraceError {
            TailraceError(code: code, message: "\(peer): the certificate \(shown?.subject ?? "") \(text)")
        }
        if settings.demand == .none { return nil }
        guard let shown else {
            guard settings.demand == .needed else { return nil }
            return TailraceError(code: "tls.no-certificate", message: "\(peer): the peer showed no certificate")
        }
        if !authorities.contains(shown.authority) { return error("tls.wrong-authority", "comes from \(shown.authority)") }
        if now.milliseconds > shown.until.milliseconds { return error("tls.expired", "has expired") }
        if now.milliseconds < shown.from.milliseconds { return error("tls.not-yet-valid", "is not yet valid") }
        if role == .client, settings.checksHostName, let host, !shown.names.contains(host) {
            return error("tls.wrong-name", "is not for \(host), but for \(shown.names.joined(separator: ", "))")
        }
        return nil
    }
}

/// Records of one byte kind, two bytes length, content.
final class SimulatedTLSEngine: TLSEngine {
    private enum Kind { static let alert: UInt8 = 0x15, handshake: UInt8 = 0x16, data: UInt8 = 0x17 }
    /// Can transition to: the next one, or nothing more after an error.
    private enum Phase { case hello, certificate, open }

    private let context: SimulatedTLSContext
    private let pipe: CipherPipe
    private let host: String?, peer: String, now: WallTime
    private(set) var identity: PeerIdentity?
    private var phase = Phase.hello
    private var hasGreeted = false
    /// Of the record that comes.
    private var header: [UInt8] = []
    private var content: [UInt8] = []
    private var left = 0
    private var hasEnded = false

    init(_ context: SimulatedTLSContext, _ pipe: CipherPipe, host: String?, peer: String, now: WallTime) {
        (self.context, self.pipe, self.host, self.peer, self.now) = (context, pipe, host, peer, now)
    }

    func handshake() throws(TailraceError) -> Bool {
        if context.role == .client, !hasGreeted {
            hasGreeted = true
            send(Kind.handshake, Array("hello".utf8))
        }
        while phase != .open {
            guard let text = try message() else { return false }
            switch (context.role, phase) {
            case (.server, .hello):
                showCertificate()
                phase = .certificate
            default:
                try check(text)
                if context.role == .client { showCertificate() }
                phase = .open
            }
        }
        return true
    }
    private func showCertificate() { send(Kind.handshake, Array((context.certificate?.text ?? "").utf8)) }
    private func check(_ text: String) throws(TailraceError) {
        let shown = SimulatedCertificate(parsing: text)
        if let error = context.judge(shown, host: host, peer: peer, now: now) {
            send(Kind.alert, Array(error.code.utf8))
            throw error
        }
        if context.settings.demand != .none { identity = shown.map { PeerIdentity(subject: "CN=\($0.subject)") } }
    }

    /// A whole handshake message.
    private func message() throws(TailraceError) -> String? {
        while true {
            guard try readHeader(isHandshake: true) else { return nil }
            while content.count < left {
                guard try take(left - content.count, { content += $0 }, isHandshake: true) else { return nil }
            }
            let (kind, bytes) = (header[0], content)
            (header, content, left) = ([], [], 0)
            switch kind {
            case Kind.handshake: return String(decoding: bytes, as: UTF8.self)
            case Kind.alert: throw refused(bytes)
            default:
                pipe.dropOutput()
                send(Kind.alert, Array("tls.protocol".utf8))
                throw .tlsPlaintext(peer)
            }
        }
    }
    private func refused(_ bytes: [UInt8]) -> TailraceError {
        let reason = String(decoding: bytes, as: UTF8.self)
        return TailraceError(code: "tls.refused", message: "\(peer): the peer refused the connection: \(reason)")
    }

    private func readHeader(isHandshake: Bool) throws(TailraceError) -> Bool {
        while header.count < 3 {
            guard try take(3 - header.count, { header += $0 }, isHandshake: isHandshake) else { return false }
            if isHandshake, header[0] != Kind.handshake, header[0] != Kind.alert { header = [0, 0, 0] }
        }
        left = Int(header[1]) << 8 | Int(header[2])
        return true
    }
    /// False: nothing there.
    private func take(_ count: Int, _ body: (ArraySlice<UInt8>) -> Void, isHandshake: Bool) throws(TailraceError) -> Bool {
        var space = [UInt8](repeating: 0, count: count)
        switch space.withUnsafeMutableBytes({ pipe.take(into: $0) }) {
        case .bytes(let taken):
            body(space[..<taken])
            return true
        case .blocked: return false
        case .ended: throw isHandshake ? .tlsClosed(peer) : .tlsTruncated(peer)
        case .failed: throw pipe.failure!
        }
    }

    func read(into space: UnsafeMutableRawBufferPointer) throws(TailraceError) -> ReadResult {
        while !hasEnded {
            guard try readHeader(isHandshake: false) else { return .wouldBlock }
            guard header[0] == Kind.data else {
                while content.count < left {
                    guard try take(left - content.count, { content += $0 }, isHandshake: false) else { return .wouldBlock }
                }
                guard content.isEmpty else { throw refused(content) }
                hasEnded = true
                break
            }
            guard left > 0 else {
                header = []
                continue
            }
            let part = UnsafeMutableRawBufferPointer(rebasing: space[..<min(space.count, left)])
            switch pipe.take(into: part) {
            case .bytes(let count):
                left -= count
                // (The header keeps the kind and says how much is left.)
                header = left == 0 ? [] : [Kind.data, UInt8(left >> 8), UInt8(left & 0xFF)]
                return .bytes(count)
            case .blocked: return .wouldBlock
            case .ended: throw .tlsTruncated(peer)
            case .failed: throw pipe.failure!
            }
        }
        return .end
    }
    func write(_ bytes: UnsafeRawBufferPointer) throws(TailraceError) { send(Kind.data, Array(bytes)) }
    func finish() { send(Kind.alert, []) }

    private func send(_ kind: UInt8, _ content: [UInt8]) {
        let record = [kind, UInt8(content.count >> 8), UInt8(content.count & 0xFF)] + content
        record.withUnsafeBytes { pipe.put($0) }
    }
}
