// One declaration per component: parser, check, "did you mean" and manual come from it (design decision 6).

/// A line of a configuration file, after substitution. `key` is what stands behind the component's name.
package struct ConfigurationEntry: Hashable, Sendable {
    package var key: String
    package var value: String
    package var file: String
    /// From 1; 0: not from a file (`-D`).
    package var line: Int
    package init(key: String, value: String, file: String = "", line: Int = 0) {
        (self.key, self.value, self.file, self.line) = (key, value, file, line)
    }
}

/// A mistake (the agent does not start), or something worth knowing (it does).
package struct ConfigurationProblem: Hashable, Sendable {
    package enum Severity: String, Sendable { case error, warning, note }
    package var severity: Severity
    /// "configuration.unknown-key" …: stable.
    package var code: String
    package var file: String
    package var line: Int
    /// The whole key: "edge.sources.r1.bach-size".
    package var key: String
    /// With the value and what is allowed.
    package var message: String
    package var fix: String?
    package init(
        _ severity: Severity, code: String, file: String = "", line: Int = 0, key: String, message: String, fix: String? = nil
    ) {
        (self.severity, self.code, self.file, self.line) = (severity, code, file, line)
        (self.key, self.message, self.fix) = (key, message, fix)
    }
}

/// The defaults are the initial values, and written nowhere else. Reload compares: what is equal is left alone.
package protocol ComponentConfiguration: Equatable, Sendable {
    init()
    /// What no single key can know (batch ≤ capacity of the channel …): `key` relative to the component.
    func problems() -> [ConfigurationProblem]
}
extension ComponentConfiguration {
    package func problems() -> [ConfigurationProblem] { [] }
}

package protocol KeyValue: Equatable, Sendable {
    /// "count", "text" …: the unit where a key does not say its own.
    static var unit: String { get }
    init?(configured text: String)
    var configured: String { get }
}
extension Int: KeyValue {
    package static var unit: String { "whole number" }
    package init?(configured text: String) { self.init(text) }
    package var configured: String { String(self) }
}
extension Bool: KeyValue {
    package static var unit: String { "true or false" }
    package init?(configured text: String) {
        switch text.lowercased() {
        case "true": self = true
        case "false": self = false
        default: return nil
        }
    }
    package var configured: String { self ? "true" : "false" }
}
extension String: KeyValue {
    package static var unit: String { "text" }
    package init?(configured text: String) { self = text }
    package var configured: String { self }
}
/// Names separated by white space.
extension [String]: KeyValue {
    package static var unit: String { "names separated by blanks" }
    package init?(configured text: String) { self = text.split(whereSeparator: \.isWhitespace).map(String.init) }
    package var configured: String { joined(separator: " ") }
}
/// Absent unless the file says so.
extension Optional: KeyValue where Wrapped: KeyValue {
    package static var unit: String { Wrapped.unit }
    package init?(configured text: String) {
        guard let value = Wrapped(configured: text) else { return nil }
        self = value
    }
    package var configured: String { self?.configured ?? "" }
}
/// `enum Mode: String, Choice { case none, lz4 }`: one of its raw values, in any case of letters.
package protocol Choice: KeyValue, RawRepresentable, CaseIterable where RawValue == String {}
extension Choice {
    package static var unit: String { allCases.map(\.rawValue).joined(separator: ", ") }
    package init?(configured text: String) {
        guard let found = Self.allCases.first(where: { $0.rawValue.lowercased() == text.lowercased() }) else { return nil }
        self = found
    }
    package var configured: String { rawValue }
}

package struct Allowed<Value: KeyValue>: Sendable {
    package let text: String
    package let contains: @Sendable (Value) -> Bool
    package init(_ text: String, _ contains: @escaping @Sendable (Value) -> Bool) {
        (self.text, self.contains) = (text, contains)
    }
    package static var anything: Allowed { Allowed("") { _ in true } }
}
extension Allowed where Value: Comparable {
    package static func within(_ range: ClosedRange<Value>) -> Allowed {
        Allowed("\(range.lowerBound.configured) to \(range.upperBound.configured)") { range.contains($0) }
    }
}
extension Allowed where Value == String {
    package static var notEmpty: Allowed { Allowed("not empty") { !$0.isEmpty } }
}

/// Another name of a key. `note`: told when it is used ("deprecated since Flume 1.7, use kafka.topic").
package struct KeyNote: Sendable {
    package var name: String
    package var note: String?
    package init(_ name: String, _ note: String? = nil) { (self.name, self.note) = (name, note) }
}

