import TailraceCore

/// How a frame's body is compressed; the value is that of the frame's flags.
package enum Compression: UInt8, Sendable, Hashable, CaseIterable {
    case none = 0
    case lz4 = 1
    case zstd = 2
}

/// A compression as the configuration has it. `deflate` is Flume's only one.
package enum CompressionChoice: String, Choice {
    case none, lz4, zstd, deflate

    package var compression: Compression {
        switch self {
        case .none: .none
        case .lz4: .lz4
        case .zstd, .deflate: .zstd
        }
    }
    /// What to tell who wrote it.
    package var note: String? {
        self == .deflate ? "deflate becomes zstd, which is smaller and faster; both ends must be Tailrace" : nil
    }
}
