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
        return text
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
        return text + (entry.keys.isEmpty ? "\nNo keys of its own.\n" : "\n" + table(entry.keys))
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
