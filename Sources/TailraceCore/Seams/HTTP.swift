// HTTP/1.1 for components. A kept library is behind it (TailraceHTTP), or the simulation.

/// What a server offers. Everything that a client could make grow has a bound here.
package struct HTTPServerSettings: Sendable {
    package var endpoint: Endpoint
    /// More of them wait in the kernel.
    package var maxConnections: Int
    /// Of one request; larger ones are refused with 413, before they are read where their length is announced.
    package var maxBodyBytes: Int
    /// Of a request's head; larger ones are refused with 431 or 414.
    package var maxHeadBytes: Int
    /// From the opening of a connection, or from its last answer, until its next request is complete; then again until the
    /// answer is taken. Idle and dripping clients are closed by it. The time between is the handler's.
    package var requestTime: Duration
    package var tls: HTTPServerTLS?

    package init(
        endpoint: Endpoint, maxConnections: Int, maxBodyBytes: Int, maxHeadBytes: Int = 32 << 10, requestTime: Duration,
        tls: HTTPServerTLS? = nil
    ) {
        (self.endpoint, self.maxConnections, self.maxBodyBytes) = (endpoint, maxConnections, maxBodyBytes)
        (self.maxHeadBytes, self.requestTime, self.tls) = (maxHeadBytes, requestTime, tls)
    }
}

/// PEM texts, not paths.
package struct HTTPServerTLS: Sendable {
    package var certificateChain: String
    package var privateKey: String
    package init(certificateChain: String, privateKey: String) {
        (self.certificateChain, self.privateKey) = (certificateChain, privateKey)
    }
}

package struct HTTPRequestHead: Sendable {
    package var method: String
    package var path: String
    /// Decoded, in order; a name without `=` has an empty value.
    package var query: [Header]
    package var headers: [Header]
    package var peer: Endpoint?
    package init(method: String, path: String, query: [Header] = [], headers: [Header] = [], peer: Endpoint? = nil) {
        (self.method, self.path, self.query, self.headers, self.peer) = (method, path, query, headers, peer)
    }
    /// The first of that name, in any case of letters.
    package func header(_ name: String) -> String? {
        let name = name.lowercased()
        return headers.first { $0.name.lowercased() == name }?.value
    }
}

package struct HTTPAnswer: Hashable, Sendable {
    package var status: Int
    package var headers: [Header]
    package var body: String
    package init(_ status: Int, headers: [Header] = [], body: String = "") {
        (self.status, self.headers, self.body) = (status, headers, body)
    }
}

package protocol HTTPHandler: AnyObject {
    /// The head is there, the body is not: an answer refuses the request before its body is read; nil: go on.
    func refusal(of head: HTTPRequestHead) -> HTTPAnswer?
    /// A whole request. `answer`: exactly once, now or in a later turn; it may come when the client has left.
    func handle(_ head: HTTPRequestHead, _ body: Bytes, _ answer: @escaping (HTTPAnswer) -> Void)
    /// What the server refused by itself: for metrics and the log. Status 0: the connection was closed without an answer.
    func refused(_ status: Int, _ reason: String)
}

package protocol HTTPServer: AnyObject {
    /// With the port that was really given.
    var endpoint: Endpoint { get }
    var connections: Int { get }
    /// Accepts no more connections; those that are open go on.
    func stopAccepting()
    /// Closes what is open. Answers that come later are ignored. Also when the last reference is gone.
    func close()
}

package struct HTTPClientSettings: Sendable {
    /// Until the connection is there.
    package var connectTime: Duration
    /// From the call to the end of the answer.
    package var requestTime: Duration
    /// At a time; more are refused by the client (it is the caller's to wait).
    package var maxConnections: Int
    /// An answer's body beyond it is dropped.
    package var maxAnswerBytes: Int
    package init(connectTime: Duration, requestTime: Duration, maxConnections: Int, maxAnswerBytes: Int = 64 << 10) {
        (self.connectTime, self.requestTime) = (connectTime, requestTime)
        (self.maxConnections, self.maxAnswerBytes) = (maxConnections, maxAnswerBytes)
    }
}

package protocol HTTPClient: AnyObject {
    /// POSTs `body` to `url` on a connection that is kept for the next one. `done`: once, in a later turn: any answer of the
    /// server is a success here. Errors: `http.connect`, `http.timeout`, `http.failed`.
    func post(
        _ url: String, headers: [Header], body: Bytes, _ done: @escaping (Result<HTTPAnswer, TailraceError>) -> Void)
    /// What is open fails with ``TailraceError/stopped``.
    func close()
}

package protocol HTTP: AnyObject {
    /// `environment`: of the component that serves: bodies are kept in its memory until they are answered, and the library's
    /// complaints go to its log. Throws `network.bind`, `http.start`, and `http.library` when the library is not installed.
    func serve(
        _ settings: HTTPServerSettings, _ environment: Environment, _ handler: any HTTPHandler
    ) throws(TailraceError) -> any HTTPServer
    /// Throws `http.library`.
    func client(_ settings: HTTPClientSettings, _ environment: Environment) throws(TailraceError) -> any HTTPClient
}

/// Where nobody needs HTTP.
package final class NoHTTP: HTTP {
    package init() {}
    private var error: TailraceError {
        TailraceError(code: "http.library", message: "there is no HTTP in this environment")
    }
    package func serve(
        _ settings: HTTPServerSettings, _ environment: Environment, _ handler: any HTTPHandler
    ) throws(TailraceError) -> any HTTPServer { throw error }
    package func client(
        _ settings: HTTPClientSettings, _ environment: Environment
    ) throws(TailraceError) -> any HTTPClient { throw error }
}
