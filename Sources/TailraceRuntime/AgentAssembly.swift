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
    package struct Interceptor {
        package var name: String
        package var make: (Environment) throws(TailraceError) -> any TailraceCore.Interceptor
    }
    package struct Source {
        package var name: String
        package var type: String
        package var channels: [String]
        /// nil: safe.
        package var acknowledge: Custody?
        package var interceptors: [Interceptor] = []
        /// `channels`: names in the order of the output's channels.
        package var makeSelector: (_ channels: [String], Environment) -> any ChannelSelector = { channels, _ in
            ReplicatingSelector(isRequired: channels.map { _ in true })
        }
        package var make: (SourceOutput, Environment) throws(TailraceError) -> any EventSource
    }
    package var name: String
    package var channels: [Channel] = []
    package var sinks: [Sink] = []
    package var groups: [Group] = []
    package var sources: [Source] = []

    package init(name: String) { self.name = name }
}
