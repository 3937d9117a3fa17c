// What a check must know of two components at once. Optional: a configuration that does not conform is not compared.

/// Of a source or a sink that puts or takes several events at once.
package protocol BatchingConfiguration: ComponentConfiguration {
    /// Most events of one batch.
    var batchEvents: Int { get }
    /// The key that sets it, relative to the component.
    static var batchKey: String { get }
}
extension BatchingConfiguration {
    package static var batchKey: String { "batchSize" }
}

/// Of a channel whose commits survive a crash of the process.
package protocol DurableChannelConfiguration: ComponentConfiguration {}

/// Of a channel that takes no more than so many events in one put.
package protocol ChannelCapacityConfiguration: ComponentConfiguration {
    var largestPutEvents: Int { get }
}

/// Of a channel that others fill and empty too: it may have no source here, or no sink.
package protocol SharedChannelConfiguration: ComponentConfiguration {}
