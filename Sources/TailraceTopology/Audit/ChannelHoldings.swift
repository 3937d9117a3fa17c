import TailraceStatus

/// What the agents' channels held when they were asked: events on their way, which are not in Kafka and not lost either.
package struct ChannelHoldings: Hashable, Sendable {
    /// In all channels of all agents that answer. An upper limit of what is on its way: while a batch is handed on, both sides
    /// hold it.
    package var events: UInt64
    /// Agents that do not answer and have channels that outlive a process: nobody knows what is in them.
    package var silent: [String]

    package init(events: UInt64 = 0, silent: [String] = []) { (self.events, self.silent) = (events, silent) }
}

extension ClusterStatus {
    package var holdings: ChannelHoldings {
        var holdings = ChannelHoldings()
        for member in members where member.role == .agent {
            if member.state == .ready, member.isAnswering, let status = member.status, status.state == .running {
                holdings.events += UInt64(max(0, member.heldEvents))
            } else if member.storesEvents {
                holdings.silent.append(member.name)
            }
        }
        return holdings
    }
}
