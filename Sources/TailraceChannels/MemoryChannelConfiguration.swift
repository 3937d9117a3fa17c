package import TailraceCore

package struct MemoryChannelConfiguration: ChannelCapacityConfiguration {
    /// Events; those that are being delivered count until they are.
    package var capacity = 10_000
    package var transactionCapacity: Int?
    package var byteCapacity = 64 << 20
    package var keepAliveSeconds = 3

    package init() {}

    /// Events that one put may have.
    package var largestPutEvents: Int { transactionCapacity ?? min(10_000, capacity) }

    package func problems() -> [ConfigurationProblem] {
        guard largestPutEvents > capacity else { return [] }
        return [
            ConfigurationProblem(
                .error, code: "configuration.relation", key: "transactionCapacity",
                message: "transactionCapacity \(largestPutEvents) is larger than capacity \(capacity)",
                fix: "raise capacity to \(largestPutEvents), or lower transactionCapacity")
        ]
    }

    package static let declaration = Declaration<MemoryChannelConfiguration>(
        type: "memory", classNames: ["org.apache.flume.channel.MemoryChannel"],
        summary: "Keeps events in memory. What it holds is lost with the process, but only \"safe\" when it was delivered.",
        keys: [
            .value(
                "capacity", \.capacity, .within(1...100_000_000), unit: "events",
                "Most events it holds, those being delivered included. Flume's default is 100."),
            .value(
                "transactionCapacity", \.transactionCapacity,
                Allowed("1 to 1000000, at most capacity") { ($0 ?? 1) >= 1 && ($0 ?? 1) <= 1_000_000 }, unit: "events",
                "Most events of one put; a larger batch is cut. Default: 10000, or capacity if that is less (Flume: 100)."),
            .value(
                "byteCapacity", \.byteCapacity, .within(1...(1 << 40)), unit: "bytes",
                "Most bytes of bodies and event headers. A single larger event is let in alone."),
            .ignored(
                "byteCapacityBufferPercentage", because: "headers are counted with the bodies, nothing is set aside for them"),
            .value(
                "keep-alive", \.keepAliveSeconds, .within(0...3600), unit: "s",
                "How long a source that answers somebody waits for room before it answers \"failed\"."),
        ])
}
