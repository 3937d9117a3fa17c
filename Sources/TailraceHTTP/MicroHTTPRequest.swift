import CMicroHTTPD
import TailraceCore

/// One request, from its head to its answer. The library calls ``begin()`` once, ``take(_:)`` for each piece of the body,
/// and ``continues()`` when the body is complete and each time that it was resumed.
final class MicroHTTPRequest {
    enum Piece { case taken, suspended }

    /// Reserved at the first piece; doubled when it is full, so that a client holds no more than twice what it has sent.
    private static let firstReservation = 16 << 10

    private let server: MicroHTTPServer
    private let connection: OpaquePointer
    private let peer: MicroHTTPConnection
    private var head: HTTPRequestHead
    private var body = BufferBuilder(capacity: 16)
    private var reserved = 0
    private var isSuspended = false
    private var isHandled = false
    private var isOver = false
    private var answer: HTTPAnswer?

    init(
        _ server: MicroHTTPServer, _ connection: OpaquePointer, _ peer: MicroHTTPConnection, method: String, path: String
    ) {
        (self.server, self.connection, self.peer) = (server, connection, peer)
        head = HTTPRequestHead(method: method, path: path)
    }

    /// False closes the connection.
    func begin() -> Bool {
        peer.isIdle = false
        head.headers = Self.pairs(cmhd_headers, connection)
        head.query = Self.pairs(cmhd_arguments, connection)
        var text = [CChar](repeating: 0, count: 64), port: UInt16 = 0
        cmhd_peer(connection, &text, text.count, &port)
        let address = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        if !address.isEmpty { head.peer = .host(address, port: port) }
        if let refusal = ownRefusal ?? server.handler?.refusal(of: head) {
            if let own = ownRefusal { server.handler?.refused(own.status, own.body) }
            return queue(refusal)
        }
        return true
    }

    /// What the library lets through and should not: two lengths (request smuggling), and bodies without a bound.
    private var ownRefusal: HTTPAnswer? {
        let lengths = head.headers.filter { $0.name.lowercased() == "content-length" }
        let isChunked = head.header("transfer-encoding") != nil
        if lengths.count + (isChunked ? 1 : 0) > 1 {
            return .refusing(400, "a request has one Content-Length or Transfer-Encoding, not both and not two")
        }
        if let text = lengths.first?.value, let length = Int(text), length > server.settings.maxBodyBytes {
            return tooLarge("\(length)")
        }
        return nil
    }
    private func tooLarge(_ bytes: String) -> HTTPAnswer {
        .refusing(413, "the request has \(bytes) bytes; at most \(server.settings.maxBodyBytes) are taken")
    }

    private static func pairs(
        _ visit: (OpaquePointer, MHD_KeyValueIterator, UnsafeMutableRawPointer) -> Int32, _ connection: OpaquePointer
    ) -> [Header] {
        var found: [Header] = []
        withUnsafeMutablePointer(to: &found) {
            _ = visit(
                connection,
                { context, _, name, value in
                    context!.assumingMemoryBound(to: [Header].self).pointee.append(
                        Header(String(cString: name!), value.map { String(cString: $0) } ?? ""))
                    return .YES
                }, UnsafeMutableRawPointer($0))
        }
        return found
    }

    func take(_ bytes: UnsafeRawBufferPointer) -> Piece {
        guard answer == nil else { return .taken }  // refused: the rest is read and dropped
        guard body.count + bytes.count <= server.settings.maxBodyBytes else {
            return refuseRest(tooLarge("more than \(server.settings.maxBodyBytes)"))
        }
        let needed = body.count + bytes.count
        if needed > reserved {
            var wanted = max(reserved, Self.firstReservation)
            while wanted < needed { wanted *= 2 }
            let isFirst = reserved == 0
            let granted = server.memory.reserve(wanted - reserved) { [weak self] in if isFirst { self?.stopWaiting() } }
            guard granted else {
                // Only the first step waits, with nothing in its hands: so no two requests wait for each other.
                guard isFirst else {
                    return refuseRest(
                        .refusing(503, "no memory for more than \(body.count) bytes of this request now", retryAfter: 1))
                }
                peer.waiting = self
                suspend()
                return .suspended
            }
            reserved = wanted
            body.reserve(wanted - body.count)
        }
        body.append(bytes)
        return .taken
    }

    /// The library answers only when a body is complete: the rest is read, dropped, and bounded by the request's time.
    private func refuseRest(_ refusal: HTTPAnswer) -> Piece {
        server.handler?.refused(refusal.status, refusal.body)
        answer = refusal
        body = BufferBuilder(capacity: 16)
        return .taken
    }

    /// There may be memory again, or the client's time is over: the library calls again with the same bytes.
    func stopWaiting() {
        peer.waiting = nil
        resume()
    }

    /// The body is complete, or an answer has come. False closes the connection.
    func continues() -> Bool {
        if let answer { return queue(answer) }
        guard !isHandled else { return true }
        isHandled = true
        guard let handler = server.handler else { return false }
        peer.stopTimer()
        var bytes = BufferBuilder(capacity: 0)
        swap(&bytes, &body)
        handler.handle(head, bytes.finish()) { [weak self] in self?.answered($0) }
        if let answer { return queue(answer) }
        suspend()
        return true
    }

    private func answered(_ answer: HTTPAnswer) {
        guard self.answer == nil, !isOver else { return }
        self.answer = answer
        resume()
    }

    private func queue(_ answer: HTTPAnswer) -> Bool {
        self.answer = answer
        peer.expectRequest()
        var headers = answer.headers
        if !answer.body.isEmpty { headers.append(Header("Content-Type", "text/plain; charset=utf-8")) }
        let texts = headers.flatMap { [$0.name, $0.value] }.map { Array($0.utf8CString) }
        let body = Array(answer.body.utf8)
        return withPointers(to: texts[...], []) { pointers in
            body.withUnsafeBytes {
                cmhd_answer(connection, UInt32(answer.status), pointers, headers.count, $0.baseAddress, $0.count) != 0
            }
        }
    }
    private func withPointers<R>(
        to texts: ArraySlice<[CChar]>, _ pointers: [UnsafePointer<CChar>?], _ body: ([UnsafePointer<CChar>?]) -> R
    ) -> R {
        guard let first = texts.first else { return body(pointers) }
        return first.withUnsafeBufferPointer { withPointers(to: texts.dropFirst(), pointers + [$0.baseAddress], body) }
    }

    private func suspend() {
        isSuspended = true
        cmhd_suspend(connection)
    }
    private func resume() {
        guard isSuspended else { return }
        isSuspended = false
        cmhd_resume(connection)
        server.runSoon()
    }

    /// The server closes: nothing is answered any more.
    func abandon() {
        isOver = true
        if isSuspended {
            isSuspended = false
            cmhd_resume(connection)
        }
    }

    /// The library's last word on it.
    func completed() {
        isOver = true
        if reserved > 0 { server.memory.giveBack(reserved) }
        reserved = 0
        peer.waiting = nil
        peer.isIdle = true
        guard !isHandled, answer == nil, !peer.isOver else { return }
        server.handler?.refused(0, "a client left within its request")
    }
}

extension HTTPAnswer {
    static func refusing(_ status: Int, _ reason: String, retryAfter seconds: Int? = nil) -> HTTPAnswer {
        HTTPAnswer(status, headers: seconds.map { [Header("Retry-After", "\($0)")] } ?? [], body: reason + "\n")
    }
}
