import TailraceCommandLine
import TailraceCore

extension Catalogue {
    /// The reference manual of all types and keys, as Markdown. It comes from the declarations, like the check.
    package var manual: String {
        var text = "# Configuration reference\n\n"
        text += "Made from the program's own declarations: it reads a configuration exactly as this says.\n"
        text += Self.section("Sources", SourceWiring.declaration(self), sources)
        text += Self.section("Channels", ChannelWiring.declaration, channels)
        text += Self.section("Sinks", SinkWiring.declaration, sinks)
        text += Self.section("Sink groups", GroupWiring.declaration, processors)
        text += "\n## Channel selectors\n\nKeys stand behind `selector.`; the type is `selector.type`.\n"
        text += selectors.map(Self.entry).joined()
        text += "\n## Interceptors\n\nKeys stand behind `interceptors.<name>.`; `interceptors` lists the names, in order.\n"
        text += interceptors.map(Self.entry).joined()
        return text
    }

    /// The part of the manual for one type, by any of its names; nil: there is none of that name.
    package func manual(of type: String) -> String? {
        let entries =
            [sources[type].map(Self.entry), channels[type].map(Self.entry), sinks[type].map(Self.entry)]
            + [processors[type].map(Self.entry)]
            + (selectors + interceptors).filter { $0.isNamed(type) }.map { Self.entry($0) }
        let found = entries.compactMap { $0 }
        return found.isEmpty ? nil : found.joined()
    }

    /// All names that ``manual(of:)`` knows, for "did you mean".
    package var typeNames: [String] {
        sources.entries.map(\.type) + channels.entries.map(\.type) + sinks.entries.map(\.type)
            + processors.entries.map(\.type) + (selectors + interceptors).map(\.type)
    }

    package func nearestType(to name: String) -> String? { Spelling.nearest(to: name, in: typeNames) }

    private static func entry(_ kind: PartKind) -> String {
        func entry(_ declared: some AnyDeclaration) -> String {
            Self.entry(CatalogueEntry(declared.declaration, ()))
        }
        return entry(kind.declaration)
    }

    private static func section<Wiring, Make>(
        _ title: String, _ wiring: Declaration<Wiring>, _ section: CatalogueSection<Make>
    ) -> String {
        "\n## \(title)\n\n\(wiring.summary)\n\n\(table(wiring.keys.map(\.description)))" + section.entries.map(entry).joined()
    }

    private static func entry<Make>(_ entry: CatalogueEntry<Make>) -> String {
        var text = "\n### \(entry.type)\n\n\(escaped(entry.summary))\n"
        let names = entry.otherTypes.map(\.name) + entry.classNames
        if !names.isEmpty { text += "\nAlso called \(names.map { "`\($0)`" }.joined(separator: ", ")).\n" }
        text += entry.keys.isEmpty ? "\nNo keys of its own.\n" : "\n" + table(entry.keys)
        return text + entry.parts.map { "\n#### \($0.name): \($0.kind.type)\n" + part($0.kind) }.joined()
    }

    private static func part(_ kind: PartKind) -> String {
        func part(_ declared: some AnyDeclaration) -> String {
            let declaration = declared.declaration, names = kind.otherNames.map { "`\($0)`" }.joined(separator: ", ")
            let also = names.isEmpty ? "" : " Also called \(names)."
            return "\n\(escaped(declaration.summary))\(also)\n\n" + table(declaration.keys.map(\.description))
        }
        return part(kind.declaration)
    }

    private static func table(_ keys: [KeyDescription]) -> String {
        var text = "| key | value | default | meaning |\n| --- | --- | --- | --- |\n"
        for key in keys {
            let others = key.otherNames.map { "<br>also `\($0)`" }.joined()
            let value = key.parts.isEmpty ? [key.unit, key.allowed] : ["names; types: \(key.parts.joined(separator: ", "))"]
            let initial = key.isRequired ? "**required**" : key.initial.isEmpty ? "" : "`\(key.initial)`"
            let meaning =
                key.isIgnored ? "Accepted without effect: \(key.summary)\(key.summary.hasSuffix(".") ? "" : ".")" : key.summary
            let cells = ["`\(key.name)`\(others)", value.filter { !$0.isEmpty }.joined(separator: ", "), initial, meaning]
            text += "| " + cells.map(escaped).joined(separator: " | ") + " |\n"
        }
        return text
    }

    private static func escaped(_ text: String) -> String {
        text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
}
