import TailraceCore

/// `host:port` separated by commas; Java's `SECURITY://host:port` too.
enum BootstrapServers {
    static let allowed = Allowed<String>("host:port, separated by commas", isValid)

    @Sendable static func isValid(_ text: String) -> Bool {
        let servers = text.split(separator: ",", omittingEmptySubsequences: false)
        return servers.allSatisfy { server in
            let trimmed = server.split(whereSeparator: \.isWhitespace)
            guard trimmed.count == 1, let colon = trimmed[0].lastIndex(of: ":") else { return false }
            let port = UInt16(trimmed[0][trimmed[0].index(after: colon)...])
            return colon > trimmed[0].startIndex && port ?? 0 > 0
        }
    }
}
