package import TailraceCore

/// All types of components that this program has. Made by the runtime, which alone knows them all.
package struct Catalogue {
    package typealias MakeSource =
        (any ComponentConfiguration, SourceOutput, Environment) throws(TailraceError) -> any EventSource
    package typealias MakeChannel = (any ComponentConfiguration, Environment) throws(TailraceError) -> any EventChannel
    package typealias MakeSink = (any ComponentConfiguration, Environment) throws(TailraceError) -> any EventSink
    /// `sinks`: names as the group lists them.
    package typealias MakeProcessor =
        (any ComponentConfiguration, _ sinks: [String]) throws(TailraceError) -> any SinkProcessor

    package private(set) var sources = CatalogueSection<MakeSource>("source", FlumeTypes.sources)
    package private(set) var channels = CatalogueSection<MakeChannel>("channel", FlumeTypes.channels)
    package private(set) var sinks = CatalogueSection<MakeSink>("sink", FlumeTypes.sinks)
    package private(set) var processors = CatalogueSection<MakeProcessor>("sink processor", FlumeTypes.processors)
    /// What `interceptors.<name>.type` may name, in the order they were added.
    package private(set) var interceptors: [PartKind] = []
    /// What `selector.type` may name.
    package private(set) var selectors: [PartKind] = []

    package init() {}

    package mutating func add<S: DeclaredSource>(source: S.Type) {
        let make: MakeSource = { configuration, output, environment throws(TailraceError) in
            try S(configuration as! S.Configuration, output, environment)
        }
        sources.add(CatalogueEntry(S.declaration, make))
    }
    package mutating func add<C: DeclaredComponent & EventChannel>(channel: C.Type) {
        let make: MakeChannel = { configuration, environment throws(TailraceError) in
            try C(configuration as! C.Configuration, environment)
        }
        channels.add(CatalogueEntry(C.declaration, make))
    }
    package mutating func add<S: DeclaredComponent & EventSink>(sink: S.Type) {
        let make: MakeSink = { configuration, environment throws(TailraceError) in
            try S(configuration as! S.Configuration, environment)
        }
        sinks.add(CatalogueEntry(S.declaration, make))
    }
    package mutating func add<P: DeclaredProcessor>(processor: P.Type) {
        let make: MakeProcessor = { configuration, sinks throws(TailraceError) in
            try P.make(configuration as! P.Configuration, sinks: sinks)
        }
        processors.add(CatalogueEntry(P.declaration, make))
    }
    package mutating func add<C: InterceptorConfiguration>(interceptor: Declaration<C>) {
        interceptors.append(interceptor.partKind)
    }
    package mutating func add<C: SelectorConfiguration>(selector: Declaration<C>) { selectors.append(selector.partKind) }
}

/// The types of one kind. Aliases and class names are found in any case of letters.
package struct CatalogueSection<Make> {
    /// "source".
    package let noun: String
    package private(set) var entries: [CatalogueEntry<Make>] = []
    private let flume: [FlumeTypes.Known]
    private var places: [String: Int] = [:]

    init(_ noun: String, _ flume: [FlumeTypes.Known]) { (self.noun, self.flume) = (noun, flume) }

    mutating func add(_ entry: CatalogueEntry<Make>) {
        for name in entry.names {
            precondition(places[TypeName.folded(name)] == nil, "two types of \(noun) are called \(name)")
            places[TypeName.folded(name)] = entries.count
        }
        entries.append(entry)
    }

    package subscript(type: String) -> CatalogueEntry<Make>? { places[TypeName.folded(type)].map { entries[$0] } }

    /// The entry that the line names; nil, and told, if there is none. `prefix`: the component's whole name.
    func find(_ type: ConfigurationEntry, prefix: String, _ problems: inout [ConfigurationProblem]) -> CatalogueEntry<Make>? {
        guard let entry = self[type.value] else {
            let unknown = UnknownType(
                noun: noun, types: entries.map(\.type), names: entries.flatMap(\.names), flume: flume)
            problems.append(unknown.problem(type, prefix: prefix))
            return nil
        }
        let note = entry.otherTypes.first { TypeName.same($0.name, type.value) }?.note
        if let note { problems.append(type.problem(.note, "configuration.other-name", prefix: prefix, note)) }
        return entry
    }
}
