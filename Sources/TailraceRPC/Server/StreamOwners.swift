package import TailraceCore

/// Whose certificate opened each stream. Bounded: of more than ``Limits/streams`` streams those that were quiet for longest
/// are forgotten, half of them at a time. It does not outlive the process: then whoever comes first with a stream opens it.
package struct StreamOwners {
    private let limit: Int
    private var young: [StreamID: PeerIdentity] = [:]
    private var old: [StreamID: PeerIdentity] = [:]

    package init(limit: Int = Limits.streams) { self.limit = limit }

    /// Who opened it: from now on `identity`, if nobody has.
    package mutating func owner(of stream: StreamID, claimedBy identity: PeerIdentity) -> PeerIdentity {
        if let owner = young[stream] { return owner }
        let owner = old[stream] ?? identity
        if young.count >= max(1, limit / 2) { (old, young) = (young, [:]) }
        young[stream] = owner
        return owner
    }
}
