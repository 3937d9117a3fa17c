package import TailraceConfiguration
import TailraceCore

extension AgentAssembly {
    /// What the configuration files describe, made by the catalogue that read them.
    package init(_ plan: AgentPlan, _ catalogue: Catalogue) {
        self.init(name: plan.name)
        let channelNames = Dictionary(uniqueKeysWithValues: plan.channels.map { ($0.part.name, $0.fullName) })
        let sinkNames = Dictionary(uniqueKeysWithValues: plan.sinks.map { ($0.part.name, $0.fullName) })
        channels = plan.channels.map { planned in
            let entry = catalogue.channels[planned.part.type]!
            return Channel(name: planned.fullName, type: entry.type) { environment throws(TailraceError) in
                try entry.make(planned.part.configuration, environment)
            }
        }
        sinks = plan.sinks.map { planned in
            let entry = catalogue.sinks[planned.part.type]!
            return Sink(name: planned.fullName, type: entry.type) { environment throws(TailraceError) in
                try entry.make(planned.part.configuration, environment)
            }
        }
        groups = plan.groups.map { planned in
            let entry = catalogue.processors[planned.processor.type]!
            // The group of a sink alone has the sink's name; its runner needs one of its own.
            let name = sinkNames.values.contains(planned.fullName) ? planned.fullName + ".runner" : planned.fullName
            return Group(
                name: name, channel: channelNames[planned.channel]!, sinks: planned.sinks.map { sinkNames[$0]! }
            ) { () throws(TailraceError) in
                try entry.make(planned.processor.configuration, planned.sinks)
            }
        }
        sources = plan.sources.map { planned in
            let entry = catalogue.sources[planned.part.type]!
            let shortNames = Dictionary(uniqueKeysWithValues: channelNames.map { ($0.value, $0.key) })
            return Source(
                name: planned.fullName, type: entry.type, channels: planned.channels.map { channelNames[$0]! },
                acknowledge: planned.acknowledge,
                interceptors: planned.interceptors.map { part in
                    // The catalogue has no other interceptors.
                    let configuration = part.configuration as! any InterceptorConfiguration
                    return Interceptor(
                        name: "\(planned.fullName).interceptors.\(part.name)", make: configuration.makeInterceptor)
                },
                makeSelector: { channels, environment in
                    let configuration = planned.selector.configuration as! any SelectorConfiguration
                    return configuration.makeSelector(channels.map { shortNames[$0]! }, environment)
                }
            ) { output, environment throws(TailraceError) in
                try entry.make(planned.part.configuration, output, environment)
            }
        }
    }
}