package struct Key<Configuration: ComponentConfiguration>: Sendable {
    /// `captured`: what the places of a family held, in order. Throws with the message and, if there is one, the fix; code,
    /// file, line and key are added. Returns a note for the user, or nil.
    package typealias Apply =
        @Sendable (inout Configuration, _ captured: [String], _ text: String) throws(TailraceError) -> String?
    package enum Kind: Sendable {
        case scalar(unit: String, allowed: String, initial: String, isRequired: Bool)
        case family
        case parts([PartKind])
        /// `typeKey`: the key that names the type.
        case part([PartKind], typeKey: String, initial: String)
        case ignored
    }
    package let name: String
    package let kind: Kind
    package let summary: String
    package let otherNames: [KeyNote]
    package let apply: Apply

    /// `unit`: "ms", "s", "bytes", "events" …; else the value's own.
    package static func value<Value: KeyValue>(
        _ name: String, _ field: any WritableKeyPath<Configuration, Value> & Sendable, _ allowed: Allowed<Value> = .anything,
        unit: String? = nil, isRequired: Bool = false, otherNames: [KeyNote] = [], _ summary: String
    ) -> Key {
        let initial = Configuration()[keyPath: field].configured, unit = unit ?? Value.unit
        let kind = Kind.scalar(unit: unit, allowed: allowed.text, initial: initial, isRequired: isRequired)
        return Key(name: name, kind: kind, summary: summary, otherNames: otherNames) { target, _, text throws(TailraceError) in
            guard let value = Value(configured: text), allowed.contains(value) else {
                let allowedText = [unit, allowed.text].filter { !$0.isEmpty }.joined(separator: ", ")
                throw TailraceError(
                    code: "configuration.range", message: "\"\(text)\" is not allowed here; allowed: \(allowedText)")
            }
            target[keyPath: field] = value
            return nil
        }
    }
    /// A scalar with a parser of its own, for what a note or a translation belongs to.
    package static func custom(
        _ name: String, unit: String, allowed: String = "", initial: String = "", isRequired: Bool = false,
        otherNames: [KeyNote] = [], _ summary: String, _ apply: @escaping Apply
    ) -> Key {
        let kind = Kind.scalar(unit: unit, allowed: allowed, initial: initial, isRequired: isRequired)
        return Key(name: name, kind: kind, summary: summary, otherNames: otherNames, apply: apply)
    }
    /// `pattern`: "kafka.producer.*" (the star: all the rest, dots included), "headers.<group>.<key>", "priority.<sink>" (a
    /// place: up to the next dot; the last place: all the rest).
    package static func family(_ pattern: String, otherNames: [KeyNote] = [], _ summary: String, _ apply: @escaping Apply)
        -> Key
    {
        Key(name: pattern, kind: .family, summary: summary, otherNames: otherNames, apply: apply)
    }
    /// Typed parts with keys of their own: "interceptors = a b", "interceptors.a.type", "interceptors.a.<key>".
    /// `initialType`: of a part without a line of its type.
    package static func parts(
        _ name: String, _ field: any WritableKeyPath<Configuration, [ConfiguredPart]> & Sendable, of kinds: [PartKind],
        initialType: String? = nil, _ summary: String
    ) -> Key {
        // The parser builds the parts, since they span several lines; it hands them over by this key path.
        var key = Key(name: name, kind: .parts(kinds), summary: summary, parts: field)
        key.initialPartType = initialType
        return key
    }
    /// One typed part with keys of its own: "serializer = text", "serializer.<key>"; with `typeKey` "selector.type" for a
    /// name "selector". The field's initial value is the part that there is without a line of its type.
    package static func part(
        _ name: String, typeKey: String? = nil, _ field: any WritableKeyPath<Configuration, ConfiguredPart> & Sendable,
        of kinds: [PartKind], _ summary: String
    ) -> Key {
        let kind = Kind.part(kinds, typeKey: typeKey ?? name, initial: Configuration()[keyPath: field].type)
        return Key(name: name, kind: kind, summary: summary, part: field)
    }
    /// Accepted, with a note that says why it does nothing.
    package static func ignored(_ name: String, because note: String) -> Key {
        Key(name: name, kind: .ignored, summary: note, otherNames: []) { _, _, _ throws(TailraceError) in nil }
    }

    package private(set) var partsField: (any WritableKeyPath<Configuration, [ConfiguredPart]> & Sendable)?
    package private(set) var initialPartType: String?
    package private(set) var partField: (any WritableKeyPath<Configuration, ConfiguredPart> & Sendable)?

    private init(name: String, kind: Kind, summary: String, otherNames: [KeyNote], apply: @escaping Apply) {
        (self.name, self.kind, self.summary, self.otherNames, self.apply) = (name, kind, summary, otherNames, apply)
    }
    private init(
        name: String, kind: Kind, summary: String,
        parts: (any WritableKeyPath<Configuration, [ConfiguredPart]> & Sendable)? = nil,
        part: (any WritableKeyPath<Configuration, ConfiguredPart> & Sendable)? = nil
    ) {
        (self.name, self.kind, self.summary, otherNames) = (name, kind, summary, [])
        apply = { _, _, _ throws(TailraceError) in nil }
        (partsField, partField) = (parts, part)
    }
}

package struct Declaration<Configuration: ComponentConfiguration>: Sendable {
    /// The alias: "taildir". Aliases and class names are matched in any case of letters.
    package let type: String
    /// Other aliases, with a note that is told when they are used, or nil.
    package let otherTypes: [KeyNote]
    /// Flume's: "org.apache.flume.source.taildir.TaildirSource".
    package let classNames: [String]
    package let summary: String
    package let keys: [Key<Configuration>]

    package init(
        type: String, otherTypes: [KeyNote] = [], classNames: [String] = [], summary: String, keys: [Key<Configuration>]
    ) {
        (self.type, self.otherTypes, self.classNames, self.summary, self.keys) = (type, otherTypes, classNames, summary, keys)
    }
}

package protocol Declared {
    associatedtype Configuration: ComponentConfiguration
    static var declaration: Declaration<Configuration> { get }
}
/// `name` and everything else not deterministic come with the environment (``Environment/component``).
package protocol DeclaredSource: Declared, EventSource {
    init(_ configuration: Configuration, _ output: SourceOutput, _ environment: Environment) throws(TailraceError)
}
/// Channels and sinks.
package protocol DeclaredComponent: Declared, Component {
    init(_ configuration: Configuration, _ environment: Environment) throws(TailraceError)
}
/// A sink processor is a value.
package protocol DeclaredProcessor: Declared {
    /// `sinks`: names as the group lists them.
    static func make(_ configuration: Configuration, sinks: [String]) throws(TailraceError) -> any SinkProcessor
}
