package import TailraceCore

/// What stands in the certificate files of a simulated host: what it is for, who says so, and when. No cryptography: whoever
/// can write a file there is believed, as whoever has an authority's key would be.
package struct SimulatedCertificate: Hashable, Sendable {
    package var subject: String
    package var names: [String] = []
    package var authority = "authority"
    package var from = WallTime(milliseconds: 0)
    package var until = WallTime(milliseconds: .max)
    /// The same in the certificate and in its key's file.
    package var key = "key"

    package init(_ subject: String, names: [String] = [], authority: String = "authority") {
        (self.subject, self.names, self.authority) = (subject, names, authority)
    }

    /// A file with certificate and key.
    package var text: String {
        "subject=\(subject)\nnames=\(names.joined(separator: " "))\nauthority=\(authority)\nfrom=\(from.milliseconds)\n"
            + "until=\(until.milliseconds)\nkey=\(key)\n"
    }
    /// A file of authorities.
    package static func authorities(_ names: String...) -> String { names.map { "authority=\($0)\n" }.joined() }

    private static func lines(_ text: String) -> [(name: String, value: String)] {
        text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
        }
    }
    static func values(_ name: String, _ text: String) -> [String] { lines(text).filter { $0.name == name }.map(\.value) }

    /// nil: no certificate.
    init?(parsing text: String) {
        let values = Dictionary(Self.lines(text).map { ($0.name, $0.value) }) { first, _ in first }
        guard let subject = values["subject"], let authority = values["authority"],
            let from = values["from"].flatMap(Int64.init),
            let until = values["until"].flatMap(Int64.init)
        else { return nil }
        self.init(
            subject, names: (values["names"] ?? "").split(separator: " ").map(String.init), authority: authority)
        (self.from, self.until) = (WallTime(milliseconds: from), WallTime(milliseconds: until))
        key = values["key"] ?? ""
    }
}
