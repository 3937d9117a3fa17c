package import TailraceCore

package struct LoadBalancingSelectorConfiguration: SelectorConfiguration {
    package enum Policy: String, Choice { case roundRobin = "round_robin", random }
    package var policy = Policy.roundRobin
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "load_balancing", classNames: ["org.apache.flume.channel.LoadBalancingChannelSelector"],
        summary:
            "Each batch goes to one of the channels, all of which are required; a full one is waited for. (In Flume each event; from a properties file it does not work there at all.)",
        keys: [.value("policy", \.policy, .anything, "One channel after the other, or one by chance.")])

    package var namedChannels: [(key: String, names: [String])] { [] }
    package func problems(channels: [String]) -> [ConfigurationProblem] {
        guard channels.count < 2 else { return [] }
        return [
            ConfigurationProblem(
                .warning, code: "configuration.one-channel", key: "type",
                message: "load_balancing over one channel is the same as replicating", fix: "give the source more channels")
        ]
    }
    package func optional(_ channels: [String]) -> [String] { [] }
    package func makeSelector(_ channels: [String], _ environment: Environment) -> any ChannelSelector {
        LoadBalancingSelector(
            channels.count, policy, random: environment.random.split("\(environment.component).selector"))
    }
}

/// Spreads batches over channels. The others get an empty share: positions and memories of numbers advance in all of them.
package final class LoadBalancingSelector: ChannelSelector {
    private let count: Int
    private let policy: LoadBalancingSelectorConfiguration.Policy
    private var random: SeededRandom
    private var next = 0

    package init(_ count: Int, _ policy: LoadBalancingSelectorConfiguration.Policy, random: SeededRandom) {
        (self.count, self.policy, self.random) = (count, policy, random)
    }

    package func select(_ batch: EventBatch) -> [ChannelShare?] {
        let chosen: Int
        switch policy {
        case .roundRobin:
            chosen = next
            // A batch without events is no turn.
            if batch.count > 0 { next = (next + 1) % count }
        case .random: chosen = Int.random(in: 0..<count, using: &random)
        }
        return (0..<count).map {
            ChannelShare(events: $0 == chosen && batch.count > 0 ? [0..<batch.count] : [], isRequired: true)
        }
    }
}
