/// How the connections of one listener or sink are secured: what this side shows, and what it wants to see. Files are named
/// here and read by the network: at the first use, and again whenever one of them has changed.
package struct TLSSettings: Hashable, Sendable {
    /// Certificates, or a key, in one file: PEM, or PKCS #12 (told apart by what is in it).
    package struct Store: Hashable, Sendable {
        package var path: String
        /// Of a PKCS #12 file, or of an encrypted key.
        package var password: String?
        package init(path: String, password: String? = nil) { (self.path, self.password) = (path, password) }
    }
    /// Whether the other side has to show a certificate.
    package enum Demand: Hashable, Sendable {
        /// Not asked for. Of a server's certificate: taken whatever it says.
        case none
        /// Checked if it shows one.
        case wanted
        case needed
    }
    package enum Version: String, Hashable, Sendable, CaseIterable, Comparable {
        case tls12 = "TLSv1.2"
        case tls13 = "TLSv1.3"
        package static func < (a: Version, b: Version) -> Bool { a.rawValue < b.rawValue }
    }

    /// This side's certificate, then those that lead to its authority. nil: none is shown, which a server cannot do.
    package var certificate: Store?
    /// nil: in the same file.
    package var key: Store?
    /// Authorities that the other side's certificate may come from. nil: those of the system.
    package var authorities: Store?
    package var demand = Demand.needed
    /// A client also checks that the certificate was made for the host it connects to.
    package var checksHostName = true
    /// Not empty.
    package var versions: Set<Version> = Set(Version.allCases)
    /// Names as Java or as OpenSSL has them. Empty: the library's choice.
    package var includedCiphers: [String] = []
    package var excludedCiphers: [String] = []
    /// From the connection to the end of the handshake. (A client's ends at the deadline of its connect, too.)
    package var handshakeTime: Duration = .seconds(10)

    package init() {}

    /// What is read, without repetition.
    package var files: [String] {
        var paths: [String] = []
        for path in [certificate?.path, key?.path, authorities?.path] {
            if let path, !paths.contains(path) { paths.append(path) }
        }
        return paths
    }
}

/// Whom a checked certificate was made for. A renewed certificate of the same subject is the same identity.
package struct PeerIdentity: Hashable, Sendable, CustomStringConvertible {
    /// "CN=edge-1,O=Example"; of a certificate without a subject its alternative names.
    package var subject: String
    package init(subject: String) { self.subject = subject }
    package var description: String { subject }
}
