// What can be wrong with a batch that was encoded elsewhere. The codes are stable.

package import TailraceCore

extension TailraceError {
    package static func rpcTooLarge(_ what: String, _ size: Int, limit: Int) -> TailraceError {
        TailraceError(
            code: "rpc.too-large", message: "\(what) of \(size) bytes, allowed are \(limit)",
            fix: "lower batch-size at the sender, or raise maxFrameSizeBytes at the receiver")
    }
    package static func rpcTooMany(_ what: String, _ count: Int, limit: Int) -> TailraceError {
        TailraceError(
            code: "rpc.too-many", message: "\(count) \(what), allowed are \(limit)", fix: "lower batch-size at the sender")
    }
    /// Damage that a checksum cannot find: a peer with a fault.
    package static func rpcMalformed(_ what: String) -> TailraceError {
        TailraceError(
            code: "rpc.malformed", message: what, fix: "report it, with the versions of both agents: the checksums are right")
    }
}
