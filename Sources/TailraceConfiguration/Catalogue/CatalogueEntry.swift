package import TailraceCore

/// A key as the manual shows it.
package struct KeyDescription: Hashable, Sendable {
    package var name: String
    package var otherNames: [String]
    /// "events", "true or false" …; empty for families and parts.
    package var unit: String
    package var allowed: String
    package var initial: String
    package var isRequired: Bool
    package var summary: String
    /// Accepted without effect; the summary says why.
    package var isIgnored: Bool
    /// Types of the parts that stand behind it.
    package var parts: [String]
}

/// A type of component without its static type: what it is called, how its lines are read, how it is made.
package struct CatalogueEntry<Make> {
    package let type: String
    package let otherTypes: [KeyNote]
    package let classNames: [String]
    package let summary: String
    package let keys: [KeyDescription]
    /// Types of parts that its keys name, with keys of their own.
    let parts: [(name: String, kind: PartKind)]
    /// The configuration as it is without any key.
    package let initial: any ComponentConfiguration
    /// Traps for a configuration of another type.
    package let make: Make
    let read: Read

    struct Reading {
        var configuration: any ComponentConfiguration
        /// Near-misses that were told.
        var suggested: Set<String>
    }
    typealias Read = (
        _ entries: [ConfigurationEntry], _ prefix: String, _ alsoKnown: [String], _ problems: inout [ConfigurationProblem]
    ) -> Reading

    init<Configuration: ComponentConfiguration>(_ declaration: Declaration<Configuration>, _ make: Make) {
        (type, otherTypes, classNames) = (declaration.type, declaration.otherTypes, declaration.classNames)
        (summary, keys, initial) = (declaration.summary, declaration.keys.map(\.description), Configuration())
        parts = declaration.keys.flatMap { key -> [(name: String, kind: PartKind)] in
            switch key.kind {
            case .parts(let kinds), .part(let kinds, _, _): return kinds.map { (key.name, $0) }
            case .scalar, .family, .ignored: return []
            }
        }
        self.make = make
        read = { entries, prefix, alsoKnown, problems in
            var parser = DeclarationParser(declaration, entries, prefix: prefix, alsoKnown: alsoKnown)
            let configuration = parser.parse()
            problems += parser.problems
            return Reading(configuration: configuration, suggested: parser.suggested)
        }
    }

    var names: [String] { [type] + otherTypes.map(\.name) + classNames }
}

extension Key {
    var description: KeyDescription {
        var description = KeyDescription(
            name: name, otherNames: otherNames.map(\.name), unit: "", allowed: "", initial: "", isRequired: false,
            summary: summary, isIgnored: false, parts: [])
        switch kind {
        case .scalar(let unit, let allowed, let initial, let isRequired):
            (description.unit, description.allowed, description.initial) = (unit, allowed, initial)
            description.isRequired = isRequired
        case .family: break
        case .parts(let kinds): description.parts = kinds.map(\.type)
        case .part(let kinds, let typeKey, let initial):
            (description.name, description.unit, description.initial) = (typeKey, "type", initial)
            description.parts = kinds.map(\.type)
        case .ignored: description.isIgnored = true
        }
        return description
    }
}
