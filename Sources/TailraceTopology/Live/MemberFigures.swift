package import TailraceStatus

/// The few numbers of an agent that a person wants to see.
package struct MemberFigures: Hashable, Sendable {
    /// Taken in by its sources, and confirmed by the next hop or by Kafka, since it started.
    package var accepted = 0
    package var delivered = 0
    package var channelEvents = 0
    package var channelCapacity = 0
    /// Of the first component that is not well.
    package var trouble = ""

    package init(_ status: AgentStatus) {
        for component in status.components {
            switch component.kind {
            case .source: accepted += component.counters["accepted_events_total"] ?? 0
            case .sink: delivered += component.counters["delivered_events_total"] ?? 0
            case .channel:
                channelEvents += component.gauges["events"] ?? 0
                channelCapacity += component.gauges["capacity_events"] ?? 0
            case .group: break
            }
            if trouble.isEmpty, !component.message.isEmpty { trouble = component.message }
        }
    }
    /// 0 to 100.
    package var fillPercent: Int { channelCapacity > 0 ? channelEvents * 100 / channelCapacity : 0 }
}
