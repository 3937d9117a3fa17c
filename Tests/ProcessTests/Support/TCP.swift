import Glibc
import TailraceIO

/// Sockets of the tests on 127.0.0.1. Nothing here waits, except for what the kernel does at once on loopback.
enum TCP {
    static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
    private static func withAddress<Result>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = address(port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }
    private static func make() throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw TestFailure("no socket: \(errnoText(errno))") }
        return descriptor
    }

    /// Whether one can listen at these ports now.
    static func isFree(_ ports: [Int]) -> Bool {
        ports.allSatisfy { port in
            guard let descriptor = try? make() else { return false }  // none free: then neither are ports
            defer { close(descriptor) }
            return withAddress(port) { bind(descriptor, $0, $1) } == 0
        }
    }

    /// A connection of a test, or of a fake server; reading and writing do not wait.
    final class Connection {
        let descriptor: Int32
        private(set) var received: [UInt8] = []
        private(set) var isAtEnd = false

        init(_ descriptor: Int32) {
            self.descriptor = descriptor
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            // Reset at close: ten thousand closed connections would hold their ports for a minute.
            var now = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        }
        deinit { close(descriptor) }

        /// Connects; waits only where the listener's queue is full.
        convenience init(to port: Int) throws {
            let descriptor = try TCP.make()
            guard TCP.withAddress(port, { connect(descriptor, $0, $1) }) == 0 else {
                let code = errno
                close(descriptor)
                throw TestFailure("no connection to \(port): \(errnoText(code))")
            }
            self.init(descriptor)
        }

        func send(_ bytes: [UInt8]) {
            _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
        /// Takes what has come.
        func receive() {
            var space = [UInt8](repeating: 0, count: 16 << 10)
            while !isAtEnd {
                let count = recv(descriptor, &space, space.count, 0)
                if count < 0, errno == EAGAIN || errno == EINTR { return }
                if count <= 0 { isAtEnd = true } else { received += space[..<count] }
            }
        }
        func finish() { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    /// A listener that a test serves by hand.
    final class Server {
        private let descriptor: Int32
        let port: Int

        init() throws {
            descriptor = try TCP.make()
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            // Its port is used again by a real server, while the kernel still remembers our connections.
            var yes: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
            // Below the ports of outgoing connections: a client that tries again could be connected to itself there.
            let descriptor = descriptor
            guard
                let port = (0..<1_000).lazy.map({ _ in Int.random(in: 20_000..<32_000) })
                    .first(where: { TCP.withAddress($0) { bind(descriptor, $0, $1) } == 0 }), listen(descriptor, 64) == 0
            else { throw TestFailure("cannot listen: \(errnoText(errno))") }
            self.port = port
        }
        deinit { close(descriptor) }

        /// nil: nobody asks.
        func accept() -> Connection? {
            let accepted = Glibc.accept(descriptor, nil, nil)
            return accepted < 0 ? nil : Connection(accepted)
        }
    }
}
