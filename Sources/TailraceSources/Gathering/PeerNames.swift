import TailraceCore

/// The names of peers by their addresses, remembered for a while, so that the name service is not asked for each event.
final class PeerNames {
    /// How long a name is believed.
    static let lifetime = Duration.seconds(3600)
    /// How long one waits for the name service.
    static let limit = Duration.seconds(2)
    static let largestCount = 4096

    private struct Entry {
        var name: String
        var until: Instant
    }
    private let environment: Environment
    private var known: [String: Entry] = [:]
    private var asked: Set<String> = []

    init(_ environment: Environment) { self.environment = environment }

    /// The name, or the address if it has none. nil: not known yet; `told` is called once it is.
    func name(of address: String, _ told: @escaping (String) -> Void) -> String? {
        if let entry = known[address], entry.until > environment.loop.now { return entry.name }
        environment.network.name(of: address, limit: Self.limit) { [weak self] name in
            let name = name ?? address
            self?.remember(name, of: address)
            told(name)
        }
        return nil
    }
    /// The name if it is known; else the address, and the name service is asked for the next time.
    func nameNow(of address: String) -> String {
        if let entry = known[address] {
            if entry.until > environment.loop.now { return entry.name }
        }
        if asked.count < Self.largestCount, asked.insert(address).inserted {
            _ = name(of: address) { [weak self] _ in self?.asked.remove(address) }
        }
        return known[address]?.name ?? address
    }
    private func remember(_ name: String, of address: String) {
        if known.count >= Self.largestCount { known.removeAll() }
        known[address] = Entry(name: name, until: environment.loop.now + Self.lifetime)
    }
}

/// Headers for where an event came from.
struct PeerHeaders {
    var address: String?
    var name: String?
    var port: String?
    var isEmpty: Bool { address == nil && name == nil && port == nil }

    init(_ settings: SyslogSettings) {
        (address, name, port) = (settings.clientIPHeader, settings.clientHostnameHeader, settings.portHeader)
    }

    func encoded(_ peer: Endpoint?, name peerName: String, localPort: Int) -> Bytes {
        var headers: [Header] = []
        if let address { headers.append(Header(address, peer?.hostText ?? "")) }
        if let name { headers.append(Header(name, peerName)) }
        if let port { headers.append(Header(port, String(localPort))) }
        return headers.isEmpty ? Bytes() : EventHeaderTable.encoded(headers)
    }
}

extension Endpoint {
    /// Without the port.
    var hostText: String {
        switch self {
        case .host(let host, _): host
        case .path(let path): path
        }
    }
    var portNumber: Int {
        if case .host(_, let port) = self { Int(port) } else { 0 }
    }
}

/// Lets a message into the log now and then.
struct Seldom {
    private static let pause = Duration.seconds(60)
    private var next: Instant?
    func isPossible(_ now: Instant) -> Bool { next.map { now >= $0 } ?? true }
    /// True: then not again for a minute.
    mutating func isDue(_ now: Instant) -> Bool {
        guard isPossible(now) else { return false }
        next = now + Self.pause
        return true
    }
}
