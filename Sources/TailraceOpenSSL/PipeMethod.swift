import COpenSSL
import TailraceTLS

/// A BIO that is a ``CipherPipe``: OpenSSL takes from the stream what it needs, and no buffer lies between.
final class PipeMethod {
    private let method: OpaquePointer
    /// One that OpenSSL's own BIOs do not have.
    private static let type = BIO_TYPE_SOURCE_SINK | 0xE1

    init() {
        // Fails only when there is no memory.
        method = BIO_meth_new(Self.type, "tailrace")!
        BIO_meth_set_create(method) { bio in
            BIO_set_init(bio, 1)
            return 1
        }
        BIO_meth_set_read(method) { bio, space, count in
            guard let space, count > 0, let pipe = PipeMethod.pipe(bio) else { return -1 }
            BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
            switch pipe.take(into: UnsafeMutableRawBufferPointer(start: space, count: Int(count))) {
            case .bytes(let taken): return Int32(taken)
            case .blocked:
                BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
                return -1
            case .ended: return 0
            case .failed: return -1
            }
        }
        BIO_meth_set_write(method) { bio, bytes, count in
            guard let bytes, count > 0, let pipe = PipeMethod.pipe(bio) else { return -1 }
            pipe.put(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
            return count
        }
        BIO_meth_set_ctrl(method) { bio, command, _, _ in
            switch command {
            case BIO_CTRL_FLUSH: 1
            case BIO_CTRL_EOF: PipeMethod.pipe(bio)?.hasEnded == true ? 1 : 0
            default: 0
            }
        }
    }
    deinit { BIO_meth_free(method) }

    /// The pipe outlives the BIO: both belong to one ``OpenSSLEngine``.
    func makeBIO(_ pipe: CipherPipe) -> OpaquePointer {
        let bio = BIO_new(method)!
        BIO_set_data(bio, Unmanaged.passUnretained(pipe).toOpaque())
        return bio
    }
    private static func pipe(_ bio: OpaquePointer?) -> CipherPipe? {
        BIO_get_data(bio).map { Unmanaged<CipherPipe>.fromOpaque($0).takeUnretainedValue() }
    }
}
