package import TailraceCore

/// What an agent is made of: names, wires, and how each part is made. Names are unique in the agent ("edge.channels.c1").
package struct AgentAssembly {
    package struct Channel {
        package var name: String
        package var type: String
        package var make: (Environment) throws(TailraceError) -> any EventChannel
    }
    package struct Sink {
        package var name: String
        package var type: String
        package var make: (Environment) throws(TailraceError) -> any EventSink
    }
    package struct Group {
        package var name: String
        package var channel: String
        package var sinks: [String]
        package var makeProcessor: () throws(TailraceError) -> any SinkProcessor
    }
    package struct Source {
        package var name: String
        package var type: String
        package var channels: [String]
        package var optionalChannels: [String]
        /// nil: safe.
        package var acknowledge: Custody?
        package var make: (SourceOutput, Environment) throws(TailraceError) -> any EventSource
    }
    package var name: String
    package var channels: [Channel] = []
    package var sinks: [Sink] = []
    package var groups: [Group] = []
    package var sources: [Source] = []

    package init(name: String) { self.name = name }
}
