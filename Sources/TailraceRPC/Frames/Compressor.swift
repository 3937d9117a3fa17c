// The only file that speaks with liblz4 and libzstd.

import CLZ4
import CZstd
package import TailraceCore
import TailraceWire

/// Compresses and decompresses bodies, with contexts that are made at the first use and kept. Confined to its loop.
package final class Compressor {
    private var compressing: OpaquePointer?
    private var decompressing: OpaquePointer?
    /// zstd's, 1 (fast) to 19.
    private let level: Int32

    package init(level: Int = 1) { self.level = Int32(level) }
    deinit {
        ZSTD_freeCCtx(compressing)
        ZSTD_freeDCtx(decompressing)
    }

    /// nil: it would not get smaller (or the library refuses): send it as it is.
    package func compress(_ pieces: [Bytes], _ compression: Compression) -> Bytes? {
        let count = pieces.reduce(0) { $0 + $1.count }
        // One piece is read where it lies; several must be put together first.
        if pieces.count == 1 { return pieces[0].withUnsafeBytes { compress($0, compression) } }
        var whole = BufferBuilder(capacity: count)
        for piece in pieces { whole.append(piece) }
        return compress(whole.bytes, compression)
    }

    private func compress(_ input: UnsafeRawBufferPointer, _ compression: Compression) -> Bytes? {
        guard input.count > 0, input.count <= LZ4_MAX_INPUT_SIZE else { return nil }
        // Room for less than the input only: what does not fit is not worth it.
        let output = BufferBuilder(capacity: input.count)
        let space = output.spare, room = input.count - 1
        let written: Int
        switch compression {
        case .none: return nil
        case .lz4:
            written = Int(LZ4_compress_default(input.baseAddress, space.baseAddress, Int32(input.count), Int32(room)))
        case .zstd:
            if compressing == nil { compressing = ZSTD_createCCtx() }
            guard let compressing else { return nil }
            let size = ZSTD_compressCCtx(compressing, space.baseAddress, room, input.baseAddress, input.count, level)
            written = ZSTD_isError(size) != 0 ? 0 : size
        }
        guard written > 0 else { return nil }
        // The spare rest must not be kept as long as the frame.
        return Bytes(copying: UnsafeRawBufferPointer(rebasing: space[..<written]))
    }

    /// Into the front of `output`, whose size is the announced one: never more, and less is an error.
    package func decompress(
        _ input: UnsafeRawBufferPointer, _ compression: Compression, into output: UnsafeMutableRawBufferPointer
    ) throws(TailraceError) {
        let size: Int
        switch compression {
        case .none: preconditionFailure("nothing to decompress")
        case .lz4:
            guard input.count <= Int(Int32.max), output.count <= Int(Int32.max) else {
                throw .rpcTooLarge("lz4 body", max(input.count, output.count), limit: Int(Int32.max))
            }
            size = Int(LZ4_decompress_safe(input.baseAddress, output.baseAddress, Int32(input.count), Int32(output.count)))
        case .zstd:
            if decompressing == nil { decompressing = ZSTD_createDCtx() }
            guard let decompressing else {
                throw TailraceError(code: "rpc.compression", message: "no memory for zstd's decoder")
            }
            let result = ZSTD_decompressDCtx(
                decompressing, output.baseAddress, output.count, input.baseAddress, input.count)
            size = ZSTD_isError(result) != 0 ? -1 : result
        }
        guard size == output.count else {
            let found = size < 0 ? "is damaged, or has more than the announced" : "has \(size) of the announced"
            throw .rpcMalformed("a \(compression) body of \(input.count) bytes \(found) \(output.count) bytes")
        }
    }
}
