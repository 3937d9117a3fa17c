// Switches of Flume's that would change what a site relies on: "true" is refused by name, never ignored.

extension Key {
    /// `fix`: what to do instead.
    package static func refused(_ name: String, fix: String) -> Key {
        .custom(name, unit: Bool.unit, initial: "false", "Refused when true: not there yet.") {
            _, _, text throws(TailraceError) in
            guard let isOn = Bool(configured: text) else {
                throw TailraceError(
                    code: "configuration.range", message: "\"\(text)\" is not allowed here; allowed: true or false")
            }
            guard !isOn else {
                throw TailraceError(code: "configuration.unsupported", message: "\(name) = true is not supported", fix: fix)
            }
            return nil
        }
    }
}

/// The keys of TLS of a component that has Flume's `ssl`, and not yet ``TLSKeys``.
package enum RefusedTLSKeys {
    /// `ssl` itself, and the settings that mean nothing without it.
    package static func all<Configuration: ComponentConfiguration>(server: Bool) -> [Key<Configuration>] {
        let store = server ? "keystore" : "truststore"
        let names = [
            store, "\(store)-password", "\(store)-type", "exclude-protocols", "include-protocols", "exclude-cipher-suites",
            "include-cipher-suites",
        ]
        let fix = "take it out, and keep the link inside a trusted network or tunnel: TLS is not there yet"
        return [.refused("ssl", fix: fix)] + names.map { .ignored($0, because: "without ssl = true it has no effect") }
    }
}
