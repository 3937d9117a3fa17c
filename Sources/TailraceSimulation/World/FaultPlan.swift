import TailraceCore

/// What goes wrong, how often, and how long things take. Probabilities from 0 to 1, drawn from the world's seed; may be
/// changed while the world runs: ``calm`` once a test waits for everything to arrive.
package struct FaultPlan: Sendable {
    /// From one host to another, and for a name to be resolved.
    package var latency: ClosedRange<Duration> = .microseconds(50)...(.microseconds(500))

    // Per attempt to connect.
    package var refuse = 0.0
    /// The first packet is lost, and comes again after a second.
    package var loseConnect = 0.0

    // Per piece of bytes on its way.
    package var reset = 0.0
    package var delay = 0.0
    package var delayTime: ClosedRange<Duration> = .milliseconds(5)...(.milliseconds(200))
    package var stall = 0.0
    package var stallTime: ClosedRange<Duration> = .seconds(1)...(.seconds(30))

    // Per datagram. One that is late is overtaken by those behind it.
    package var loseDatagram = 0.0
    package var doubleDatagram = 0.0
    package var lateDatagram = 0.0

    // Per read or write of a stream; harmless, so that they are the rule.
    package var partialRead = 0.1
    package var partialWrite = 0.1

    // Per operation of a disk.
    package var diskTime: ClosedRange<Duration> = .microseconds(20)...(.microseconds(200))
    package var syncTime: ClosedRange<Duration> = .milliseconds(1)...(.milliseconds(8))
    package var openError = 0.0
    package var writeError = 0.0
    package var readError = 0.0
    /// A read on the loop that gets less than it asked for; harmless, as for streams.
    package var shortRead = 0.1
    package var syncError = 0.0
    /// A sync that succeeds and does nothing: the planted bug that a test of durability must find.
    package var syncLie = 0.0
    package var renameError = 0.0
    package var removeError = 0.0
    package var slowSync = 0.0
    package var slowSyncTime: ClosedRange<Duration> = .seconds(1)...(.seconds(20))

    // Per delivery of changes of a watched directory.
    package var watchTime: ClosedRange<Duration> = .microseconds(10)...(.milliseconds(2))
    package var watchOverflow = 0.0

    // Per record set at the broker, or per record where it says so.
    package var brokerTime: ClosedRange<Duration> = .milliseconds(1)...(.milliseconds(20))
    /// A run of records fails; by the seed they were written, or not.
    package var brokerError = 0.0
    package var brokerFatal = 0.0

    package init() {}
    package static let calm = FaultPlan()
}

extension SeededRandom {
    mutating func chance(_ probability: Double) -> Bool {
        probability > 0 && Double(next() >> 11) * 0x1p-53 < probability
    }
    mutating func duration(_ range: ClosedRange<Duration>) -> Duration {
        let low = range.lowerBound.nanoseconds, high = range.upperBound.nanoseconds
        return .nanoseconds(low == high ? low : Int64.random(in: low...high, using: &self))
    }
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
}
