import Glibc
package import TailraceCore

/// Finds the lines of a block. One `memchr` and one append per line; nothing is copied.
///
/// A line ends with LF; one CR before it belongs to the line end. A line that is longer than ``maximumLine`` is cut into
/// several bodies, so that nothing is lost.
package struct LineSplitter: Sendable {
    /// Bytes of one body.
    package var maximumLine: Int
    package var maximumLines: Int
    /// From the first body's start to the last one's end; a single line may be longer.
    package var maximumBytes: Int

    package struct Result {
        package var bodies: [BodyRange] = []
        /// Where the first line begins that is not among ``bodies``.
        package var next: Int
        /// Lines that were longer than allowed, counted once for each cut.
        package var cuts = 0
        /// It stopped at a limit of its own: there may be more whole lines.
        package var isLimited = false
    }

    package init(maximumLine: Int, maximumLines: Int, maximumBytes: Int) {
        (self.maximumLine, self.maximumLines, self.maximumBytes) = (maximumLine, maximumLines, maximumBytes)
    }

    /// `isLast`: nothing will ever follow these bytes, so what stands behind the last line end is a line too.
    package func split(_ bytes: UnsafeRawBufferPointer, from start: Int, isLast: Bool = false) -> Result {
        var result = Result(next: start)
        guard start < bytes.count, let base = bytes.baseAddress else { return result }
        result.bodies.reserveCapacity(min(maximumLines, (bytes.count - start) / 96 + 1))
        let limit = start + maximumBytes
        var line = start
        while line < bytes.count {
            let found = memchr(base + line, 0x0A, bytes.count - line)
            var end = found.map { UnsafeRawPointer($0) - base } ?? bytes.count, next = end + 1
            if found == nil {
                // A CR and an LF may still come that belong to the line end.
                guard isLast || bytes.count - line >= maximumLine + 2 else { break }
                next = end
            } else if end > line, bytes[end - 1] == 0x0D {
                end -= 1
            }
            let isCut = end - line > maximumLine
            if isCut {
                end = line + maximumLine
                next = end
            }
            guard result.bodies.count < maximumLines, end <= limit || result.bodies.isEmpty else {
                result.isLimited = true
                break
            }
            if isCut { result.cuts += 1 }
            result.bodies.append(BodyRange(start: UInt32(truncatingIfNeeded: line), end: UInt32(truncatingIfNeeded: end)))
            line = next
        }
        result.next = line
        return result
    }
}
