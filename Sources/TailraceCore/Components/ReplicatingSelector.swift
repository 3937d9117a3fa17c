/// Flume's `replicating` selector: every channel gets every event; those named optional are tried once and never waited for.
package final class ReplicatingSelector: ChannelSelector {
    private let isRequired: [Bool]

    /// One flag for each channel of the output, in its order.
    package init(isRequired: [Bool]) { self.isRequired = isRequired }

    package func select(_ batch: EventBatch) -> [ChannelShare?] {
        isRequired.map { ChannelShare(events: batch.count == 0 ? [] : [0..<batch.count], isRequired: $0) }
    }
}

package struct ReplicatingSelectorConfiguration: SelectorConfiguration {
    /// Names of channels that are tried once and not waited for.
    package var optional: [String] = []

    package init() {}

    package static let declaration = Declaration<Self>(
        type: "replicating", classNames: ["org.apache.flume.channel.ReplicatingChannelSelector"],
        summary: "Every channel gets every event.",
        keys: [
            .value(
                "optional", \.optional, .anything,
                "Channels that are tried once and not waited for; what they refuse is counted in optional_channel_lost_events_total."
            )
        ])

    package var namedChannels: [(key: String, names: [String])] { [("optional", optional)] }
    package func problems(channels: [String]) -> [ConfigurationProblem] { [] }
    package func optional(_ channels: [String]) -> [String] { optional }
    package func makeSelector(_ channels: [String], _ environment: Environment) -> any ChannelSelector {
        ReplicatingSelector(isRequired: channels.map { !optional.contains($0) })
    }
}
