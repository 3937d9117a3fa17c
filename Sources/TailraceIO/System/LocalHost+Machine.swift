import Glibc
import TailraceCore

extension LocalHost {
    /// Asks the kernel alone, never a name server: it cannot wait.
    static func ofThisMachine() -> LocalHost {
        var host = LocalHost()
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { space in
            guard gethostname(space.baseAddress!, 255) == 0 else { return }
            space[255] = 0
            host.name = String(cString: space.baseAddress!)
        }
        if let address = firstAddress() { host.address = address }
        return host
    }

    private static func firstAddress() -> String? {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return nil }
        defer { freeifaddrs(first) }
        var next = first
        while let entry = next?.pointee {
            next = entry.ifa_next
            let isLoopback = entry.ifa_flags & UInt32(IFF_LOOPBACK) != 0
            let isUp = entry.ifa_flags & UInt32(IFF_UP) != 0
            guard isUp, !isLoopback, let address = entry.ifa_addr, Int32(address.pointee.sa_family) == AF_INET else { continue }
            let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { space -> String? in
                let result = getnameinfo(
                    address, socklen_t(MemoryLayout<sockaddr_in>.size), space.baseAddress!, socklen_t(space.count), nil, 0,
                    NI_NUMERICHOST)
                return result == 0 ? String(cString: space.baseAddress!) : nil
            }
            if let text { return text }
        }
        return nil
    }
}
