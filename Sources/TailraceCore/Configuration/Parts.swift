// Parts of a component that have a type and keys of their own: interceptors, selectors, serializers.

/// A declaration whose configuration's type is not known here.
package protocol AnyDeclaration: Sendable {
    associatedtype Configuration: ComponentConfiguration
    var declaration: Declaration<Configuration> { get }
}
extension Declaration: AnyDeclaration {
    package var declaration: Declaration<Configuration> { self }
}

/// A type that a part may have.
package struct PartKind: Sendable {
    package let declaration: any AnyDeclaration
    package let type: String
    /// Aliases beside `type`, and Flume's class names.
    package let otherNames: [String]

    package init<Configuration: ComponentConfiguration>(_ declaration: Declaration<Configuration>) {
        self.declaration = declaration
        type = declaration.type
        otherNames = declaration.otherTypes.map(\.name) + declaration.classNames
    }
}
extension Declaration {
    package var partKind: PartKind { PartKind(self) }
}

package struct ConfiguredPart: Equatable, Sendable {
    package var name: String
    package var type: String
    package var configuration: any ComponentConfiguration
    package init(name: String, type: String, configuration: any ComponentConfiguration) {
        (self.name, self.type, self.configuration) = (name, type, configuration)
    }
    package static func == (a: ConfiguredPart, b: ConfiguredPart) -> Bool {
        func same<C: ComponentConfiguration>(_ c: C) -> Bool { c == b.configuration as? C }
        return a.name == b.name && a.type == b.type && same(a.configuration)
    }
}

// A part's configuration makes the part, so that whoever holds it need not know all types that there are.

package protocol InterceptorConfiguration: ComponentConfiguration {
    /// `environment`: named after the interceptor ("edge.sources.r1.interceptors.i1").
    func makeInterceptor(_ environment: Environment) throws(TailraceError) -> any Interceptor
}

package protocol SelectorConfiguration: ComponentConfiguration {
    /// Which channels its keys name; keys relative to the selector ("mapping.de"). The check compares them with the source's.
    var namedChannels: [(key: String, names: [String])] { get }
    /// What else is wrong between it and the source's channels.
    func problems(channels: [String]) -> [ConfigurationProblem]
    /// Of the source's channels, those that are never waited for.
    func optional(_ channels: [String]) -> [String]
    /// `channels`: names ("c1") in the order of the output's channels. `environment`: the source's.
    func makeSelector(_ channels: [String], _ environment: Environment) -> any ChannelSelector
}
