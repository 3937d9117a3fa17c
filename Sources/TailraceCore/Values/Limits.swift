/// Every bound that is not a configuration key, by name, in one place.
package enum Limits {
    /// Events in one batch, from any source and on the wire.
    package static let batchEvents = 65_536
    /// Bodies and headers of one batch from a source of ours; a single event may be larger, up to ``eventBytes``.
    package static let batchBytes = 1 << 20
    /// One event's body. A longer line is cut by the source that reads it, and counted.
    package static let eventBytes = 16 << 20
    /// Headers that a batch shares, and headers of one event.
    package static let headers = 256
    /// Name or value of a header.
    package static let headerBytes = 64 << 10
    /// Runs of sequence numbers in one batch.
    package static let runs = 4_096
    /// Streams that a channel remembers the numbers of; the one that was quiet for longest is forgotten first.
    package static let streams = 100_000
    /// Runs of numbers remembered per stream; the oldest is forgotten first.
    package static let runsPerStream = 64
    /// Streams for which a sink runner remembers who refuses them.
    package static let routes = 10_000
    /// Batches that a source output accepts before it says no.
    package static let outputSlots = 16
    /// One configuration file.
    package static let configurationBytes = 4 << 20
    /// Keys of all configuration files together.
    package static let configurationEntries = 20_000
    /// One value of a configuration after substitution.
    package static let configurationValueBytes = 1 << 20
    /// Names within names, and references behind references, in a configuration value.
    package static let configurationNesting = 32
    /// Mistakes of one kind of check that are told one by one; the rest is a number.
    package static let configurationProblems = 1_000
}
