import Glibc
import TailraceCore

/// A socket address as the kernel has it. A value, so that it can come from a resolver's thread.
struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    private let bytes: [UInt8]

    /// `count` bytes of `address`.
    init(_ address: UnsafeRawPointer, count: Int) {
        bytes = [UInt8](UnsafeRawBufferPointer(start: address, count: count))
    }

    /// An address in figures (IPv4, IPv6 with or without zone); nil for a name. Asks nobody.
    init?(literal: String, port: UInt16) {
        guard case .success(let addresses) = lookUp(literal, flags: AI_NUMERICHOST), let first = addresses.first else {
            return nil
        }
        self = first.with(port: port)
    }

    /// The path of a Unix socket.
    init(path: String) throws(TailraceError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path) - 1
        let path = Array(path.utf8)
        guard !path.isEmpty && path.count <= room && !path.contains(0) else {
            throw TailraceError(
                code: "network.path",
                message:
                    "\(String(decoding: path, as: UTF8.self)): a Unix socket's path has 1 to \(room) bytes, this one has \(path.count)",
                fix: "use a directory with a shorter path.")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        self = withUnsafeBytes(of: &address) { SocketAddress($0.baseAddress!, count: $0.count) }
    }

    /// What `fill` (getsockname, accept …) writes; nil when it says -1.
    static func read(_ fill: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) -> (
        Int32, SocketAddress
    )? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { space in
            let address = space.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            let result = fill(address, &length)
            guard result >= 0 else { return nil }
            return (result, SocketAddress(space.baseAddress!, count: min(Int(length), space.count)))
        }
    }

    func withAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        bytes.withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count)) }
    }

    var family: Int32 {
        bytes.count >= MemoryLayout<sa_family_t>.size
            ? Int32(bytes.withUnsafeBytes { $0.loadUnaligned(as: sa_family_t.self) }) : AF_UNSPEC
    }

    /// Of TCP over IPv4 or IPv6; 0 for others.
    var port: UInt16 {
        guard family == AF_INET || family == AF_INET6 else { return 0 }
        return UInt16(bytes[2]) << 8 | UInt16(bytes[3])  // the same place in both
    }

    func with(port: UInt16) -> SocketAddress {
        guard family == AF_INET || family == AF_INET6 else { return self }
        var changed = bytes
        (changed[2], changed[3]) = (UInt8(port >> 8), UInt8(truncatingIfNeeded: port))
        return changed.withUnsafeBytes { SocketAddress($0.baseAddress!, count: $0.count) }
    }

    /// The address in figures, an IPv4 address also where the socket speaks IPv6; "" for others.
    var host: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { space in
            let result = withAddress { getnameinfo($0, $1, space.baseAddress!, socklen_t(space.count), nil, 0, NI_NUMERICHOST) }
            guard result == 0 else { return "" }
            let text = String(cString: space.baseAddress!)
            return text.hasPrefix("::ffff:") && text.contains(".") ? String(text.dropFirst(7)) : text
        }
    }

    var endpoint: Endpoint { .host(host, port: port) }
    var description: String { endpoint.description }
}

/// getaddrinfo() for TCP. Without `AI_NUMERICHOST` it may take minutes: for a resolver's thread.
func lookUp(_ name: String, flags: Int32 = 0) -> Result<[SocketAddress], ResolverFailure> {
    var hints = addrinfo()
    hints.ai_flags = flags
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(name, nil, &hints, &list)
    guard code == 0 else {
        return .failure(ResolverFailure(reason: code == EAI_SYSTEM ? errnoText(errno) : String(cString: gai_strerror(code))))
    }
    defer { freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var next = list
    while let entry = next?.pointee {
        let address = SocketAddress(UnsafeRawPointer(entry.ai_addr), count: Int(entry.ai_addrlen))
        if !addresses.contains(address) { addresses.append(address) }
        next = entry.ai_next
    }
    return .success(addresses)
}

/// getnameinfo(): the name of an address in figures. It may take minutes: for a thread of ``LookUps``.
func nameOf(_ address: String) -> Result<String, ResolverFailure> {
    guard let address = SocketAddress(literal: address, port: 0) else {
        return .failure(ResolverFailure(reason: "not an address in figures"))
    }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { space in
        let code = address.withAddress {
            getnameinfo($0, $1, space.baseAddress!, socklen_t(space.count), nil, 0, NI_NAMEREQD)
        }
        guard code == 0 else { return .failure(ResolverFailure(reason: String(cString: gai_strerror(code)))) }
        return .success(String(cString: space.baseAddress!))
    }
}

/// Why a name has no address, in the name service's words.
struct ResolverFailure: Error, Hashable, Sendable { var reason: String }
