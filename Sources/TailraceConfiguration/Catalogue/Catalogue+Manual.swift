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
        return text + refusals
    }

    /// ``manual`` as an article of the documentation. `command`: makes it again.
    package func article(command: String) -> String {
        var text = manual
        let title = text.prefix { $0 != "\n" }
        text =
            "\(title)\n\nEvery component, its keys, their ranges and defaults; and what of Flume is refused, with what to use "
            + "instead.\n\n## Overview\n\nThis file is written by `\(command)`: change the declarations, not the file.\n"
            + text.dropFirst(title.count + 1)
        return text
    }

    /// Flume's types that this program does not have, with what its check says of them.
    private var refusals: String {
        func rows<Make>(_ section: CatalogueSection<Make>, _ flume: [FlumeTypes.Known]) -> [String] {
            flume.filter { known in known.names.allSatisfy { section[$0] == nil } }.map {
                Self.refusal(section.noun, $0, section.entries.map(\.type))
            }
        }
        func rows(_ noun: String, _ kinds: [PartKind], _ flume: [FlumeTypes.Known]) -> [String] {
            flume.filter { known in !kinds.contains { kind in known.names.contains { kind.isNamed($0) } } }.map {
                Self.refusal(noun, $0, kinds.map(\.type))
            }
        }
        let all =
            rows(sources, FlumeTypes.sources) + rows(channels, FlumeTypes.channels) + rows(sinks, FlumeTypes.sinks)
            + rows(processors, FlumeTypes.processors) + rows("channel selector", selectors, FlumeTypes.selectors)
            + rows("interceptor", interceptors, FlumeTypes.interceptors)
            + rows("event serializer", parts("serializer", sinks), FlumeTypes.serializers)
            + rows("event deserializer", parts("deserializer", sources), FlumeTypes.deserializers)
        if all.isEmpty { return "" }
        return
            "\n## Refused types of Flume\n\nThe check refuses them by name.\n\n| type | why | instead |\n| --- | --- | --- |\n"
            + all.joined()
    }

    /// The types of one kind of parts that any component of a section takes.
    private func parts<Make>(_ name: String, _ section: CatalogueSection<Make>) -> [PartKind] {
        section.entries.flatMap(\.parts).filter { $0.name.split(separator: ".").last == name[...] }.map(\.kind)
    }

    private static func refusal(_ noun: String, _ known: FlumeTypes.Known, _ types: [String]) -> String {
        let told = UnknownType.refusal(known, types)
        let name = (known.alias.map { "`\($0)`, " } ?? "") + "`\(known.className)`"
        return "| \(noun) \(name) | \(escaped(told.reason ?? "not in this version")) | \(escaped(told.instead)) |\n"
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
            let others = key.otherNames.map { ", also `\($0)`" }.joined()
            let value = key.parts.isEmpty ? [key.unit, key.allowed] : ["names; types: \(key.parts.joined(separator: ", "))"]
            let initial = key.isRequired ? "**required**" : key.initial.isEmpty ? "" : escaped("`\(key.initial)`")
            let meaning =
                key.isIgnored ? "Accepted without effect: \(key.summary)\(key.summary.hasSuffix(".") ? "" : ".")" : key.summary
            let allowed = value.filter { !$0.isEmpty }.joined(separator: ", ")
            text += "| `\(key.name)`\(others) | \(escaped(allowed)) | \(initial) | \(escaped(meaning)) |\n"
        }
        return text
    }

    /// Bars would end a cell; `<` and `*` mean something outside of code.
    private static func escaped(_ text: String) -> String {
        var result = "", isCode = false
        for character in text {
            if character == "`" { isCode.toggle() }
            if character == "|" || (!isCode && (character == "<" || character == "*")) { result.append("\\") }
            result.append(character)
        }
        return result
    }
}
