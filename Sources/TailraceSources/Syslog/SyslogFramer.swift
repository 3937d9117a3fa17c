import TailraceCore

#if canImport(Glibc)
    import Glibc
#endif

/// Which part of a message it is.
enum SyslogPiece: Equatable {
    case whole
    /// The begin of one that is longer than allowed, or whose end did not come.
    case cut
    /// What follows a cut.
    case rest
}

/// Finds the messages in a stream of bytes (RFC 6587), each by itself: `length blank <…` is counted in octets, anything else
/// ends with LF. Nothing is dropped but line ends (CR, NUL before them) and empty lines. Keeps at most one message.
struct SyslogFramer: ~Copyable {
    private enum Mode {
        /// At the begin of a message; what ``rest`` has may be a length.
        case start
        case line
        /// So many octets of the message are still to come.
        case octets(Int)
    }
    /// Of a message in bytes, with CR; a longer one is cut.
    let limit: Int
    private var mode = Mode.start
    private var rest = BufferBuilder(capacity: 0)
    private var isContinued = false
    // Of a length that is not yet certain.
    private var length = 0
    private var hasBlank = false

    init(limit: Int) { self.limit = limit }

    /// Bytes of a message whose end has not come.
    var pending: Int { rest.count }

    mutating func feed(_ bytes: UnsafeRawBufferPointer, _ message: (UnsafeRawBufferPointer, SyslogPiece) -> Void) {
        var at = 0
        while at < bytes.count {
            switch mode {
            case .start: begin(bytes, &at)
            case .line:
                let left = bytes.count - at
                let end = memchr(bytes.baseAddress! + at, 0x0A, left).map {
                    UnsafeRawPointer($0) - bytes.baseAddress!
                }
                let piece = UnsafeRawBufferPointer(rebasing: bytes[at..<(end ?? bytes.count)])
                if rest.count + piece.count > limit {
                    at += cut(piece, message)
                } else if let end {
                    finishMessage(piece, message)
                    at = end + 1
                } else {
                    rest.append(piece)
                    at = bytes.count
                }
            case .octets(let left):
                let piece = UnsafeRawBufferPointer(rebasing: bytes[at..<min(bytes.count, at + left)])
                if rest.count + piece.count > limit {
                    let taken = cut(piece, message)
                    at += taken
                    mode = .octets(left - taken)
                } else if piece.count == left {
                    finishMessage(piece, message)
                    at += left
                } else {
                    rest.append(piece)
                    at += piece.count
                    mode = .octets(left - piece.count)
                }
            }
        }
    }

    /// The stream has ended. A last line needs no line end; a message that is shorter than its length said is cut.
    /// `isBroken`: it did not end, it was broken off, so that a last line is cut too.
    mutating func finish(isBroken: Bool, _ message: (UnsafeRawBufferPointer, SyslogPiece) -> Void) {
        var piece = isContinued ? SyslogPiece.rest : isBroken ? .cut : .whole
        if case .octets = mode, piece == .whole { piece = .cut }
        if rest.count > 0 { emit(rest.bytes, piece, message) }
        reset()
    }

    private mutating func reset() {
        rest.removeAll()
        (mode, isContinued, length, hasBlank) = (.start, false, 0, false)
    }

    /// Looks at one byte of what may be a length.
    private mutating func begin(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) {
        let byte = bytes[at]
        if rest.count == 0, byte == 0x0A || byte == 0x0D || byte == 0 {
            at += 1  // an empty line, or what ends a message that was counted
        } else if !hasBlank, let digit = bytes.digit(at), rest.count < 7, rest.count > 0 || digit > 0 {
            length = length * 10 + digit
            rest.append(byte)
            at += 1
        } else if !hasBlank, byte == UInt8(ascii: " "), rest.count > 0 {
            hasBlank = true
            rest.append(byte)
            at += 1
        } else if hasBlank, byte == UInt8(ascii: "<") {
            rest.removeAll()
            mode = .octets(length)
        } else {
            mode = .line
        }
    }

    /// The message ends with `piece`.
    private mutating func finishMessage(
        _ piece: UnsafeRawBufferPointer, _ message: (UnsafeRawBufferPointer, SyslogPiece) -> Void
    ) {
        let kind = isContinued ? SyslogPiece.rest : .whole
        if rest.count == 0 {
            emit(piece, kind, message)
        } else {
            rest.append(piece)
            emit(rest.bytes, kind, message)
        }
        reset()
    }

    /// Takes from `piece` what still fits, and hands over the message so far. How much that was.
    private mutating func cut(
        _ piece: UnsafeRawBufferPointer, _ message: (UnsafeRawBufferPointer, SyslogPiece) -> Void
    ) -> Int {
        let room = limit - rest.count
        let kind = isContinued ? SyslogPiece.rest : .cut
        if rest.count == 0 {
            message(UnsafeRawBufferPointer(rebasing: piece[..<room]), kind)
        } else {
            rest.append(UnsafeRawBufferPointer(rebasing: piece[..<room]))
            message(rest.bytes, kind)
            rest.removeAll()
        }
        isContinued = true
        return room
    }

    /// Without the line ends at its end; not at all if nothing is left.
    private func emit(
        _ bytes: UnsafeRawBufferPointer, _ kind: SyslogPiece, _ message: (UnsafeRawBufferPointer, SyslogPiece) -> Void
    ) {
        var count = bytes.count
        while count > 0, bytes[count - 1] == 0x0D || bytes[count - 1] == 0x0A || bytes[count - 1] == 0 { count -= 1 }
        if count > 0 { message(UnsafeRawBufferPointer(rebasing: bytes[..<count]), kind) }
    }
}
