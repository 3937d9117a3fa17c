/// One option of a subcommand. Parsing, help and completions come from this one declaration.
package struct ArgumentOption: Sendable {
    package enum Kind: Hashable, Sendable {
        /// No value: `--detach`.
        case flag
        /// A value, at most once: `--name a1`, `--name=a1`, `-n a1`.
        case value
        /// A value, any number of times, in order.
        case repeated
        /// `-Dkey=value` or `-Dkey`, any number of times; also `-D key=value`.
        case definitions
        /// Text right behind the short name, any number of times, accepted and not looked at: `-Xmx20m`.
        case attached
    }
    /// The long name, without dashes.
    package let name: String
    package let short: Character?
    /// Other long names that are accepted.
    package let otherNames: [String]
    package let kind: Kind
    /// "FILE", "NAME" …; empty for flags.
    package let valueName: String
    /// The only values allowed; empty: all.
    package let choices: [String]
    /// What ``ParsedArguments/value(_:)`` gives when the option is absent.
    package let initial: String?
    package let isRequired: Bool
    package let isHidden: Bool
    package let help: String

    private init(
        _ name: String, _ short: Character?, _ otherNames: [String], _ kind: Kind, _ valueName: String, choices: [String] = [],
        initial: String? = nil, isRequired: Bool = false, isHidden: Bool, _ help: String
    ) {
        (self.name, self.short, self.otherNames, self.kind, self.valueName) = (name, short, otherNames, kind, valueName)
        (self.choices, self.initial, self.isRequired) = (choices, initial, isRequired)
        (self.isHidden, self.help) = (isHidden, help)
    }

    package static func flag(
        _ name: String, short: Character? = nil, otherNames: [String] = [], isHidden: Bool = false, _ help: String
    ) -> ArgumentOption {
        ArgumentOption(name, short, otherNames, .flag, "", isHidden: isHidden, help)
    }
    package static func value(
        _ name: String, short: Character? = nil, otherNames: [String] = [], _ valueName: String, choices: [String] = [],
        initial: String? = nil, isRequired: Bool = false, isHidden: Bool = false, _ help: String
    ) -> ArgumentOption {
        ArgumentOption(
            name, short, otherNames, .value, valueName, choices: choices, initial: initial, isRequired: isRequired,
            isHidden: isHidden, help)
    }
    package static func repeated(
        _ name: String, short: Character? = nil, otherNames: [String] = [], _ valueName: String, isRequired: Bool = false,
        isHidden: Bool = false, _ help: String
    ) -> ArgumentOption {
        ArgumentOption(name, short, otherNames, .repeated, valueName, isRequired: isRequired, isHidden: isHidden, help)
    }
    package static func definitions(short: Character = "D", isHidden: Bool = false, _ help: String)
        -> ArgumentOption
    {
        ArgumentOption("define", short, [], .definitions, "key=value", isHidden: isHidden, help)
    }
    package static func attached(_ name: String, short: Character, isHidden: Bool = true, _ help: String) -> ArgumentOption {
        ArgumentOption(name, short, [], .attached, "…", isHidden: isHidden, help)
    }

    var takesValue: Bool { kind != .flag }
    /// "-n/--name", for messages.
    var label: String { (short.map { "-\($0)/" } ?? "") + "--\(name)" }
}

/// An argument without a name, by its place.
package struct Positional: Sendable {
    /// "FILE".
    package let name: String
    package let isRequired: Bool
    /// Takes all that follow; only the last one may.
    package let isRepeated: Bool
    package let help: String

    package init(_ name: String, isRequired: Bool = true, isRepeated: Bool = false, _ help: String) {
        (self.name, self.isRequired, self.isRepeated, self.help) = (name, isRequired, isRepeated, help)
    }

    /// "FILE", "[FILE]", "FILE…".
    var usage: String {
        let name = isRepeated ? name + "…" : name
        return isRequired ? name : "[\(name)]"
    }
}

/// What is wrong with the arguments: for standard error; the program then ends with ``exitCode``.
package struct ArgumentError: Error, Hashable, Sendable, CustomStringConvertible {
    /// EX_USAGE of sysexits.h.
    package static let exitCode: Int32 = 64

    package let message: String
    package let fix: String

    package init(_ message: String, fix: String) { (self.message, self.fix) = (message, fix) }

    package var description: String { "\(message)\n    fix: \(fix)" }
}
