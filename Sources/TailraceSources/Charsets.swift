import TailraceCore

/// Sources pass bytes on as they are. So a character set is allowed where that is right: those that have ASCII in them as it
/// is, a byte a character or UTF-8.
enum Charsets {
    static func isPassedOn(_ name: String) -> Bool {
        let name = name.lowercased()
        return ["utf-8", "utf8", "us-ascii", "ascii", "latin1"].contains(name) || name.hasPrefix("iso-8859-")
            || name.hasPrefix("windows-125")
    }

    /// `fix`: what else the user may do.
    static func check(_ key: String, _ name: String, fix: String) throws(TailraceError) {
        guard isPassedOn(name) else {
            throw TailraceError(
                code: "configuration.range", message: "\(key) \"\(name)\" is not supported",
                fix: fix + ", or leave the key out: bytes are passed on unchanged")
        }
    }

    static func key<Configuration: ComponentConfiguration>(_ name: String, initial: String, fix: String) -> Key<Configuration> {
        .custom(
            name, unit: "name", initial: initial,
            "Bytes are passed on unchanged; only names of ASCII supersets that need no conversion are allowed."
        ) { _, _, text throws(TailraceError) in
            try check(name, text, fix: fix)
            return nil
        }
    }
}
