package import TailraceCore
package import TailraceIO

/// HTTP for real. The libraries behind it are opened at first use: an agent without HTTP does not load them.
package final class RealHTTP: HTTP {
    private let loop: EpollLoop
    private let network: EpollNetwork

    package init(_ loop: EpollLoop) { (self.loop, network) = (loop, EpollNetwork(loop)) }

    package func serve(
        _ settings: HTTPServerSettings, _ environment: Environment, _ handler: any HTTPHandler
    ) throws(TailraceError) -> any HTTPServer {
        guard case .host(let name, let port) = settings.endpoint else {
            throw TailraceError(
                code: "network.bind", message: "HTTP is served at a host and port, not at \(settings.endpoint)")
        }
        let (descriptor, endpoint) = try network.listeningSocket(name, port)
        return try MicroHTTPServer(settings, descriptor, endpoint, loop, environment, handler)
    }

    package func client(_ settings: HTTPClientSettings, _ environment: Environment) throws(TailraceError) -> any HTTPClient {
        throw TailraceError(code: "http.library", message: "there is no HTTP client yet")
    }
}
