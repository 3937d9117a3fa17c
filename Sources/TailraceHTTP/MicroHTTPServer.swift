import CMicroHTTPD
import Glibc
package import TailraceCore

/// libmicrohttpd inside our loop: its epoll descriptor is watched by it, its callbacks run on it, and no thread is its own.
/// Nothing of a connection is freed while the library may still call with it: the library's last callback releases it.
package final class MicroHTTPServer: HTTPServer {
    package let endpoint: Endpoint
    package private(set) var connections = 0
    let settings: HTTPServerSettings
    let loop: any DescriptorLoop
    var memory: any MemoryBudget { environment.memory }
    private(set) weak var handler: (any HTTPHandler)?
    private let environment: Environment
    private var daemon: OpaquePointer?
    private var watch: (any Cancellable)?
    /// Strings and the settings that the library keeps pointers to.
    private let kept: UnsafeMutablePointer<cmhd_settings>
    private var isRunning = false
    private var runsAgain = false
    private var open: [ObjectIdentifier: MicroHTTPRequest] = [:]

    /// `descriptor`: a socket that listens at `endpoint`, the server's from now on (also when this throws).
    package init(
        _ settings: HTTPServerSettings, _ descriptor: Int32, _ endpoint: Endpoint, _ loop: any DescriptorLoop,
        _ environment: Environment, _ handler: any HTTPHandler
    ) throws(TailraceError) {
        (self.settings, self.endpoint, self.loop) = (settings, endpoint, loop)
        (self.environment, self.handler) = (environment, handler)
        kept = .allocate(capacity: 1)
        kept.initialize(to: cmhd_settings())
        if let reason = cmhd_open() {
            Glibc.close(descriptor)
            throw TailraceError(
                code: "http.library", message: "libmicrohttpd cannot be used: \(String(cString: reason))",
                fix: "apt-get install libmicrohttpd12")
        }
        kept.pointee.listener = descriptor
        kept.pointee.connections = UInt32(settings.maxConnections)
        kept.pointee.connection_memory = settings.maxHeadBytes
        if let tls = settings.tls {
            kept.pointee.certificate = UnsafePointer(strdup(tls.certificateChain))
            kept.pointee.key = UnsafePointer(strdup(tls.privateKey))
            kept.pointee.priorities = UnsafePointer(strdup("NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"))
        }
        kept.pointee.context = Unmanaged.passUnretained(self).toOpaque()
        kept.pointee.handler = { context, connection, url, method, _, data, size, state in
            MicroHTTPServer.from(context).received(connection!, url!, method!, data, size!, state!)
        }
        kept.pointee.completed = { context, _, state, _ in MicroHTTPServer.from(context).completed(state!) }
        kept.pointee.connection = { context, connection, state, code in
            MicroHTTPServer.from(context).notified(connection!, state!, code)
        }
        kept.pointee.log = { context, text in MicroHTTPServer.from(context).libraryLogs(String(cString: text!)) }
        guard let daemon = cmhd_start(kept) else {
            Glibc.close(descriptor)
            throw TailraceError(
                code: "http.start", message: lastLog ?? "libmicrohttpd could not start a server at \(endpoint)",
                fix: settings.tls == nil ? nil : "see whether certificate and key are PEM and belong to each other")
        }
        self.daemon = daemon
        watch = loop.onReadable(cmhd_descriptor(daemon)) { [weak self] in self?.run() }
    }
    deinit {
        close()
        free(UnsafeMutablePointer(mutating: kept.pointee.certificate))
        free(UnsafeMutablePointer(mutating: kept.pointee.key))
        free(UnsafeMutablePointer(mutating: kept.pointee.priorities))
        kept.deallocate()
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> MicroHTTPServer {
        Unmanaged.fromOpaque(context!).takeUnretainedValue()
    }

    private var lastLog: String?
    private func libraryLogs(_ text: String) {
        lastLog = text
        environment.log(.debug, "libmicrohttpd: \(text)")
    }

    // MARK: Running

    /// Never inside one of the library's callbacks: they come from here.
    private func run() {
        guard let daemon, !isRunning else { return }
        isRunning = true
        let hasMore = cmhd_run(daemon) != 0
        isRunning = false
        if hasMore { runSoon() }
    }
    func runSoon() {
        guard !runsAgain else { return }
        runsAgain = true
        loop.enqueue { [weak self] in
            self?.runsAgain = false
            self?.run()
        }
    }

    package func stopAccepting() {
        guard let daemon, kept.pointee.listener >= 0 else { return }
        kept.pointee.listener = -1
        let listener = cmhd_quiesce(daemon)
        if listener >= 0 { Glibc.close(listener) }
    }

    package func close() {
        guard let daemon else { return }
        stopAccepting()
        watch?.cancel()
        handler = nil
        // The library aborts the process if it is stopped with a suspended connection.
        for request in open.values { request.abandon() }
        self.daemon = nil
        cmhd_stop(daemon)
    }

    // MARK: The library's callbacks

    private func notified(
        _ connection: OpaquePointer, _ state: UnsafeMutablePointer<UnsafeMutableRawPointer?>,
        _ code: MHD_ConnectionNotificationCode
    ) {
        if code == .CONNECTION_NOTIFY_STARTED {
            connections += 1
            let peer = MicroHTTPConnection(cmhd_socket(connection), self)
            state.pointee = Unmanaged.passRetained(peer).toOpaque()
            peer.expectRequest()
        } else if let opaque = state.pointee {
            connections -= 1
            let peer = Unmanaged<MicroHTTPConnection>.fromOpaque(opaque).takeRetainedValue()
            peer.stopTimer()
            state.pointee = nil
            // At its limit the library looks at its listener again only in the next run.
            runSoon()
        }
    }

    private func received(
        _ connection: OpaquePointer, _ url: UnsafePointer<CChar>, _ method: UnsafePointer<CChar>,
        _ data: UnsafePointer<CChar>?, _ size: UnsafeMutablePointer<Int>,
        _ state: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    ) -> MHD_Result {
        guard let opaque = state.pointee else {
            guard let context = cmhd_socket_context(connection) else { return .NO }
            let peer = Unmanaged<MicroHTTPConnection>.fromOpaque(context).takeUnretainedValue()
            let request = MicroHTTPRequest(
                self, connection, peer, method: String(cString: method), path: String(cString: url))
            state.pointee = Unmanaged.passRetained(request).toOpaque()
            open[ObjectIdentifier(request)] = request
            return request.begin() ? .YES : .NO
        }
        let request = Unmanaged<MicroHTTPRequest>.fromOpaque(opaque).takeUnretainedValue()
        guard size.pointee > 0 else { return request.continues() ? .YES : .NO }
        switch request.take(UnsafeRawBufferPointer(start: data, count: size.pointee)) {
        case .taken: size.pointee = 0
        case .suspended: break  // the same bytes come again
        }
        return .YES
    }

    private func completed(_ state: UnsafeMutablePointer<UnsafeMutableRawPointer?>) {
        guard let opaque = state.pointee else { return }
        state.pointee = nil
        let request = Unmanaged<MicroHTTPRequest>.fromOpaque(opaque).takeRetainedValue()
        open[ObjectIdentifier(request)] = nil
        request.completed()
    }
}

/// One connection: its deadline. The library's own time-out only knows silence, not a client that drips.
final class MicroHTTPConnection {
    private let socket: Int32
    private unowned let server: MicroHTTPServer
    private var timer: TimerID?
    /// Set while a request waits for memory.
    weak var waiting: MicroHTTPRequest?
    /// A request of it was answered, and the next one has not begun to arrive.
    var isIdle = false
    private(set) var isOver = false

    init(_ socket: Int32, _ server: MicroHTTPServer) { (self.socket, self.server) = (socket, server) }

    /// From now on the client has the time of one request.
    func expectRequest() {
        stopTimer()
        timer = server.loop.schedule(at: server.loop.now + server.settings.requestTime) { [weak self] in self?.isLate() }
    }
    func stopTimer() {
        if let timer { server.loop.cancel(timer) }
        timer = nil
    }
    private func isLate() {
        (timer, isOver) = (nil, true)
        if !isIdle {
            server.handler?.refused(
                0, "a client sent no whole request, or did not take its answer, in \(server.settings.requestTime.text)")
        }
        // The library sees the end of the connection and gives everything back.
        shutdown(socket, CInt(SHUT_RDWR))
        waiting?.stopWaiting()
    }
}
