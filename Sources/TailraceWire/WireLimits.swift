/// Bounds of what is encoded, on the wire and on disk.
package enum WireLimits {
    /// Enough for ``Limits/batchEvents`` events with headers of their own and gaps, and ``Limits/runs`` runs.
    package static let largestEnvelope = 1 << 20
    /// Headers stand in the body, so a control message is only numbers and short texts.
    package static let largestText = 1024
}
