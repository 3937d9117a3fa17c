import Glibc
package import TailraceCore

/// Ports of 127.0.0.1 that nobody listens at, below those that the kernel gives to outgoing connections: above, a client
/// that tries a dead peer again can be connected to itself, and hold the port.
package struct Ports {
    package static let range = 20_000..<32_000
    private var given: Set<Int> = []
    private var random: SeededRandom

    package init(seed: UInt64) { random = SeededRandom(seed: seed) }

    package mutating func next() throws(TailraceError) -> Int {
        for _ in 0..<2_000 {
            let port = Int.random(in: Self.range, using: &random)
            if !given.contains(port), Self.isFree(port) {
                given.insert(port)
                return port
            }
        }
        throw TailraceError(
            code: "topology.ports",
            message: "no free port from \(Self.range.lowerBound) to \(Self.range.upperBound - 1) was found",
            fix: "stop some of the programs that listen there")
    }

    static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
