/// Numbers from a seed (SplitMix64). A split depends on seed and name only, not on what was drawn before, so that one
/// component's draws do not shift another's.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private let seed: UInt64
    private var state: UInt64

    package init(seed: UInt64) { (self.seed, state) = (seed, seed) }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    package func split(_ name: String) -> SeededRandom {
        var mixed = SeededRandom(seed: name.utf8.reduce(seed ^ 0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
        return SeededRandom(seed: mixed.next())
    }
}
