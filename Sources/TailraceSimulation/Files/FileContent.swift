import TailraceCore

/// The bytes of a file: as everybody reads them, as the platter has them, and the changes between the two, in order. A loss
/// of power keeps of those changes what the seed says: nothing, all, a prefix, or any mixture sector by sector.
struct FileContent {
    private enum Change {
        case write(at: Int, Bytes)
        case resize(Int)
    }
    static let sector = 512
    private(set) var bytes: [UInt8] = []
    private var durable: [UInt8] = []
    private var changes: [Change] = []

    var count: Int { bytes.count }
    var hasChanges: Bool { !changes.isEmpty }

    mutating func write(_ piece: Bytes, at offset: Int) {
        changes.append(.write(at: offset, piece))
        Self.apply(piece, offset, to: &bytes)
    }
    mutating func resize(to size: Int) {
        changes.append(.resize(size))
        Self.resize(&bytes, size)
    }
    /// What another program wrote, which is not the matter of a test: durable at once.
    mutating func set(_ all: [UInt8]) { (bytes, durable, changes) = (all, all, []) }
    mutating func add(_ more: some Sequence<UInt8>) {
        precondition(changes.isEmpty, "a file of the agent was appended to by the test")
        let start = bytes.count
        bytes.append(contentsOf: more)
        durable.append(contentsOf: bytes[start...])
    }

    mutating func sync() {
        for change in changes { Self.apply(change, to: &durable) }
        changes = []
    }

    /// A sync that failed. As Linux does it: the pages count as clean from now on, so a later sync that succeeds does not write
    /// them; until the power goes they are read as if nothing had happened.
    mutating func failSync(_ random: inout SeededRandom) {
        durable = survivors(&random)
        changes = []
    }

    mutating func losePower(_ random: inout SeededRandom) {
        durable = survivors(&random)
        (bytes, changes) = (durable, [])
    }

    private func survivors(_ random: inout SeededRandom) -> [UInt8] {
        var result = durable
        guard !changes.isEmpty else { return result }
        switch random.below(4) {
        case 0: break
        case 1: for change in changes { Self.apply(change, to: &result) }
        case 2:
            let whole = random.below(changes.count)
            for change in changes.prefix(whole) { Self.apply(change, to: &result) }
            if case .write(let offset, let piece) = changes[whole], piece.count > 0 {
                Self.apply(piece.prefix(random.below(piece.count)), offset, to: &result)
            }
        default: mix(&result, &random)
        }
        return result
    }

    /// Of each sector so many of its versions were written, of the size so many of its changes.
    private func mix(_ result: inout [UInt8], _ random: inout SeededRandom) {
        var versions: [Int: Int] = [:]
        let sizes = random.below(changes.count + 1)
        for (index, change) in changes.enumerated() {
            switch change {
            case .resize(let size): if index < sizes { Self.resize(&result, size) }
            case .write(let start, let piece):
                if index < sizes, start + piece.count > result.count { Self.resize(&result, start + piece.count) }
                var done = 0
                while done < piece.count {
                    let at = start + done, sector = at / Self.sector
                    let count = min(piece.count - done, (sector + 1) * Self.sector - at)
                    let kept = versions[sector] ?? random.below(changes.count + 1)
                    versions[sector] = kept
                    let inside = min(count, result.count - at)
                    if index < kept, inside > 0 {
                        let from = piece.startIndex + done
                        Self.apply(piece[from..<from + inside], at, to: &result)
                    }
                    done += count
                }
            }
        }
    }

    private static func apply(_ change: Change, to bytes: inout [UInt8]) {
        switch change {
        case .write(let offset, let piece): apply(piece, offset, to: &bytes)
        case .resize(let size): resize(&bytes, size)
        }
    }
    private static func apply(_ piece: Bytes, _ offset: Int, to bytes: inout [UInt8]) {
        if offset == bytes.count {
            bytes.append(contentsOf: piece)
        } else {
            if offset + piece.count > bytes.count { resize(&bytes, offset + piece.count) }
            bytes.replaceSubrange(offset..<offset + piece.count, with: piece)
        }
    }
    private static func resize(_ bytes: inout [UInt8], _ size: Int) {
        if size < bytes.count {
            bytes.removeLast(bytes.count - size)
        } else {
            bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))
        }
    }
}
