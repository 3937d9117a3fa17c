import TailraceCore

#if canImport(Glibc)
    import Glibc
#endif

/// Cuts a stream of bytes into lines, for sources that read pipes and sockets. The piece behind the last line end is kept
/// for the next bytes; it never grows beyond `maxBytes`.
struct LineAssembler: ~Copyable {
    /// A line end that is missing after so many bytes ends the line (`overflow`).
    let maxBytes: Int
    private var rest = BufferBuilder(capacity: 0)

    init(maxBytes: Int) { self.maxBytes = maxBytes }

    var isEmpty: Bool { rest.count == 0 }

    /// Calls `line` for each line, without its LF. False from `line`: stop, the rest of `bytes` is dropped.
    /// `overflow`: the first `maxBytes` of a line that is longer; what follows is its continuation.
    mutating func feed(
        _ bytes: UnsafeRawBufferPointer, _ line: (UnsafeRawBufferPointer, _ overflow: Bool) -> Bool
    ) {
        var at = 0
        while at < bytes.count {
            let left = bytes.count - at
            let end = memchr(bytes.baseAddress! + at, 0x0A, left).map {
                $0 - UnsafeMutableRawPointer(mutating: bytes.baseAddress!)
            }
            let piece = UnsafeRawBufferPointer(rebasing: bytes[at..<(end ?? bytes.count)])
            let room = maxBytes - rest.count
            if piece.count > room {  // (a line of exactly maxBytes is no overflow)
                rest.append(UnsafeRawBufferPointer(rebasing: piece[0..<room]))
                at += room
                guard flush(line, overflow: true) else { return }
                continue
            }
            guard let end else {
                rest.append(piece)
                return
            }
            at = end + 1
            if rest.count == 0 {
                guard line(piece, false) else { return }
            } else {
                rest.append(piece)
                guard flush(line, overflow: false) else { return }
            }
        }
    }

    /// At the end of the stream: the last line, if it has no line end.
    mutating func finish(_ line: (UnsafeRawBufferPointer, _ overflow: Bool) -> Bool) {
        guard rest.count > 0 else { return }
        _ = flush(line, overflow: false)
    }

    private mutating func flush(_ line: (UnsafeRawBufferPointer, Bool) -> Bool, overflow: Bool) -> Bool {
        defer { rest.removeAll() }
        return line(rest.bytes, overflow)
    }
}
