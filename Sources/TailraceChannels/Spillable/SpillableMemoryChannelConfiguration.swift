package import TailraceCore

package struct SpillableMemoryChannelConfiguration: ChannelCapacityConfiguration {
    package var memoryCapacity = 10_000
    package var byteCapacity = 64 << 20
    package var overflowCapacity = 100_000_000
    package var overflowTimeoutSeconds = 3
    package var overflowDeactivationThreshold = 5
    /// All of the file channel's keys but its capacity.
    package var file = FileChannelConfiguration()

    package init() {}

    package var largestPutEvents: Int {
        overflowCapacity > 0
            ? overflow.largestPutEvents : file.transactionCapacity ?? min(10_000, max(1, memoryCapacity))
    }
    /// Of the part in memory.
    var memory: MemoryChannelConfiguration {
        var memory = MemoryChannelConfiguration()
        (memory.capacity, memory.byteCapacity) = (memoryCapacity, byteCapacity)
        if overflowCapacity == 0 { memory.transactionCapacity = largestPutEvents }
        return memory
    }
    /// Of the part on disk.
    var overflow: FileChannelConfiguration {
        var overflow = file
        (overflow.capacity, overflow.patienceMilliseconds) = (overflowCapacity, 0)
        return overflow
    }

    package func problems() -> [ConfigurationProblem] {
        var problems = file.problems().filter { $0.key != "transactionCapacity" }
        func relation(_ key: String, _ message: String, _ fix: String) {
            problems.append(
                ConfigurationProblem(.error, code: "configuration.relation", key: key, message: message, fix: fix))
        }
        if memoryCapacity == 0, overflowCapacity == 0 {
            relation(
                "memoryCapacity", "memoryCapacity and overflowCapacity are both 0: it would hold nothing",
                "leave one of them out")
        } else {
            let (name, limit) =
                overflowCapacity > 0 ? ("overflowCapacity", overflowCapacity) : ("memoryCapacity", memoryCapacity)
            if largestPutEvents > limit {
                relation(
                    "transactionCapacity", "transactionCapacity \(largestPutEvents) is larger than \(name) \(limit)",
                    "raise \(name) to \(largestPutEvents), or lower transactionCapacity")
            }
        }
        return problems
    }

    package static let declaration = Declaration<SpillableMemoryChannelConfiguration>(
        type: "spillablememory", classNames: ["org.apache.flume.channel.SpillableMemoryChannel"],
        summary: "Keeps events in memory while the sinks keep up, and on disk when they do not. An event is safe when it was "
            + "delivered, or when it is on disk.",
        keys: ownKeys + fileKeys)

    private static let ownKeys: [Key<SpillableMemoryChannelConfiguration>] = [
        .value(
            "memoryCapacity", \.memoryCapacity, .within(0...100_000_000), unit: "events",
            "Most events in memory. 0: it is a file channel."),
        .value(
            "byteCapacity", \.byteCapacity, .within(1...(1 << 40)), unit: "bytes",
            "Most bytes of bodies and event headers in memory. (Flume: 80 % of the heap.)"),
        .value(
            "overflowCapacity", \.overflowCapacity, .within(0...1_000_000_000), unit: "events",
            "Most events on disk. 0: it is a memory channel."),
        .value(
            "overflowTimeout", \.overflowTimeoutSeconds, .within(0...3600), unit: "s",
            "How long a put waits for room in memory, and an event in memory for its delivery: then what memory holds goes to "
                + "disk, and so does what comes, until the sinks have caught up. 0: at once when memory is full, and only then."
        ),
        .value(
            "overflowDeactivationThreshold", \.overflowDeactivationThreshold, .within(0...100), unit: "percent",
            "How much of memory must be free before events are kept there again."),
        .ignored(
            "byteCapacityBufferPercentage", because: "headers are counted with the bodies, nothing is set aside for them"),
        .ignored("avgEventSize", because: "bytes are counted as they are, not estimated"),
        .ignored("capacity", because: "memoryCapacity and overflowCapacity say how much it holds"),
        .ignored("patience", because: "what comes to the disk here has waited for overflowTimeout"),
        .ignored("keep-alive", because: "a source that answers somebody waits for room for overflowTimeout and 3 s more"),
    ]
    private static var fileKeys: [Key<SpillableMemoryChannelConfiguration>] {
        let own = Set(ownKeys.map(\.name))
        return FileChannelConfiguration.declaration.keys.filter { !own.contains($0.name) }.map { $0.inside(\.file) }
    }
}

extension Key {
    /// The same key of a component that has this configuration as a part of its own. Not for nested parts.
    func inside<Whole: ComponentConfiguration>(
        _ field: any WritableKeyPath<Whole, Configuration> & Sendable
    ) -> Key<Whole> {
        let apply = apply
        let inner: Key<Whole>.Apply = { target, captured, text throws(TailraceError) in
            try apply(&target[keyPath: field], captured, text)
        }
        switch kind {
        case .scalar(let unit, let allowed, let initial, let isRequired):
            return .custom(
                name, unit: unit, allowed: allowed, initial: initial, isRequired: isRequired, otherNames: otherNames, summary,
                inner)
        case .family: return .family(name, otherNames: otherNames, summary, inner)
        case .ignored: return .ignored(name, because: summary)
        case .parts, .part: preconditionFailure("\(name): parts cannot be handed on")
        }
    }
}
