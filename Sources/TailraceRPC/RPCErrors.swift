// All errors of the RPC, by name, in one place. The codes are stable.

package import TailraceCore
import TailraceWire

extension TailraceError {
    /// Bytes that are no frame of ours.
    package static func rpcForeign(_ found: ForeignProtocol) -> TailraceError {
        TailraceError(code: found.code, message: found.message, fix: found.fix)
    }
    package static func rpcVersion(layout: UInt8) -> TailraceError {
        TailraceError(
            code: "rpc.version",
            message: "the peer writes frames of version \(layout), this agent reads version \(FrameHeader.layoutVersion)",
            fix: "upgrade the older of the two agents")
    }
    package static func rpcVersion(theirs: ClosedRange<UInt32>, ours: ClosedRange<UInt32>) -> TailraceError {
        TailraceError(
            code: "rpc.version",
            message: "the peer speaks versions \(theirs.lowerBound) to \(theirs.upperBound) of the protocol, this agent "
                + "\(ours.lowerBound) to \(ours.upperBound)",
            fix: "upgrade the older of the two agents")
    }
    package static func rpcChecksum(_ part: String, found: UInt32, computed: UInt32) -> TailraceError {
        func hex(_ value: UInt32) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }
        return TailraceError(
            code: "rpc.checksum", message: "the \(part)'s checksum is \(hex(found)), computed \(hex(computed))",
            fix: "look for a damaging link or memory between the two agents; nothing of the frame was used")
    }
    package static func rpcUnknownCompression(_ value: Int) -> TailraceError {
        TailraceError(
            code: "rpc.compression", message: "compression \(value) is not known here",
            fix: "set compression to none, lz4 or zstd at the sender")
    }
    package static func rpcUnexpected(_ kind: MessageKind, _ state: String) -> TailraceError {
        TailraceError(
            code: "rpc.unexpected", message: "the peer sent \(kind) \(state)",
            fix: "report it, with the versions of both agents")
    }
    package static func rpcRefused(code: String, reason: String) -> TailraceError {
        TailraceError(
            code: "rpc.refused", message: "the peer refused the connection: \(code): \(reason)",
            fix: "see the log of the peer")
    }
    package static func rpcTimeout(_ what: String, _ after: Duration, fix: String) -> TailraceError {
        TailraceError(code: "rpc.timeout", message: "\(what) within \(after.text)", fix: fix)
    }
    package static func rpcClosed(_ when: String, fix: String? = nil) -> TailraceError {
        TailraceError(code: "rpc.closed", message: "the peer closed the connection \(when)", fix: fix)
    }
    package static func rpcGoAway(_ reason: String) -> TailraceError {
        TailraceError(
            code: "rpc.going-away", message: "the peer takes no more batches: \(reason)", fix: "none needed: it is tried again")
    }
}
