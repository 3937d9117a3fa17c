import Glibc
import TailraceCore

/// Reads a file block by block and cuts blocks into lines. A block begins a little before the read position: so the one read
/// also shows whether the bytes that were read last are still there, and nothing that was replaced is mistaken for new.
struct BlockReader {
    static let blockBytes = 256 << 10
    private static let smallestBlock = 4 << 10
    /// An unfinished line that is longer is not read again for each piece that is appended to it.
    private static let probeBytes: Int64 = 64 << 10

    struct Block {
        var buffer: Buffer
        var bodies: [BodyRange]
        /// Of each line's start, if asked for.
        var offsets: EventHeaderTable?
        /// Behind the last of the lines.
        var place: FilePlace
        var isMore: Bool
        var cuts: Int
    }
    enum Outcome {
        case block(Block)
        /// No whole line; whether there is more to read.
        case nothing(isMore: Bool)
        /// The file is not what it was at the read position.
        case rewritten
    }

    let splitter: LineSplitter
    /// Name of the header with the line's offset.
    let offsetHeader: String?

    init(_ configuration: TaildirSourceConfiguration) {
        // Headers count in the size of a batch.
        let most = configuration.byteOffsetHeader ? Limits.batchEvents / 4 : Limits.batchEvents
        splitter = LineSplitter(
            maximumLine: configuration.maxLineBytes, maximumLines: min(configuration.batchSize, most),
            maximumBytes: Limits.batchBytes)
        offsetHeader = configuration.byteOffsetHeader ? configuration.byteOffsetHeaderKey : nil
    }

    /// `size`: of the file, a moment ago.
    func read(_ file: TailedFile, _ handle: any ReadableFile, size: Int64) throws(TailraceError) -> Outcome {
        let place = file.place
        if file.scannedTo - place.offset >= Self.probeBytes, !file.isFinal, try !findsLineEnd(file, handle, size: size) {
            return .nothing(isMore: file.scannedTo < size)
        }
        let overlap = place.evidenceCount, base = place.offset - Int64(overlap)
        var wanted = Int(max(1, min(size - place.offset, Int64(file.blockBytes))))
        var builder = BufferBuilder(capacity: overlap + wanted)
        while true {
            builder.reserve(overlap + wanted - builder.count)
            try handle.fill(&builder, upTo: overlap + wanted, at: base)
            let bytes = builder.bytes, isAtEnd = builder.count < overlap + wanted || base + Int64(builder.count) >= size
            guard bytes.count >= overlap, FilePlace.hash(UnsafeRawBufferPointer(rebasing: bytes[..<overlap])) == place.tail
            else {
                return .rewritten
            }
            let found = splitter.split(bytes, from: overlap, isLast: file.isFinal && isAtEnd)
            if found.bodies.isEmpty {
                file.scannedTo = base + Int64(bytes.count)
                if isAtEnd { return .nothing(isMore: false) }
                wanted = min(wanted * 2, splitter.maximumLine + 2)
                continue
            }
            let next = after(place, bytes, found.next), end = base + Int64(bytes.count)
            if base == 0 {
                file.firstBytes = Bytes(copying: UnsafeRawBufferPointer(rebasing: bytes[..<next.evidenceCount]))
            }
            file.scannedTo = found.isLimited ? next.offset : end
            adapt(file, consumed: found.next - overlap, isLimited: found.isLimited)
            let offsets = offsetHeader.map { headers($0, found.bodies, base) }
            return .block(
                Block(
                    buffer: builder.finishBuffer(), bodies: found.bodies, offsets: offsets, place: next,
                    isMore: found.isLimited || end < size, cuts: found.cuts))
        }
    }

    /// Small batches: read about as much as one takes, so that little is read twice.
    private func adapt(_ file: TailedFile, consumed: Int, isLimited: Bool) {
        let wanted = isLimited ? consumed + consumed / 4 : file.blockBytes * 2
        file.blockBytes = min(max(wanted, Self.smallestBlock), Self.blockBytes)
    }

    /// The place at `index` of a block that began `evidenceCount` before `place`.
    private func after(_ place: FilePlace, _ bytes: UnsafeRawBufferPointer, _ index: Int) -> FilePlace {
        let base = place.offset - Int64(place.evidenceCount), offset = base + Int64(index)
        let count = FilePlace.evidenceCount(offset)
        let tail = FilePlace.hash(UnsafeRawBufferPointer(rebasing: bytes[index - count..<index]))
        // Less than the evidence was read before: then the block begins at the file's start.
        let isComplete = place.evidenceCount == FilePlace.evidenceBytes
        let head = isComplete ? place.head : FilePlace.hash(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        return FilePlace(offset: offset, head: head, tail: tail)
    }

    private func headers(_ name: String, _ bodies: [BodyRange], _ base: Int64) -> EventHeaderTable {
        var builder = BufferBuilder(capacity: bodies.count * (name.utf8.count + 12)), ranges: [BodyRange] = []
        ranges.reserveCapacity(bodies.count)
        for body in bodies {
            let start = UInt32(builder.count)
            EventHeaderTable.append(Header(name, String(base + Int64(body.start))), to: &builder)
            ranges.append(BodyRange(start: start, end: UInt32(builder.count)))
        }
        return EventHeaderTable(bytes: builder.finish(), ranges: ranges)
    }

    /// Looks only at what was appended to a long unfinished line. True: read it now.
    private func findsLineEnd(_ file: TailedFile, _ handle: any ReadableFile, size: Int64) throws(TailraceError) -> Bool {
        // Shorter than what was looked at: the read finds out what happened. A byte more: CR and LF may be apart.
        guard size > file.scannedTo, file.scannedTo - file.place.offset <= Int64(splitter.maximumLine) else { return true }
        let piece = try handle.bytes(at: file.scannedTo, Int(min(size - file.scannedTo, Int64(Self.blockBytes))))
        guard !piece.isEmpty, piece.withUnsafeBytes({ memchr($0.baseAddress!, 0x0A, $0.count) }) == nil else { return true }
        file.scannedTo += Int64(piece.count)
        return file.scannedTo - file.place.offset > Int64(splitter.maximumLine) + 1
    }
}
