import Glibc

/// The terminal while a live view has it: another screen, no echo, single keys. Given back by `leave`.
final class Terminal {
    private var before = termios()
    private let hasInput: Bool

    init() {
        hasInput = isatty(0) == 1 && tcgetattr(0, &before) == 0
        if hasInput {
            var raw = before
            raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
            tcsetattr(0, TCSANOW, &raw)
        }
        Console.out("\u{1B}[?1049h\u{1B}[?25l")
    }
    func leave() {
        Console.out("\u{1B}[?25h\u{1B}[?1049l")
        if hasInput { tcsetattr(0, TCSANOW, &before) }
    }

    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }
    func show(_ lines: [String]) {
        Console.out("\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J")
    }
    /// Waits for a key; nil: none came in time.
    func key(milliseconds: Int) -> UInt8? {
        guard hasInput else {
            Console.pause(milliseconds: milliseconds)
            return nil
        }
        var wait = pollfd(fd: 0, events: Int16(POLLIN), revents: 0), byte: UInt8 = 0
        guard poll(&wait, 1, Int32(milliseconds)) > 0, read(0, &byte, 1) == 1 else { return nil }
        return byte
    }
}
