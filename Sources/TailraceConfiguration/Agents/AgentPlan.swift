package import TailraceCore

/// An agent as its files describe it, checked and complete: what the runtime builds. Equal plans are equal agents, and parts
/// that are equal need no restart at a reload.
package struct AgentPlan: Equatable, Sendable {
    /// Everything in the order of its list in the file.
    package var name: String
    package var channels: [PlannedChannel]
    package var sources: [PlannedSource]
    package var sinks: [PlannedSink]
    /// Every sink is in exactly one; those that no group lists are groups of one, behind the others.
    package var groups: [PlannedGroup]
}

package struct PlannedChannel: Equatable, Sendable {
    /// "edge.channels.c1": unique, the component's name everywhere.
    package var fullName: String
    /// `name`: "c1"; `type`: the catalogue's alias, whatever the file wrote.
    package var part: ConfiguredPart
}

package struct PlannedSource: Equatable, Sendable {
    package var fullName: String
    package var part: ConfiguredPart
    /// Names of all its channels ("c1"), in the order of the file; at least one.
    package var channels: [String]
    /// Which of them get an event. Its name is "selector".
    package var selector: ConfiguredPart
    /// `safe` or `committed`.
    package var acknowledge: Custody
    package var interceptors: [ConfiguredPart]
}

package struct PlannedSink: Equatable, Sendable {
    package var fullName: String
    package var part: ConfiguredPart
    /// "c1".
    package var channel: String
}

package struct PlannedGroup: Equatable, Sendable {
    /// "edge.sinkgroups.g1"; for a sink without a group the sink's.
    package var fullName: String
    /// "c1": what all of its sinks take from.
    package var channel: String
    /// "k1", "k2": in the order of the group's list.
    package var sinks: [String]
    /// Its name is "processor".
    package var processor: ConfiguredPart
}
