import TailraceCore

/// What becomes of one client setting that a configuration file gives: the name may be the Java client's or librdkafka's,
/// the result is always librdkafka's, under one name (aliases would be applied in the order of a dictionary).
struct SettingRule: Sendable {
    /// Returns a note for the user, or nil. Throws what is not allowed, with a fix.
    typealias Apply = @Sendable (_ settings: inout ClientSettings, _ value: String) throws(TailraceError) -> String?

    let name: String
    let apply: Apply

    private init(_ name: String, _ apply: @escaping Apply) { (self.name, self.apply) = (name, apply) }

    static func custom(_ name: String, _ apply: @escaping Apply) -> SettingRule { SettingRule(name, apply) }

    /// `as`: librdkafka's name, where it differs.
    static func text(_ name: String, as other: String? = nil) -> SettingRule {
        SettingRule(name) { settings, value throws(TailraceError) in
            settings[other ?? name] = value
            return nil
        }
    }
    static func flag(_ name: String, as other: String? = nil) -> SettingRule {
        SettingRule(name) { settings, value throws(TailraceError) in
            guard let flag = Bool(configured: value) else { throw .setting(name, value, allowed: "true or false") }
            settings[other ?? name] = flag.configured
            return nil
        }
    }
    static func number(_ name: String, _ range: ClosedRange<Int>, as other: String? = nil) -> SettingRule {
        SettingRule(name) { settings, value throws(TailraceError) in
            settings[other ?? name] = String(try number(name, value, in: range))
            return nil
        }
    }
    /// `values`: in any case of letters; given and librdkafka's.
    static func choice(_ name: String, as other: String? = nil, _ values: [(given: String, meant: String)]) -> SettingRule {
        SettingRule(name) { settings, value throws(TailraceError) in
            guard let found = values.first(where: { $0.given.lowercased() == value.lowercased() }) else {
                throw .setting(name, value, allowed: values.map(\.given).joined(separator: ", "))
            }
            settings[other ?? name] = found.meant
            return nil
        }
    }
    static func choice(_ name: String, as other: String? = nil, of values: [String]) -> SettingRule {
        choice(name, as: other, values.map { (given: $0, meant: $0) })
    }
    /// Accepted, with the reason why it does nothing here.
    static func ignored(_ name: String, because reason: String) -> SettingRule {
        SettingRule(name) { _, _ throws(TailraceError) in "\(name) has no effect: \(reason)" }
    }
    static func refused(_ name: String, _ reason: String, fix: String) -> SettingRule {
        SettingRule(name) { _, _ throws(TailraceError) in
            throw TailraceError(code: "kafka.setting-refused", message: "\(name) is not supported: \(reason)", fix: fix)
        }
    }

    static func number(_ name: String, _ text: String, in range: ClosedRange<Int>) throws(TailraceError) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw .setting(name, text, allowed: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}

extension TailraceError {
    static func setting(_ name: String, _ value: String, allowed: String) -> TailraceError {
        TailraceError(
            code: "kafka.setting-value", message: "\"\(value)\" is not allowed for \(name); allowed: \(allowed)",
            fix: "change the value, or remove the line to get the default")
    }
}
